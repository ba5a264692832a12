//! Cases about artifacts, subjects and embedded data.

use portolan_model::fixtures::{ImageFixture, IndexFixture, descriptor_json, image};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use crate::corpus::case::Case;
use crate::corpus::document::{Document, TextDocument, with_member, with_platform};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    vec![
        with_artifact_blobs(Case::new("kind/artifact", &artifact())),
        artifact_with_subject(),
        artifact_with_missing_subject(),
        index_with_subject(),
        embedded_data(),
        helm_chart(),
        withdrawn_artifact(),
    ]
}

/// Returns an artifact with an empty config and a layer of ten bytes of text.
fn artifact() -> ImageFixture {
    image("artifact")
        .field("artifactType", json!(media::ARTIFACT))
        .field("config", descriptor_json(MediaType::OCI_EMPTY, b"{}"))
        .field(
            "layers",
            json!([descriptor_json("text/plain", b"five knots")]),
        )
}

fn with_artifact_blobs(case: Case) -> Case {
    case.with_blob("the empty config", "{}")
        .with_blob("the text", "five knots")
}

fn artifact_with_subject() -> Case {
    let subject = image("subject");
    with_artifact_blobs(Case::new(
        "kind/artifact-with-subject",
        &artifact().subject(&subject.descriptor()),
    ))
    .with_document("the subject", &subject)
}

fn artifact_with_missing_subject() -> Case {
    let subject = image("subject");
    with_artifact_blobs(Case::new(
        "kind/artifact-with-absent-subject",
        &artifact().subject(&subject.descriptor()),
    ))
    .without("the subject", &subject.digest())
}

fn index_with_subject() -> Case {
    let (image, subject) = (image("a"), image("subject"));
    let root = IndexFixture::oci()
        .image(&image, "linux/amd64")
        .field("subject", json!(subject.descriptor()));
    Case::new("kind/index-with-subject", &root)
        .with_document("the image", &image)
        .with_document("the subject", &subject)
}

/// Creates a case with an image, and an artifact whose descriptors embed their content in base64.
fn embedded_data() -> Case {
    let image = image("a");
    let artifact = artifact()
        .field(
            "config",
            with_member(
                descriptor_json(MediaType::OCI_EMPTY, b"{}"),
                "data",
                json!("e30="),
            ),
        )
        .field(
            "layers",
            json!([with_member(
                descriptor_json("text/plain", b"five knots"),
                "data",
                json!("Zml2ZSBrbm90cw==")
            )]),
        );
    let root = IndexFixture::oci()
        .image(&image, "linux/amd64")
        .child(with_platform(artifact.describe(), "unknown/unknown"));
    with_artifact_blobs(Case::new("kind/embedded-data", &root))
        .with_document("the image", &image)
        .with_document("the artifact", &artifact)
}

fn helm_chart() -> Case {
    let (config, chart) = (r#"{"name":"sextant","version":"1.0.0"}"#, "a gzipped tar");
    let chart_type = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    let manifest = image("chart")
        .field(
            "config",
            descriptor_json(media::HELM_CONFIG, config.as_bytes()),
        )
        .field(
            "layers",
            json!([descriptor_json(chart_type, chart.as_bytes())]),
        );
    Case::new("kind/helm-chart", &manifest)
        .with_blob("the chart's config", config)
        .with_blob("the chart", chart)
}

/// Creates a case with the artifact manifest of the image-spec 1.1 release candidates, which is
/// still in use.
fn withdrawn_artifact() -> Case {
    let subject = image("subject");
    let document: Value = json!({
        "mediaType": MediaType::OCI_ARTIFACT,
        "artifactType": media::ARTIFACT,
        "blobs": [descriptor_json("text/plain", b"five knots")],
        "subject": subject.descriptor(),
    });
    Case::new(
        "kind/withdrawn-artifact-manifest",
        &TextDocument::new(MediaType::OCI_ARTIFACT, document.to_string()),
    )
    .with_blob("the text", "five knots")
    .without("the subject", &Digest::sha256(&subject.bytes()))
}
