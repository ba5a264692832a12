//! Cases about the two families of media types, OCI and Docker: unknown types, withdrawn types, and
//! types of the other family.

use portolan_model::MediaType;
use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, descriptor_json, image};
use serde_json::json;

use crate::corpus::case::Case;
use crate::corpus::document::{Document, TextDocument, with_member};
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
    let chart = TextDocument::new(media::UNKNOWN, r#"{"soundings":[3,5,8]}"#);
    let root = IndexFixture::oci().child(chart.describe());
    vec![
        Case::new("unknown-media-type/fires-for-the-root", &chart),
        Case::new("unknown-media-type/fires-for-a-child", &root).with_document("the chart", &chart),
        Case::new("unknown-media-type/fires-for-a-child-stored-as-blob", &root)
            .with_blob("the chart", chart.bytes()),
        Case::new(
            "unknown-media-type/near-miss-for-a-layer",
            &image("a").layer_of_type(media::UNKNOWN, "soundings"),
        ),
        Case::new("unknown-media-type/near-miss-for-a-config", &{
            image("a").field("config", descriptor_json(media::HELM_CONFIG, b"{}"))
        })
        .with_blob("the config", "{}"),
        Case::new(
            "unknown-media-type/near-miss-for-the-withdrawn-artifact",
            &{
                let withdrawn =
                    json!({"mediaType": MediaType::OCI_ARTIFACT, "artifactType": media::ARTIFACT});
                TextDocument::new(MediaType::OCI_ARTIFACT, withdrawn.to_string())
            },
        ),
    ]
}

fn schema1() -> Vec<Case> {
    let withdrawn = TextDocument::new(
        media::SCHEMA1,
        r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#,
    );
    let similar = TextDocument::new(
        "application/vnd.docker.distribution.manifest.v3+json",
        r#"{"schemaVersion":3}"#,
    );
    vec![
        Case::new(
            "docker-schema1/fires-for-a-child",
            &IndexFixture::oci().child(withdrawn.describe()),
        )
        .with_document("the withdrawn manifest", &withdrawn),
        Case::new(
            "docker-schema1/fires-for-an-absent-child",
            &IndexFixture::docker().child(withdrawn.describe()),
        )
        .without("the withdrawn manifest", &withdrawn.sha256()),
        Case::new(
            "docker-schema1/near-miss-for-a-similar-type",
            &IndexFixture::oci().child(similar.describe()),
        )
        .with_document("the similar manifest", &similar),
    ]
}

fn mixed_indexes() -> Vec<Case> {
    let (oci, docker) = (image("oci"), image("docker").docker());
    let list = IndexFixture::docker().image(&docker, "linux/amd64");
    let chart = TextDocument::new(media::UNKNOWN, r#"{"soundings":[3,5,8]}"#);
    let mixed_layers = image("mixed").layer_of_type(MediaType::DOCKER_LAYER_GZIP, "docker");
    vec![
        Case::new(
            "index-mixed-families/fires-for-a-docker-child",
            &IndexFixture::oci().image(&docker, "linux/amd64"),
        )
        .with_document("docker", &docker),
        Case::new(
            "index-mixed-families/fires-for-a-docker-list",
            &IndexFixture::oci().nested_index(&list, None),
        )
        .with_document("the list", &list)
        .with_document("docker", &docker),
        Case::new(
            "index-mixed-families/fires-in-a-docker-list",
            &IndexFixture::docker().image(&oci, "linux/amd64"),
        )
        .with_document("oci", &oci),
        Case::new(
            "index-mixed-families/fires-for-an-absent-child",
            &IndexFixture::oci().image(&docker, "linux/amd64"),
        )
        .without("docker", &docker.sha256()),
        Case::new(
            "index-mixed-families/near-miss-for-a-child-of-neither-family",
            &IndexFixture::docker().child(chart.describe()),
        )
        .with_document("the chart", &chart),
        Case::new(
            "index-mixed-families/near-miss-for-a-childs-layer",
            &IndexFixture::oci().image(&mixed_layers, "linux/amd64"),
        )
        .with_document("mixed", &mixed_layers),
        Case::new("index-mixed-families/near-miss-for-a-subject", &{
            IndexFixture::oci()
                .image(&oci, "linux/amd64")
                .field("subject", json!(docker.descriptor()))
        })
        .with_document("oci", &oci)
        .with_document("docker", &docker),
    ]
}

fn mixed_manifests() -> Vec<Case> {
    let (oci, docker) = (image("a").layers(["a"]), image("a").docker().layers(["a"]));
    let of_config = |image: &ImageFixture, media_type: &str| {
        let config = descriptor_json(media_type, &image.blobs()[0]);
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
            "manifest-mixed-families/fires-in-docker-format",
            &docker.clone().layer_of_type(media::OCI_LAYER_ZSTD, "b"),
        ),
        Case::new(
            "manifest-mixed-families/fires-for-a-docker-config",
            &of_config(&docker, MediaType::OCI_CONFIG),
        ),
        Case::new(
            "manifest-mixed-families/near-miss-for-a-layer-of-neither-family",
            &oci.layer_of_type(media::IN_TOTO, "b"),
        ),
        Case::new(
            "manifest-mixed-families/near-miss-for-a-plugin",
            &of_config(&docker, media::DOCKER_PLUGIN),
        ),
        Case::new(
            "manifest-mixed-families/near-miss-for-a-docker-model",
            &of_config(&image("a").layers(["a"]), media::DOCKER_MODEL_CONFIG)
                .layer_of_type(media::DOCKER_MODEL_WEIGHTS, "b"),
        ),
    ]
}

fn oci_fields() -> Vec<Case> {
    let (oci, docker) = (image("a"), image("a").docker());
    let annotations = json!({"k": "v"});
    let annotated = with_member(
        descriptor_json(MediaType::DOCKER_LAYER_GZIP, &blob("a")),
        "annotations",
        annotations.clone(),
    );
    let urls = with_member(
        descriptor_json(media::DOCKER_FOREIGN, &blob("b")),
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
        .with_document("oci", &oci),
        Case::new(
            "oci-field-in-docker/fires-for-an-artifact-type",
            &docker.clone().field("artifactType", json!(media::ARTIFACT)),
        ),
        Case::new(
            "oci-field-in-docker/fires-in-a-list",
            &IndexFixture::docker().field("annotations", annotations.clone()),
        ),
        Case::new(
            "oci-field-in-docker/fires-in-a-descriptor",
            &docker.clone().field("layers", json!([annotated])),
        ),
        Case::new(
            "oci-field-in-docker/near-miss-in-oci",
            &oci.field("annotations", annotations),
        ),
        Case::new(
            "oci-field-in-docker/near-miss-for-urls",
            &docker.field("layers", json!([urls])),
        )
        .without("the layer", &{ portolan_model::Digest::sha256(&blob("b")) }),
    ]
}
