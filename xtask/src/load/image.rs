//! Small images that differ in every byte, with the digests of what was made.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::Random;

/// The media type of the manifests made here.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Bytes and their digest.
#[derive(Clone)]
pub(crate) struct Blob {
    pub(crate) bytes: Bytes,
    pub(crate) digest: String,
}

impl Blob {
    /// Hashes `bytes`.
    pub(crate) fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let digest = digest(&bytes);
        Self { bytes, digest }
    }

    /// So many bytes nobody else has.
    pub(crate) fn random(random: &mut Random, length: usize) -> Self {
        Self::new(random.bytes(length))
    }

    /// A manifest like any other, told from its like by a number in its annotations; it names only `config`.
    pub(crate) fn manifest(config: &Blob, layers: &[Blob], number: u64) -> Self {
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

/// A manifest and the blobs it names.
pub(crate) struct Image {
    pub(crate) config: Blob,
    pub(crate) layers: Vec<Blob>,
    pub(crate) manifest: Blob,
}

impl Image {
    /// An image whose own layers have the given lengths, on top of the layers of `base`.
    pub(crate) fn random(random: &mut Random, base: &[Blob], lengths: &[usize]) -> Self {
        let config = serde_json::json!({
            "architecture": "amd64",
            "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": [] },
            "nonce": format!("{:016x}{:016x}", random.next(), random.next()),
        });
        let config = Blob::new(config.to_string());
        let own = lengths.iter().map(|&length| Blob::random(random, length));
        let layers: Vec<_> = base.iter().cloned().chain(own).collect();
        let manifest = Blob::manifest(&config, &layers, random.next());
        Self {
            config,
            layers,
            manifest,
        }
    }

    /// Config and layers.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Blob> {
        std::iter::once(&self.config).chain(&self.layers)
    }
}

/// `sha256:` and the hash of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> String {
    named(Sha256::digest(bytes).into())
}

/// A finished SHA-256 as registries write it.
pub(crate) fn named(hash: [u8; 32]) -> String {
    format!("sha256:{:x}", Bytes::copy_from_slice(&hash))
}

fn descriptor(media_type: &str, blob: &Blob) -> serde_json::Value {
    serde_json::json!({ "mediaType": media_type, "digest": blob.digest, "size": blob.bytes.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_what_sha256sum_prints() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(b""), empty);
    }

    #[test]
    fn images_on_one_base_share_it_and_nothing_else() {
        let mut random = Random::new(1, 1);
        let base = [Blob::random(&mut random, 10)];
        let first = Image::random(&mut random, &base, &[5]);
        let second = Image::random(&mut random, &base, &[5]);
        assert_eq!(first.layers[0].digest, second.layers[0].digest);
        assert_ne!(first.layers[1].digest, second.layers[1].digest);
        assert_ne!(first.config.digest, second.config.digest);
        assert_ne!(first.manifest.digest, second.manifest.digest);
    }
}
