//! Cases about images with media types of only one family, OCI or Docker.

use portolan_model::fixtures::{IndexFixture, blob, descriptor_json, image, sha512};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use crate::corpus::case::Case;
use crate::corpus::document::with_member;
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("kind/oci-image", &image("a").layers(["base", "program"])),
        Case::new(
            "kind/docker-image",
            &image("a").docker().layers(["base", "program"]),
        ),
        Case::new("kind/zero-layers", &image("a").layers([])),
        Case::new(
            "kind/zstd-layer",
            &image("a").layer_of_type(media::OCI_LAYER_ZSTD, "newer"),
        ),
        Case::new(
            "kind/uncompressed-layer",
            &image("a").layer_of_type(media::OCI_LAYER, "plain"),
        ),
        foreign_layer(),
        non_distributable_layer(),
        annotated_image(),
        sha512_throughout(),
        named_by_sha512(),
    ]
}

fn foreign_layer() -> Case {
    let windows = image("windows")
        .docker()
        .layers([])
        .layer_of_type(media::DOCKER_FOREIGN, "elsewhere");
    Case::new("kind/docker-foreign-layer", &windows)
        .without("the foreign layer", &Digest::sha256(&blob("elsewhere")))
}

fn non_distributable_layer() -> Case {
    let windows = image("windows")
        .layers([])
        .layer_of_type(media::OCI_NON_DISTRIBUTABLE, "elsewhere");
    Case::new("kind/oci-non-distributable-layer", &windows)
        .without("the foreign layer", &Digest::sha256(&blob("elsewhere")))
}

fn annotated_image() -> Case {
    let annotations = json!({"org.opencontainers.image.created": "2026-01-02T03:04:05Z"});
    Case::new(
        "kind/annotated-image",
        &image("a").field("annotations", annotations),
    )
}

/// Creates a case with an image that uses only sha512 digests. Its index has a sha256 digest, so
/// that every client can reference it.
fn sha512_throughout() -> Case {
    let plain = image("a");
    let blobs = plain.blobs();
    let by_sha512 = |media_type, content: &[u8]| {
        with_member(
            descriptor_json(media_type, content),
            "digest",
            json!(sha512(content)),
        )
    };
    let image = plain
        .field("config", by_sha512(MediaType::OCI_CONFIG, &blobs[0]))
        .field(
            "layers",
            json!([by_sha512(MediaType::OCI_LAYER_GZIP, &blobs[1])]),
        );
    let child = by_sha512(MediaType::OCI_MANIFEST, &image.bytes());
    let root = IndexFixture::oci().child(with_member(
        child,
        "platform",
        json!({"os": "linux", "architecture": "amd64"}),
    ));
    Case::new("kind/sha512-throughout", &root)
        .with_manifest(
            "the image",
            sha512(&image.bytes()),
            &image.media_type(),
            image.bytes(),
        )
        .with_blob_under("the config", sha512(&blobs[0]), blobs[0].clone())
        .with_blob_under("the layer", sha512(&blobs[1]), blobs[1].clone())
}

fn named_by_sha512() -> Case {
    let image = image("a");
    let child = with_member(
        json!(image.descriptor()),
        "digest",
        json!(sha512(&image.bytes())),
    );
    let root = IndexFixture::oci().child(with_member(
        child,
        "platform",
        json!({"os": "linux", "architecture": "amd64"}),
    ));
    let case = Case::new("kind/child-named-by-sha512", &root).with_document("the image", &image);
    case.with_manifest(
        "the image by sha512",
        sha512(&image.bytes()),
        &image.media_type(),
        image.bytes(),
    )
}
