//! Trees of large indexes, read slowly.

use std::io::Read;

use anyhow::{Result, ensure};

use super::super::client::HostileClient;
use super::INDEX;
use crate::load::image::MANIFEST;

const REPOSITORY: &str = "hostile/trees";

/// Number of descriptors, whose content is absent.
const DESCRIPTORS: usize = 5500;

/// Annotation that is longer in the response than in the request.
const ANNOTATION: &str = "\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}";

/// Stores a large index.
pub(crate) fn prepare(client: &mut HostileClient<'_>) -> Result<()> {
    let descriptors: Vec<_> = (0..DESCRIPTORS)
        .map(|number| {
            serde_json::json!({
                "mediaType": MANIFEST,
                "digest": format!("sha256:{number:064x}"),
                "size": 1,
                "annotations": { "a": ANNOTATION.repeat(9) },
            })
        })
        .collect();
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors,
    });
    let response = client.put_manifest(REPOSITORY, "large", INDEX, index.to_string().into())?;
    ensure!(
        response.status == 201,
        "the large index was answered with {}: {}",
        response.status,
        String::from_utf8_lossy(&response.body)
    );
    Ok(())
}

/// Requests the tree of the index, reads a part of the response, and stalls.
pub(crate) fn read(client: &mut HostileClient<'_>) -> Result<()> {
    let target = format!("/api/v1/repositories/{REPOSITORY}/-/tree/large");
    if client.random.one_in(2) {
        client.get(&target)?;
        return Ok(());
    }
    let mut stream = client.open()?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    client.write(&mut stream, request.as_bytes())?;
    client.read_status(&mut stream, &target)?;
    let mut part = [0; 100];
    client.hold(|| {
        let _ = stream.read(&mut part);
    });
    Ok(())
}
