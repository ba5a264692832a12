//! Cases about indexes with media types of only one family, OCI or Docker.

use portolan_model::MediaType;
use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, image};
use serde_json::json;

use crate::corpus::case::Case;
use crate::corpus::document::{Document, TextDocument, with_member, with_platform};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    vec![
        platforms("kind/oci-index", IndexFixture::oci(), |image| image),
        platforms(
            "kind/docker-list",
            IndexFixture::docker(),
            ImageFixture::docker,
        ),
        nested_index(),
        docker_lists_in_a_list(),
        Case::new("kind/empty-index", &IndexFixture::oci()),
        Case::new("kind/empty-docker-list", &IndexFixture::docker()),
        buildkit_cache(),
        unknown_as_manifest(),
        unknown_as_blob(),
        unknown_child_first(),
        attestations(),
        without_platform(),
        sparse_index(),
        Case::new(
            "kind/custom-type",
            &TextDocument::new(media::UNKNOWN, r#"{"soundings":[3,5,8]}"#),
        ),
        Case::new(
            "kind/custom-type-that-is-not-json",
            &TextDocument::new("application/vnd.example.chart", "here be dragons"),
        ),
        unusual_white_space(),
    ]
}

fn platforms(
    name: &'static str,
    index: IndexFixture,
    family: fn(ImageFixture) -> ImageFixture,
) -> Case {
    let amd64 = family(image("amd64"));
    let arm64 = family(image("arm64").built_for("linux/arm64"));
    let arm = family(image("arm").built_for("linux/arm/v7"));
    let index = index
        .image(&amd64, "linux/amd64")
        .image(&arm64, "linux/arm64")
        .image(&arm, "linux/arm/v7");
    Case::new(name, &index)
        .with_document("amd64", &amd64)
        .with_document("arm64", &arm64)
        .with_document("arm", &arm)
}

fn nested_index() -> Case {
    let (deep, beside) = (image("deep"), image("beside").built_for("linux/arm64"));
    let inner = IndexFixture::oci().image(&deep, "linux/amd64");
    let middle = IndexFixture::oci().nested_index(&inner, Some("linux/amd64"));
    let root = IndexFixture::oci()
        .nested_index(&middle, Some("linux/amd64"))
        .image(&beside, "linux/arm64");
    Case::new("kind/nested-index", &root)
        .with_document("middle", &middle)
        .with_document("inner", &inner)
        .with_document("deep", &deep)
        .with_document("beside", &beside)
}

fn docker_lists_in_a_list() -> Case {
    let image = image("a").docker();
    let inner = IndexFixture::docker().image(&image, "linux/amd64");
    let root = IndexFixture::docker().nested_index(&inner, Some("linux/amd64"));
    Case::new("kind/docker-list-in-a-list", &root)
        .with_document("inner", &inner)
        .with_document("the image", &image)
}

/// Creates a case with a build cache as `buildctl --export-cache type=registry` writes it: an index
/// whose children are layers and a cache config.
fn buildkit_cache() -> Case {
    let records = json!({"layers": [], "records": []}).to_string();
    let root = IndexFixture::oci()
        .child_of_type(MediaType::OCI_LAYER_GZIP, &blob("layer"), None)
        .child_of_type(media::BUILDKIT_CONFIG, records.as_bytes(), None);
    Case::new("kind/buildkit-cache", &root)
        .with_blob("the layer", blob("layer"))
        .with_blob("the records", records)
}

fn unknown_as_manifest() -> Case {
    let (known, unknown) = (
        image("a"),
        TextDocument::new(media::UNKNOWN, r#"{"pushed":"to /manifests/"}"#),
    );
    let root = IndexFixture::oci()
        .image(&known, "linux/amd64")
        .child(unknown.describe());
    Case::new("kind/unknown-child-as-manifest", &root)
        .with_document("the image", &known)
        .with_document("the chart", &unknown)
}

fn unknown_as_blob() -> Case {
    let (known, unknown) = (
        image("a"),
        TextDocument::new(media::UNKNOWN, r#"{"pushed":"to /blobs/"}"#),
    );
    let root = IndexFixture::oci()
        .image(&known, "linux/amd64")
        .child(unknown.describe());
    Case::new("kind/unknown-child-as-blob", &root)
        .with_document("the image", &known)
        .with_blob("the chart", unknown.bytes())
}

/// Creates a case with an index whose first child for `linux/amd64` has an unknown media type.
/// containerd selects it and fails, although the second child is usable.
fn unknown_child_first() -> Case {
    let (known, unknown) = (
        image("a"),
        TextDocument::new(media::UNKNOWN, r#"{"stands":"first"}"#),
    );
    let root = IndexFixture::oci()
        .child(with_platform(unknown.describe(), "linux/amd64"))
        .image(&known, "linux/amd64");
    Case::new("kind/unknown-child-first", &root)
        .with_document("the image", &known)
        .with_document("the chart", &unknown)
}

/// Creates a case with an index of two images, each with an attestation as BuildKit adds it.
fn attestations() -> Case {
    let (amd64, arm64) = (image("amd64"), image("arm64").built_for("linux/arm64"));
    let (first, second) = (statement("first"), statement("second"));
    let root = IndexFixture::oci()
        .image(&amd64, "linux/amd64")
        .image(&arm64, "linux/arm64")
        .child(attestation_descriptor(&first, &amd64))
        .child(attestation_descriptor(&second, &arm64));
    Case::new("kind/attestations", &root)
        .with_document("amd64", &amd64)
        .with_document("arm64", &arm64)
        .with_document("the first attestation", &first)
        .with_document("the second attestation", &second)
}

fn statement(name: &str) -> ImageFixture {
    image(name)
        .built_for("unknown/unknown")
        .layers([])
        .layer_of_type(media::IN_TOTO, name)
}

fn attestation_descriptor(statement: &ImageFixture, image: &ImageFixture) -> serde_json::Value {
    let annotations = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": image.digest(),
    });
    with_member(
        with_platform(statement.describe(), "unknown/unknown"),
        "annotations",
        annotations,
    )
}

fn without_platform() -> Case {
    let image = image("a");
    Case::new(
        "kind/child-without-platform",
        &IndexFixture::oci().without_platform(&image),
    )
    .with_document("the image", &image)
}

fn sparse_index() -> Case {
    let (here, elsewhere) = (image("here"), image("elsewhere").built_for("linux/arm64"));
    let root = IndexFixture::oci()
        .image(&here, "linux/amd64")
        .image(&elsewhere, "linux/arm64");
    Case::new("kind/sparse-index", &root)
        .with_document("here", &here)
        .without("elsewhere", &elsewhere.digest())
}

/// Creates a case with a document that has unusual but valid white space, escapes and order of
/// keys.
fn unusual_white_space() -> Case {
    let text = "{\n  \"manifests\": [],\n  \"mediaType\": \"application\\/vnd.oci.image.index.v1+json\",\n  \"schemaVersion\": 2\n}\n";
    Case::new(
        "kind/unusual-white-space",
        &TextDocument::new(MediaType::OCI_INDEX, text),
    )
}
