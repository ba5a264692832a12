//! Small images with distinct random content, with their digests.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::Random;

/// Media type of the manifests.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Bytes and their digest.
#[derive(Clone)]
pub struct LoadBlob {
    /// Content.
    pub bytes: Bytes,
    /// SHA-256 digest of the content.
    pub digest: String,
}

impl LoadBlob {
    /// Creates a blob by hashing `bytes`.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let digest = digest(&bytes);
        Self { bytes, digest }
    }

    /// Creates a blob of `length` random bytes.
    pub fn random(random: &mut Random, length: usize) -> Self {
        Self::new(random.bytes(length))
    }

    /// Creates a manifest with `config` and `layers`. The number in its annotations distinguishes
    /// it from others.
    pub fn manifest(config: &LoadBlob, layers: &[LoadBlob], number: u64) -> Self {
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| descriptor(LAYER, layer))
            .collect();
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, config),
            "layers": layers,
            "annotations": { "portolan.load.number": number.to_string() },
        });
        Self::new(manifest.to_string())
    }
}

/// Manifest with the blobs that it names.
pub struct LoadImage {
    /// Config of the image.
    pub config: LoadBlob,
    /// Layers, the lowest first.
    pub layers: Vec<LoadBlob>,
    /// Manifest that names config and layers.
    pub manifest: LoadBlob,
}

impl LoadImage {
    /// Creates an image whose own layers have the given lengths, on top of the layers of `base`.
    pub fn random(random: &mut Random, base: &[LoadBlob], lengths: &[usize]) -> Self {
        let config = serde_json::json!({
            "architecture": "amd64",
            "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": [] },
            "nonce": format!("{:016x}{:016x}", random.next_u64(), random.next_u64()),
        });
        let config = LoadBlob::new(config.to_string());
        let own = lengths
            .iter()
            .map(|&length| LoadBlob::random(random, length));
        let layers: Vec<_> = base.iter().cloned().chain(own).collect();
        let manifest = LoadBlob::manifest(&config, &layers, random.next_u64());
        Self {
            config,
            layers,
            manifest,
        }
    }

    /// Returns config and layers.
    pub fn blobs(&self) -> impl Iterator<Item = &LoadBlob> {
        std::iter::once(&self.config).chain(&self.layers)
    }
}

/// Returns the SHA-256 digest of `bytes`.
pub fn digest(bytes: &[u8]) -> String {
    format_digest(Sha256::digest(bytes).into())
}

/// Formats a SHA-256 hash as a digest.
pub fn format_digest(hash: [u8; 32]) -> String {
    format!("sha256:{:x}", Bytes::copy_from_slice(&hash))
}

fn descriptor(media_type: &str, blob: &LoadBlob) -> serde_json::Value {
    serde_json::json!({ "mediaType": media_type, "digest": blob.digest, "size": blob.bytes.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_matches_sha256sum() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(b""), empty);
    }

    #[test]
    fn images_with_the_same_base_share_only_the_base() {
        let mut random = Random::new(1, 1);
        let base = [LoadBlob::random(&mut random, 10)];
        let first = LoadImage::random(&mut random, &base, &[5]);
        let second = LoadImage::random(&mut random, &base, &[5]);
        assert_eq!(first.layers[0].digest, second.layers[0].digest);
        assert_ne!(first.layers[1].digest, second.layers[1].digest);
        assert_ne!(first.config.digest, second.config.digest);
        assert_ne!(first.manifest.digest, second.manifest.digest);
    }
}
