//! Comparison of the content in the registry with the digest that it had on disk.

use std::fs::File;
use std::io::{Seek, Write};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::super::document::Algorithm;
use super::super::reference::TaggedReference;
use super::super::registry::RegistryConnection;
use super::form::DiskContent;

/// Checks that the tag points to this content, and that everything below it exists.
pub(crate) fn check_content(
    registry: &mut RegistryConnection,
    content: &DiskContent,
    place: &TaggedReference,
) -> Result<()> {
    match content {
        DiskContent::Manifest(digest) => registry.check_tree(digest, place).map(drop),
        DiskContent::Config(digest) => check_image(registry, digest, place),
    }
}

/// Checks that the tag points to an image with this config, and that its layers unpack to the
/// config's diff ids.
fn check_image(
    registry: &mut RegistryConnection,
    config: &str,
    place: &TaggedReference,
) -> Result<()> {
    let children = registry.manifest(place, &place.tag)?.children();
    let (found, layers) = children.split_first().context("the image has no config")?;
    ensure!(
        found == config,
        "the image has config {found} instead of {config}"
    );
    let document: Value = serde_json::from_slice(&registry.blob(place, config)?.bytes)?;
    let mut unpacked = Vec::new();
    for layer in layers {
        unpacked.push(Value::from(diff_id(&registry.blob(place, layer)?.bytes)?));
    }
    let wanted = &document["rootfs"]["diff_ids"];
    ensure!(
        *wanted == Value::from(unpacked.clone()),
        "the layers unpack to {unpacked:?} instead of {wanted}"
    );
    Ok(())
}

/// Returns the digest of a layer's tar. The layer may be gzipped.
fn diff_id(layer: &[u8]) -> Result<String> {
    let mut file: File = tempfile::tempfile()?;
    file.write_all(layer)?;
    file.rewind()?;
    let output = Command::new("gzip")
        .args(["--decompress", "--force", "--stdout"])
        .stdin(file)
        .output()?;
    ensure!(
        output.status.success(),
        "gzip exited with {}",
        output.status
    );
    Ok(Algorithm::Sha256.digest(&output.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decompresses_gzipped_layers_only() {
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
