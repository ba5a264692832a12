//! Fuzz target for `registries.conf`.
//!
//! An input consists of up to three pieces: an image reference, the document, and a drop-in.

use std::path::Path;

use portolan_hosts::{Registries, parse_registries};
use portolan_model::ImageReference;

use super::pieces;

/// Decodes an input to documents and an image reference, and locates the image.
///
/// # Panics
/// Panics if a location has no host, or if the location to write is not the one in the reference.
pub fn registries_conf(data: &[u8]) {
    let mut pieces = pieces::split(data).map(String::from_utf8_lossy);
    let image = pieces.next().unwrap_or_default();
    let mut registries = Registries::default();
    for text in pieces.take(2) {
        if let Ok(document) = parse_registries(&text, Path::new("registries.conf")) {
            registries.extend(document);
        }
    }
    let _ = registries.is_insecure(&image);
    let Ok(image) = image.parse::<ImageReference>() else {
        return;
    };
    let Ok(locations) = registries.locate(&image) else {
        return;
    };
    assert_eq!(
        (&locations.target.host, &locations.target.repository),
        (&image.host, &image.repository),
        "writes have to go to the location in the reference"
    );
    let mirrors = locations.mirrors.iter().map(|mirror| &mirror.location);
    for location in mirrors.chain([&locations.primary]) {
        assert!(
            image.host.is_empty() || !location.host.is_empty(),
            "a location has to have a host"
        );
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let version_2 = "unqualified-search-registries = ['quay.io']\n\
        [aliases]\nx = 'quay.io/team/x'\n\
        [[registry]]\nprefix = 'a.io/team'\nlocation = 'internal:5000/all/'\ninsecure = true\n\
        [[registry.mirror]]\nlocation = 'm.io/x'\npull-from-mirror = 'digest-only'\n\
        [[registry]]\nprefix = '*.example.com'\nblocked = true\n";
    let version_1 = "[registries.search]\nregistries = ['docker.io']\n\
        [registries.insecure]\nregistries = ['a.io']\n\
        [registries.block]\nregistries = ['b.io']\n";
    let broken = "[[registry]]\nprefix = 1\n[[registry]]\nlocation = 'a.io'\n\
        [[registry.mirror]]\ninsecure = 'yes'\n";
    let digest = format!("a.io/team/app:v1@sha256:{}", "0".repeat(64));
    [
        "alpine",
        "a.io/team/app:v1",
        "x.example.com:5000/app",
        &digest,
    ]
    .into_iter()
    .flat_map(|image| {
        [version_2, version_1, broken].map(|document| {
            let pieces = [image, document, "[[registry]]\nlocation = 'a.io/team'\n"];
            pieces::join(&pieces.map(|piece| piece.as_bytes().to_vec()))
        })
    })
    .collect()
}
