//! Artifacts, subjects and embedded data.

use portolan_model::fixtures::{Image, Index, describe, image};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use crate::corpus::case::Case;
use crate::corpus::document::{Document, Text, on, with};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    vec![
        holding(Case::new("kind/artifact", &artifact())),
        artifact_of_a_subject(),
        artifact_of_an_absent_subject(),
        index_of_a_subject(),
        embedded_data(),
        helm_chart(),
        withdrawn_artifact(),
    ]
}

/// Ten bytes of text under an empty config.
fn artifact() -> Image {
    image("artifact")
        .field("artifactType", json!(media::ARTIFACT))
        .field("config", describe(MediaType::OCI_EMPTY, b"{}"))
        .field("layers", json!([describe("text/plain", b"five knots")]))
}

fn holding(case: Case) -> Case {
    case.blob("the empty config", "{}")
        .blob("the text", "five knots")
}

fn artifact_of_a_subject() -> Case {
    let subject = image("subject");
    holding(Case::new(
        "kind/artifact-with-subject",
        &artifact().subject(&subject.descriptor()),
    ))
    .holds("the subject", &subject)
}

fn artifact_of_an_absent_subject() -> Case {
    let subject = image("subject");
    holding(Case::new(
        "kind/artifact-with-absent-subject",
        &artifact().subject(&subject.descriptor()),
    ))
    .lacks("the subject", &subject.digest())
}

fn index_of_a_subject() -> Case {
    let (image, subject) = (image("a"), image("subject"));
    let root = Index::oci()
        .image(&image, "linux/amd64")
        .field("subject", json!(subject.descriptor()));
    Case::new("kind/index-with-subject", &root)
        .holds("the image", &image)
        .holds("the subject", &subject)
}

/// An image, and an artifact whose descriptors carry their content in base64.
fn embedded_data() -> Case {
    let image = image("a");
    let artifact = artifact()
        .field(
            "config",
            with(describe(MediaType::OCI_EMPTY, b"{}"), "data", json!("e30=")),
        )
        .field(
            "layers",
            json!([with(
                describe("text/plain", b"five knots"),
                "data",
                json!("Zml2ZSBrbm90cw==")
            )]),
        );
    let root = Index::oci()
        .image(&image, "linux/amd64")
        .child(on(artifact.describe(), "unknown/unknown"));
    holding(Case::new("kind/embedded-data", &root))
        .holds("the image", &image)
        .holds("the artifact", &artifact)
}

fn helm_chart() -> Case {
    let (config, chart) = (r#"{"name":"sextant","version":"1.0.0"}"#, "a gzipped tar");
    let chart_type = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    let manifest = image("chart")
        .field("config", describe(media::HELM_CONFIG, config.as_bytes()))
        .field("layers", json!([describe(chart_type, chart.as_bytes())]));
    Case::new("kind/helm-chart", &manifest)
        .blob("the chart's config", config)
        .blob("the chart", chart)
}

/// The artifact manifest of image-spec 1.1's candidates, which is still met.
fn withdrawn_artifact() -> Case {
    let subject = image("subject");
    let document: Value = json!({
        "mediaType": MediaType::OCI_ARTIFACT,
        "artifactType": media::ARTIFACT,
        "blobs": [describe("text/plain", b"five knots")],
        "subject": subject.descriptor(),
    });
    Case::new(
        "kind/withdrawn-artifact-manifest",
        &Text::new(MediaType::OCI_ARTIFACT, document.to_string()),
    )
    .blob("the text", "five knots")
    .lacks("the subject", &Digest::sha256(&subject.bytes()))
}
