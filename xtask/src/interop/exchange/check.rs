//! Compares what arrived in the registry with what it was called on disk.

use std::fs::File;
use std::io::{Seek, Write};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::document::Algorithm;
use super::super::place::Place;
use super::super::registry::Registry;
use super::form::Content;

/// Fails unless the tag stands for this content and everything below it is there.
pub(crate) fn compare(registry: &mut Registry, content: &Content, place: &Place) -> Result<()> {
    match content {
        Content::Manifest(digest) => registry.walk(digest, place).map(drop),
        Content::Config(digest) => compare_image(registry, digest, place),
    }
}

/// Fails unless the tag stands for an image with this config, whose layers unpack to what the config says.
fn compare_image(registry: &mut Registry, config: &str, place: &Place) -> Result<()> {
    let children = registry.manifest(place, &place.tag)?.children();
    let (found, layers) = children.split_first().context("an image without config")?;
    ensure!(
        found == config,
        "the image has the config {found}, not {config}"
    );
    let document: Value = serde_json::from_slice(&registry.blob(place, config)?.bytes)?;
    let mut unpacked = Vec::new();
    for layer in layers {
        unpacked.push(Value::from(diff_id(&registry.blob(place, layer)?.bytes)?));
    }
    let wanted = &document["rootfs"]["diff_ids"];
    ensure!(
        *wanted == Value::from(unpacked.clone()),
        "the layers unpack to {unpacked:?}, not {wanted}"
    );
    Ok(())
}

/// The digest of a layer's tar, gzipped or not.
fn diff_id(layer: &[u8]) -> Result<String> {
    let mut file: File = tempfile::tempfile()?;
    file.write_all(layer)?;
    file.rewind()?;
    let output = Command::new("gzip")
        .args(["--decompress", "--force", "--stdout"])
        .stdin(file)
        .output()?;
    ensure!(output.status.success(), "gzip ended with {}", output.status);
    Ok(Algorithm::Sha256.digest(&output.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_unpacked_if_it_is_packed() {
        let tar = b"as if it were a tar".as_slice();
        let digest = Algorithm::Sha256.digest(tar);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(tar).unwrap();
        file.rewind().unwrap();
        let gzipped = Command::new("gzip")
            .arg("--stdout")
            .stdin(file)
            .output()
            .unwrap()
            .stdout;
        assert_ne!(gzipped, tar);
        assert_eq!(diff_id(tar).unwrap(), digest);
        assert_eq!(diff_id(&gzipped).unwrap(), digest);
    }
}
