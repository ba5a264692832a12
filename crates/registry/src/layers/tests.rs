//! Images in a registry in memory, with layers of every kind.

use std::sync::Arc;

use portolan_model::fixtures::{ImageFixture, IndexFixture, image, repository};
use portolan_model::lint::LintLimits;
use portolan_model::{MediaType, Rule};
use serde_json::json;

use super::*;
use crate::memory::MemoryRegistry;
use crate::{Context, PutManifest, lint};

const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Image with layers, each given by type, content, and the content whose digest is its `diff_id`.
struct Layers<'a>(&'a [(&'a str, &'a [u8], &'a [u8])]);

impl Layers<'_> {
    fn image(&self) -> ImageFixture {
        let diff_ids: Vec<_> = self
            .0
            .iter()
            .map(|(.., content)| Digest::sha256(content))
            .collect();
        let layers: Vec<_> = self
            .0
            .iter()
            .map(|(media_type, content, _)| {
                json!({"mediaType": media_type, "digest": Digest::sha256(content), "size": content.len()})
            })
            .collect();
        image("a")
            .config_field("rootfs", json!({"type": "layers", "diff_ids": diff_ids}))
            .field("layers", json!(layers))
    }

    async fn push(&self, repository: &Repository) -> ImageFixture {
        let image = self.image();
        for (_, content, _) in self.0 {
            let content = Bytes::copy_from_slice(content);
            repository
                .put_blob(&Digest::sha256(&content), content)
                .await
                .unwrap();
        }
        put(repository, &image).await;
        image
    }
}

async fn put(repository: &Repository, image: &ImageFixture) {
    for content in image.blobs() {
        repository
            .put_blob(&Digest::sha256(&content), content)
            .await
            .unwrap();
    }
    let options = PutManifest {
        media_type: Some(image.media_type()),
        ..PutManifest::default()
    };
    repository.put(image.bytes(), options).await.unwrap();
}

fn new_repository() -> Repository {
    let registry = Arc::new(MemoryRegistry::new());
    Repository::new(registry, Context::anonymous(), repository("app"))
}

/// Returns the rules and positions of the findings about the layers of an image.
async fn findings(layers: &[(&str, &[u8], &[u8])], limits: LayerLimits) -> Vec<(Rule, String)> {
    let repository = new_repository();
    let image = Layers(layers).push(&repository).await;
    let reference = image.digest().into();
    let mut tree = lint(&repository, &reference, LintLimits::default())
        .await
        .unwrap();
    let before = tree.findings().count();
    lint_layers(&repository, &mut tree, limits).await.unwrap();
    let findings = tree.findings().skip(before);
    findings
        .map(|finding| (finding.rule, finding.pointer.clone()))
        .collect()
}

#[tokio::test]
async fn accepts_layers_that_unpack_to_their_diff_ids() {
    let text = "the content ".repeat(500_000);
    let text = text.as_bytes();
    let (gzipped, zstd) = (gzip(text), zstd::encode_all(text, 1).unwrap());
    let found = findings(
        &[
            (TAR, text, text),
            (MediaType::OCI_LAYER_GZIP, &gzipped, text),
            (ZSTD, &zstd, text),
            (TAR, b"", b""),
        ],
        LayerLimits::default(),
    )
    .await;
    assert_eq!(found, []);
}

#[tokio::test]
async fn reports_what_is_wrong_with_each_layer() {
    let packed = gzip(b"one");
    let found = findings(
        &[
            (MediaType::OCI_LAYER_GZIP, &packed, b"two"),
            (TAR, b"one", b"two"),
            (MediaType::OCI_LAYER_GZIP, b"plain", b"plain"),
            (TAR, &packed, b"one"),
            (MediaType::OCI_LAYER_GZIP, b"BZh91AY&SY...", b"one"),
            (TAR, b"\xfd7zXZ\0...", b"one"),
            (MediaType::OCI_LAYER_GZIP, &packed[..12], b"one"),
        ],
        LayerLimits::default(),
    )
    .await;
    let found: Vec<_> = found
        .iter()
        .map(|(rule, at)| (rule.id(), at.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("diff-id-mismatch", "/layers/0"),
            ("diff-id-mismatch", "/layers/1"),
            ("layer-compression", "/layers/2"),
            ("layer-compression", "/layers/3"),
            ("layer-compression", "/layers/4"),
            ("layer-compression", "/layers/5"),
            ("layer-unreadable", "/layers/6"),
        ]
    );
}

#[tokio::test]
async fn the_limit_is_for_unpacked_bytes_of_all_layers() {
    let large = vec![7; 100_000];
    let (packed, small) = (gzip(&large), gzip(b"small"));
    let layers: &[(&str, &[u8], &[u8])] = &[
        (MediaType::OCI_LAYER_GZIP, &packed, &large),
        (MediaType::OCI_LAYER_GZIP, &small, b"small"),
    ];
    let limited = |unpacked_bytes| findings(layers, LayerLimits { unpacked_bytes });
    assert_eq!(limited(100_005).await, []);
    let last = (Rule::LayerUnreadable, "/layers/1".to_owned());
    assert_eq!(limited(100_004).await, [last]);
    let first = (Rule::LayerUnreadable, "/layers/0".to_owned());
    assert_eq!(
        limited(99_999).await,
        [first],
        "smaller layers are still checked"
    );
    let mut damaged = packed.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let layers: &[(&str, &[u8], &[u8])] = &[
        (MediaType::OCI_LAYER_GZIP, &damaged, &large),
        (MediaType::OCI_LAYER_GZIP, &packed, &large),
    ];
    let unreadable = |layer| (Rule::LayerUnreadable, format!("/layers/{layer}"));
    assert_eq!(
        findings(
            layers,
            LayerLimits {
                unpacked_bytes: 150_000
            }
        )
        .await,
        [unreadable(0), unreadable(1)],
        "damaged layers count too"
    );
}

#[tokio::test]
async fn the_number_of_diff_ids_is_that_of_the_layers() {
    let repository = new_repository();
    let fixture = image("a").layers(["x", "y"]);
    let fixture = fixture.config_field("rootfs", json!({"type": "layers", "diff_ids": []}));
    put(&repository, &fixture).await;
    let reference = fixture.digest().into();
    let mut tree = lint(&repository, &reference, LintLimits::default())
        .await
        .unwrap();
    lint_layers(&repository, &mut tree, LayerLimits::default())
        .await
        .unwrap();
    let found = tree
        .findings()
        .filter(|finding| finding.rule == Rule::DiffIdMismatch);
    let messages: Vec<_> = found.map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        ["the manifest has 2 layers, but its config has 0 diff_ids"]
    );
}

#[tokio::test]
async fn findings_about_children_name_the_image() {
    let repository = new_repository();
    let layers: &[(&str, &[u8], &[u8])] = &[(TAR, b"one", b"two")];
    let child = Layers(layers).push(&repository).await;
    let index = IndexFixture::oci().image(&child, "linux/amd64");
    let options = PutManifest {
        media_type: Some(index.media_type()),
        ..PutManifest::default()
    };
    repository.put(index.bytes(), options).await.unwrap();
    let reference = index.digest().into();
    let mut tree = lint(&repository, &reference, LintLimits::default())
        .await
        .unwrap();
    lint_layers(&repository, &mut tree, LayerLimits::default())
        .await
        .unwrap();
    let found: Vec<_> = tree
        .findings()
        .filter(|finding| finding.rule == Rule::DiffIdMismatch)
        .map(|finding| finding.document.clone())
        .collect();
    assert_eq!(found, [Some(child.digest())]);
}
