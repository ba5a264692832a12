//! Cases about the children of an index.

use portolan_model::MediaType;
use portolan_model::fixtures::{IndexFixture, blob, image};
use serde_json::{Value, json};

use crate::corpus::case::Case;
use crate::corpus::document::{Document, TextDocument};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [nested_indexes(), blob_children(), empty_indexes()].concat()
}

fn nested_indexes() -> Vec<Case> {
    let image = image("a");
    let inner = IndexFixture::oci().image(&image, "linux/amd64");
    vec![
        Case::new(
            "index-nested/fires",
            &IndexFixture::oci().nested_index(&inner, Some("linux/amd64")),
        )
        .with_document("inner", &inner)
        .with_document("the image", &image),
        Case::new(
            "index-nested/fires-for-an-absent-index",
            &IndexFixture::docker().nested_index(&IndexFixture::docker(), None),
        )
        .without("inner", &IndexFixture::docker().digest()),
        Case::new("index-nested/near-miss-for-a-subject", &{
            let subject = json!(inner.descriptor());
            IndexFixture::oci()
                .image(&image, "linux/amd64")
                .field("subject", subject)
        })
        .with_document("the subject", &inner)
        .with_document("the image", &image),
    ]
}

fn blob_children() -> Vec<Case> {
    let layered = |media_type| IndexFixture::oci().child_of_type(media_type, &blob("layer"), None);
    let chart = TextDocument::new(media::UNKNOWN, r#"{"soundings":[3,5,8]}"#);
    vec![
        Case::new(
            "index-blob-child/fires-for-a-layer",
            &layered(MediaType::OCI_LAYER_GZIP),
        )
        .with_blob("the layer", blob("layer")),
        Case::new(
            "index-blob-child/fires-for-a-docker-layer",
            &layered(MediaType::DOCKER_LAYER_GZIP),
        )
        .with_blob("the layer", blob("layer")),
        Case::new(
            "index-blob-child/fires-for-a-config",
            &layered(media::BUILDKIT_CONFIG),
        )
        .with_blob("the config", blob("layer")),
        Case::new(
            "index-blob-child/near-miss-for-an-unknown-type",
            &IndexFixture::oci().child(chart.describe()),
        )
        .with_blob("the chart", chart.bytes()),
    ]
}

fn empty_indexes() -> Vec<Case> {
    let absent = image("absent");
    vec![
        Case::new("index-empty/fires", &IndexFixture::oci()),
        Case::new(
            "index-empty/fires-for-a-docker-list",
            &IndexFixture::docker(),
        ),
        Case::new(
            "index-empty/fires-for-null",
            &IndexFixture::oci().field("manifests", Value::Null),
        ),
        Case::new(
            "index-empty/near-miss-with-an-absent-child",
            &IndexFixture::oci().image(&absent, "linux/amd64"),
        )
        .without("absent", &absent.digest()),
        Case::new(
            "index-empty/near-miss-for-an-image-without-layers",
            &image("a").layers([]),
        ),
    ]
}
