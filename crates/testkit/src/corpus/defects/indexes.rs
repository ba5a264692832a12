//! What an index has for children.

use portolan_model::MediaType;
use portolan_model::fixtures::{Index, blob, image};
use serde_json::{Value, json};

use crate::corpus::case::Case;
use crate::corpus::document::{Document, Text};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [nested(), blob_children(), empty()].concat()
}

fn nested() -> Vec<Case> {
    let image = image("a");
    let inner = Index::oci().image(&image, "linux/amd64");
    vec![
        Case::new(
            "index-nested/fires",
            &Index::oci().nested(&inner, Some("linux/amd64")),
        )
        .holds("inner", &inner)
        .holds("the image", &image),
        Case::new(
            "index-nested/fires-for-an-absent-index",
            &Index::docker().nested(&Index::docker(), None),
        )
        .lacks("inner", &Index::docker().digest()),
        Case::new("index-nested/just-not-for-a-subject", &{
            let subject = json!(inner.descriptor());
            Index::oci()
                .image(&image, "linux/amd64")
                .field("subject", subject)
        })
        .holds("the subject", &inner)
        .holds("the image", &image),
    ]
}

fn blob_children() -> Vec<Case> {
    let layered = |media_type| Index::oci().child_of_type(media_type, &blob("layer"), None);
    let chart = Text::new(media::UNKNOWN, r#"{"soundings":[3,5,8]}"#);
    vec![
        Case::new(
            "index-blob-child/fires-for-a-layer",
            &layered(MediaType::OCI_LAYER_GZIP),
        )
        .blob("the layer", blob("layer")),
        Case::new(
            "index-blob-child/fires-for-dockers-layer",
            &layered(MediaType::DOCKER_LAYER_GZIP),
        )
        .blob("the layer", blob("layer")),
        Case::new(
            "index-blob-child/fires-for-a-config",
            &layered(media::BUILDKIT_CONFIG),
        )
        .blob("the config", blob("layer")),
        Case::new(
            "index-blob-child/just-not-for-a-type-nobody-knows",
            &Index::oci().child(chart.describe()),
        )
        .blob("the chart", chart.bytes()),
    ]
}

fn empty() -> Vec<Case> {
    let absent = image("absent");
    vec![
        Case::new("index-empty/fires", &Index::oci()),
        Case::new("index-empty/fires-for-dockers-list", &Index::docker()),
        Case::new(
            "index-empty/fires-for-null",
            &Index::oci().field("manifests", Value::Null),
        ),
        Case::new(
            "index-empty/just-not-with-an-absent-child",
            &Index::oci().image(&absent, "linux/amd64"),
        )
        .lacks("absent", &absent.digest()),
        Case::new(
            "index-empty/just-not-for-an-image-without-layers",
            &image("a").layers([]),
        ),
    ]
}
