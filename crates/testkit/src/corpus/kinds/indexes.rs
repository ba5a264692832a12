//! Indexes, of one family throughout.

use portolan_model::MediaType;
use portolan_model::fixtures::{Image, Index, blob, image};
use serde_json::json;

use crate::corpus::case::Case;
use crate::corpus::document::{Document, Text, on, with};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    vec![
        platforms("kind/oci-index", Index::oci(), |image| image),
        platforms("kind/docker-list", Index::docker(), Image::docker),
        nested(),
        docker_lists_in_a_list(),
        Case::new("kind/empty-index", &Index::oci()),
        Case::new("kind/empty-docker-list", &Index::docker()),
        buildkit_cache(),
        unknown_as_manifest(),
        unknown_as_blob(),
        unknown_first_for_the_platform(),
        attestations(),
        without_platform(),
        sparse(),
        Case::new(
            "kind/custom-type",
            &Text::new(media::UNKNOWN, r#"{"soundings":[3,5,8]}"#),
        ),
        Case::new(
            "kind/custom-type-that-is-no-json",
            &Text::new("application/vnd.example.chart", "here be dragons"),
        ),
        spaced_out(),
    ]
}

fn platforms(name: &'static str, index: Index, family: fn(Image) -> Image) -> Case {
    let amd64 = family(image("amd64"));
    let arm64 = family(image("arm64").built_for("linux/arm64"));
    let arm = family(image("arm").built_for("linux/arm/v7"));
    let index = index
        .image(&amd64, "linux/amd64")
        .image(&arm64, "linux/arm64")
        .image(&arm, "linux/arm/v7");
    Case::new(name, &index)
        .holds("amd64", &amd64)
        .holds("arm64", &arm64)
        .holds("arm", &arm)
}

fn nested() -> Case {
    let (deep, beside) = (image("deep"), image("beside").built_for("linux/arm64"));
    let inner = Index::oci().image(&deep, "linux/amd64");
    let middle = Index::oci().nested(&inner, Some("linux/amd64"));
    let root = Index::oci()
        .nested(&middle, Some("linux/amd64"))
        .image(&beside, "linux/arm64");
    Case::new("kind/nested-index", &root)
        .holds("middle", &middle)
        .holds("inner", &inner)
        .holds("deep", &deep)
        .holds("beside", &beside)
}

fn docker_lists_in_a_list() -> Case {
    let image = image("a").docker();
    let inner = Index::docker().image(&image, "linux/amd64");
    let root = Index::docker().nested(&inner, Some("linux/amd64"));
    Case::new("kind/docker-list-in-a-list", &root)
        .holds("inner", &inner)
        .holds("the image", &image)
}

/// As `buildctl --export-cache type=registry` writes it: an index whose children are layers and a configuration.
fn buildkit_cache() -> Case {
    let records = json!({"layers": [], "records": []}).to_string();
    let root = Index::oci()
        .child_of_type(MediaType::OCI_LAYER_GZIP, &blob("layer"), None)
        .child_of_type(media::BUILDKIT_CONFIG, records.as_bytes(), None);
    Case::new("kind/buildkit-cache", &root)
        .blob("the layer", blob("layer"))
        .blob("the records", records)
}

fn unknown_as_manifest() -> Case {
    let (known, unknown) = (
        image("a"),
        Text::new(media::UNKNOWN, r#"{"pushed":"to /manifests/"}"#),
    );
    let root = Index::oci()
        .image(&known, "linux/amd64")
        .child(unknown.describe());
    Case::new("kind/unknown-child-as-manifest", &root)
        .holds("the image", &known)
        .holds("the chart", &unknown)
}

fn unknown_as_blob() -> Case {
    let (known, unknown) = (
        image("a"),
        Text::new(media::UNKNOWN, r#"{"pushed":"to /blobs/"}"#),
    );
    let root = Index::oci()
        .image(&known, "linux/amd64")
        .child(unknown.describe());
    Case::new("kind/unknown-child-as-blob", &root)
        .holds("the image", &known)
        .blob("the chart", unknown.bytes())
}

/// containerd fails on this one: the entry that matches first is of no use to it.
fn unknown_first_for_the_platform() -> Case {
    let (known, unknown) = (
        image("a"),
        Text::new(media::UNKNOWN, r#"{"stands":"first"}"#),
    );
    let root = Index::oci()
        .child(on(unknown.describe(), "linux/amd64"))
        .image(&known, "linux/amd64");
    Case::new("kind/unknown-child-first", &root)
        .holds("the image", &known)
        .holds("the chart", &unknown)
}

/// Two images, each with an attestation as BuildKit adds it.
fn attestations() -> Case {
    let (amd64, arm64) = (image("amd64"), image("arm64").built_for("linux/arm64"));
    let (first, second) = (statement("first"), statement("second"));
    let root = Index::oci()
        .image(&amd64, "linux/amd64")
        .image(&arm64, "linux/arm64")
        .child(attesting(&first, &amd64))
        .child(attesting(&second, &arm64));
    Case::new("kind/attestations", &root)
        .holds("amd64", &amd64)
        .holds("arm64", &arm64)
        .holds("the first attestation", &first)
        .holds("the second attestation", &second)
}

fn statement(name: &str) -> Image {
    image(name)
        .built_for("unknown/unknown")
        .layers([])
        .layer_of_type(media::IN_TOTO, name)
}

fn attesting(statement: &Image, image: &Image) -> serde_json::Value {
    let annotations = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": image.digest(),
    });
    with(
        on(statement.describe(), "unknown/unknown"),
        "annotations",
        annotations,
    )
}

fn without_platform() -> Case {
    let image = image("a");
    Case::new(
        "kind/child-without-platform",
        &Index::oci().without_platform(&image),
    )
    .holds("the image", &image)
}

fn sparse() -> Case {
    let (here, elsewhere) = (image("here"), image("elsewhere").built_for("linux/arm64"));
    let root = Index::oci()
        .image(&here, "linux/amd64")
        .image(&elsewhere, "linux/arm64");
    Case::new("kind/sparse-index", &root)
        .holds("here", &here)
        .lacks("elsewhere", &elsewhere.digest())
}

/// White space, escapes and the order of keys are whatever the writer likes.
fn spaced_out() -> Case {
    let text = "{\n  \"manifests\": [],\n  \"mediaType\": \"application\\/vnd.oci.image.index.v1+json\",\n  \"schemaVersion\": 2\n}\n";
    Case::new("kind/spaced-out", &Text::new(MediaType::OCI_INDEX, text))
}
