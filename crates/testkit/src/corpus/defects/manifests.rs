//! What a manifest is made of.

use portolan_model::fixtures::{Image, blob, describe, image};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use crate::corpus::case::Case;
use crate::corpus::document::{Text, with};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [non_distributable(), artifacts(), layers()].concat()
}

fn non_distributable() -> Vec<Case> {
    let elsewhere = Digest::sha256(&blob("elsewhere"));
    let linked = with(
        describe(MediaType::OCI_LAYER_GZIP, &blob("here")),
        "urls",
        json!(["https://example.com/here"]),
    );
    vec![
        Case::new(
            "non-distributable-layer/fires",
            &image("a").layer_of_type(media::OCI_NON_DISTRIBUTABLE, "elsewhere"),
        )
        .lacks("the layer", &elsewhere),
        Case::new("non-distributable-layer/fires-when-it-is-here", &{
            image("a").layer_of_type(media::OCI_NON_DISTRIBUTABLE, "elsewhere")
        }),
        Case::new("non-distributable-layer/fires-in-dockers", &{
            image("a")
                .docker()
                .layer_of_type(media::DOCKER_FOREIGN, "elsewhere")
        })
        .lacks("the layer", &elsewhere),
        Case::new(
            "non-distributable-layer/just-not-for-a-link",
            &image("a").field("layers", json!([linked])),
        )
        .blob("the layer", blob("here")),
    ]
}

/// A manifest whose config is the two bytes `{}`, of this type.
fn with_config(media_type: &str) -> Image {
    image("artifact")
        .field("config", describe(media_type, b"{}"))
        .field("layers", json!([describe("text/plain", b"five knots")]))
}

fn artifacts() -> Vec<Case> {
    let case = |name, image: Image| {
        Case::new(name, &image)
            .blob("the empty config", "{}")
            .blob("the text", "five knots")
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
            "artifact-without-type/just-not-with-one",
            typed(json!(media::ARTIFACT)),
        ),
        case(
            "artifact-without-type/just-not-with-a-type-of-config",
            with_config(media::HELM_CONFIG),
        ),
    ]
}

fn layers() -> Vec<Case> {
    let empty = describe(MediaType::OCI_EMPTY, b"{}");
    let withdrawn = json!({"mediaType": MediaType::OCI_ARTIFACT, "artifactType": media::ARTIFACT});
    vec![
        Case::new("no-layers/fires", &image("a").layers([])),
        Case::new(
            "no-layers/fires-in-dockers",
            &image("a").docker().layers([]),
        ),
        Case::new(
            "no-layers/fires-for-null",
            &image("a").field("layers", Value::Null),
        ),
        Case::new(
            "no-layers/just-not-with-the-empty-one",
            &image("a").field("layers", json!([empty])),
        )
        .blob("the empty layer", "{}"),
        Case::new(
            "no-layers/just-not-in-the-withdrawn-artifact",
            &Text::new(MediaType::OCI_ARTIFACT, withdrawn.to_string()),
        ),
    ]
}
