//! Cases about the config and layers of a manifest.

use portolan_model::fixtures::{ImageFixture, blob, descriptor_json, image};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use crate::corpus::case::Case;
use crate::corpus::document::{TextDocument, with_member};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [non_distributable(), artifacts(), layers()].concat()
}

fn non_distributable() -> Vec<Case> {
    let elsewhere = Digest::sha256(&blob("elsewhere"));
    let linked = with_member(
        descriptor_json(MediaType::OCI_LAYER_GZIP, &blob("here")),
        "urls",
        json!(["https://example.com/here"]),
    );
    vec![
        Case::new(
            "non-distributable-layer/fires",
            &image("a").layer_of_type(media::OCI_NON_DISTRIBUTABLE, "elsewhere"),
        )
        .without("the layer", &elsewhere),
        Case::new("non-distributable-layer/fires-when-present", &{
            image("a").layer_of_type(media::OCI_NON_DISTRIBUTABLE, "elsewhere")
        }),
        Case::new("non-distributable-layer/fires-in-docker-format", &{
            image("a")
                .docker()
                .layer_of_type(media::DOCKER_FOREIGN, "elsewhere")
        })
        .without("the layer", &elsewhere),
        Case::new(
            "non-distributable-layer/near-miss-for-a-link",
            &image("a").field("layers", json!([linked])),
        )
        .with_blob("the layer", blob("here")),
    ]
}

/// Returns a manifest whose config descriptor has the media type `media_type` and references the
/// two bytes `{}`.
fn with_config(media_type: &str) -> ImageFixture {
    image("artifact")
        .field("config", descriptor_json(media_type, b"{}"))
        .field(
            "layers",
            json!([descriptor_json("text/plain", b"five knots")]),
        )
}

fn artifacts() -> Vec<Case> {
    let case = |name, image: ImageFixture| {
        Case::new(name, &image)
            .with_blob("the empty config", "{}")
            .with_blob("the text", "five knots")
    };
    let typed = |artifact_type: Value| {
        with_config(MediaType::OCI_EMPTY).field("artifactType", artifact_type)
    };
    vec![
        case(
            "artifact-without-type/fires",
            with_config(MediaType::OCI_EMPTY),
        ),
        case("artifact-without-type/fires-when-empty", typed(json!(""))),
        case(
            "artifact-without-type/near-miss-with-an-artifact-type",
            typed(json!(media::ARTIFACT)),
        ),
        case(
            "artifact-without-type/near-miss-with-a-config-type",
            with_config(media::HELM_CONFIG),
        ),
    ]
}

fn layers() -> Vec<Case> {
    let empty = descriptor_json(MediaType::OCI_EMPTY, b"{}");
    let withdrawn = json!({"mediaType": MediaType::OCI_ARTIFACT, "artifactType": media::ARTIFACT});
    vec![
        Case::new("no-layers/fires", &image("a").layers([])),
        Case::new(
            "no-layers/fires-in-docker-format",
            &image("a").docker().layers([]),
        ),
        Case::new(
            "no-layers/fires-for-null",
            &image("a").field("layers", Value::Null),
        ),
        Case::new(
            "no-layers/near-miss-with-an-empty-layer",
            &image("a").field("layers", json!([empty])),
        )
        .with_blob("the empty layer", "{}"),
        Case::new(
            "no-layers/near-miss-in-the-withdrawn-artifact",
            &TextDocument::new(MediaType::OCI_ARTIFACT, withdrawn.to_string()),
        ),
    ]
}
