//! Which types stand together: unknown ones, withdrawn ones, those of the other family.

use portolan_model::MediaType;
use portolan_model::fixtures::{Image, Index, blob, describe, image};
use serde_json::json;

use crate::corpus::case::Case;
use crate::corpus::document::{Document, Text, with};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [
        unknown_types(),
        schema1(),
        mixed_indexes(),
        mixed_manifests(),
        oci_fields(),
    ]
    .concat()
}

fn unknown_types() -> Vec<Case> {
    let chart = Text::new(media::UNKNOWN, r#"{"soundings":[3,5,8]}"#);
    let root = Index::oci().child(chart.describe());
    vec![
        Case::new("unknown-media-type/fires-for-the-root", &chart),
        Case::new("unknown-media-type/fires-for-a-child", &root).holds("the chart", &chart),
        Case::new("unknown-media-type/fires-for-a-child-held-as-blob", &root)
            .blob("the chart", chart.bytes()),
        Case::new(
            "unknown-media-type/just-not-for-a-layer",
            &image("a").layer_of_type(media::UNKNOWN, "soundings"),
        ),
        Case::new("unknown-media-type/just-not-for-a-config", &{
            image("a").field("config", describe(media::HELM_CONFIG, b"{}"))
        })
        .blob("the config", "{}"),
        Case::new("unknown-media-type/just-not-for-the-withdrawn-artifact", &{
            let withdrawn =
                json!({"mediaType": MediaType::OCI_ARTIFACT, "artifactType": media::ARTIFACT});
            Text::new(MediaType::OCI_ARTIFACT, withdrawn.to_string())
        }),
    ]
}

fn schema1() -> Vec<Case> {
    let withdrawn = Text::new(
        media::SCHEMA1,
        r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#,
    );
    let similar = Text::new(
        "application/vnd.docker.distribution.manifest.v3+json",
        r#"{"schemaVersion":3}"#,
    );
    vec![
        Case::new(
            "docker-schema1/fires-for-a-child",
            &Index::oci().child(withdrawn.describe()),
        )
        .holds("the withdrawn one", &withdrawn),
        Case::new(
            "docker-schema1/fires-for-an-absent-child",
            &Index::docker().child(withdrawn.describe()),
        )
        .lacks("the withdrawn one", &withdrawn.sha256()),
        Case::new(
            "docker-schema1/just-not-another-of-dockers",
            &Index::oci().child(similar.describe()),
        )
        .holds("the third schema", &similar),
    ]
}

fn mixed_indexes() -> Vec<Case> {
    let (oci, docker) = (image("oci"), image("docker").docker());
    let list = Index::docker().image(&docker, "linux/amd64");
    let chart = Text::new(media::UNKNOWN, r#"{"soundings":[3,5,8]}"#);
    let mixed_layers = image("mixed").layer_of_type(MediaType::DOCKER_LAYER_GZIP, "docker");
    vec![
        Case::new(
            "index-mixed-families/fires-for-dockers-child",
            &Index::oci().image(&docker, "linux/amd64"),
        )
        .holds("docker", &docker),
        Case::new(
            "index-mixed-families/fires-for-dockers-list",
            &Index::oci().nested(&list, None),
        )
        .holds("the list", &list)
        .holds("docker", &docker),
        Case::new(
            "index-mixed-families/fires-in-dockers-list",
            &Index::docker().image(&oci, "linux/amd64"),
        )
        .holds("oci", &oci),
        Case::new(
            "index-mixed-families/fires-for-an-absent-child",
            &Index::oci().image(&docker, "linux/amd64"),
        )
        .lacks("docker", &docker.sha256()),
        Case::new(
            "index-mixed-families/just-not-for-a-child-of-neither",
            &Index::docker().child(chart.describe()),
        )
        .holds("the chart", &chart),
        Case::new(
            "index-mixed-families/just-not-for-a-childs-layer",
            &Index::oci().image(&mixed_layers, "linux/amd64"),
        )
        .holds("mixed", &mixed_layers),
        Case::new("index-mixed-families/just-not-for-a-subject", &{
            Index::oci()
                .image(&oci, "linux/amd64")
                .field("subject", json!(docker.descriptor()))
        })
        .holds("oci", &oci)
        .holds("docker", &docker),
    ]
}

fn mixed_manifests() -> Vec<Case> {
    let (oci, docker) = (image("a").layers(["a"]), image("a").docker().layers(["a"]));
    let of_config = |image: &Image, media_type: &str| {
        let config = describe(media_type, &image.blobs()[0]);
        image.clone().field("config", config)
    };
    vec![
        Case::new(
            "manifest-mixed-families/fires-for-a-layer",
            &oci.clone().layer_of_type(MediaType::DOCKER_LAYER_GZIP, "b"),
        ),
        Case::new(
            "manifest-mixed-families/fires-for-a-foreign-layer",
            &oci.clone().layer_of_type(media::DOCKER_FOREIGN, "b"),
        ),
        Case::new(
            "manifest-mixed-families/fires-for-a-config",
            &of_config(&oci, MediaType::DOCKER_CONFIG),
        ),
        Case::new(
            "manifest-mixed-families/fires-in-dockers",
            &docker.clone().layer_of_type(media::OCI_LAYER_ZSTD, "b"),
        ),
        Case::new(
            "manifest-mixed-families/fires-for-dockers-config",
            &of_config(&docker, MediaType::OCI_CONFIG),
        ),
        Case::new(
            "manifest-mixed-families/just-not-for-a-layer-of-neither",
            &oci.layer_of_type(media::IN_TOTO, "b"),
        ),
        Case::new(
            "manifest-mixed-families/just-not-for-a-plugin",
            &of_config(&docker, media::DOCKER_PLUGIN),
        ),
        Case::new(
            "manifest-mixed-families/just-not-for-dockers-model",
            &of_config(&image("a").layers(["a"]), media::DOCKER_MODEL_CONFIG)
                .layer_of_type(media::DOCKER_MODEL_WEIGHTS, "b"),
        ),
    ]
}

fn oci_fields() -> Vec<Case> {
    let (oci, docker) = (image("a"), image("a").docker());
    let annotations = json!({"k": "v"});
    let annotated = with(
        describe(MediaType::DOCKER_LAYER_GZIP, &blob("a")),
        "annotations",
        annotations.clone(),
    );
    let urls = with(
        describe(media::DOCKER_FOREIGN, &blob("b")),
        "urls",
        json!(["https://example.com/b"]),
    );
    vec![
        Case::new(
            "oci-field-in-docker/fires-for-annotations",
            &docker.clone().field("annotations", annotations.clone()),
        ),
        Case::new(
            "oci-field-in-docker/fires-for-a-subject",
            &docker.clone().subject(&oci.descriptor()),
        )
        .holds("oci", &oci),
        Case::new(
            "oci-field-in-docker/fires-for-an-artifact-type",
            &docker.clone().field("artifactType", json!(media::ARTIFACT)),
        ),
        Case::new(
            "oci-field-in-docker/fires-in-a-list",
            &Index::docker().field("annotations", annotations.clone()),
        ),
        Case::new(
            "oci-field-in-docker/fires-in-a-descriptor",
            &docker.clone().field("layers", json!([annotated])),
        ),
        Case::new(
            "oci-field-in-docker/just-not-in-oci",
            &oci.field("annotations", annotations),
        ),
        Case::new(
            "oci-field-in-docker/just-not-for-urls",
            &docker.field("layers", json!([urls])),
        )
        .lacks("the layer", &{ portolan_model::Digest::sha256(&blob("b")) }),
    ]
}
