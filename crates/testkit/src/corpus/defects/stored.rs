//! What is stored under the digests that a document names.

use portolan_model::fixtures::{Index, blob, describe, image};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use crate::corpus::case::Case;
use crate::corpus::document::{Document, Text, on, with};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [children(), subjects(), sizes(), types()].concat()
}

fn children() -> Vec<Case> {
    let image = image("a").layers(["base", "program"]);
    let blobs = image.blobs();
    let root = Index::oci().image(&image, "linux/amd64");
    let foreign = image
        .clone()
        .layer_of_type(media::DOCKER_FOREIGN, "elsewhere");
    vec![
        Case::new("missing-child/fires-for-a-layer", &image)
            .lacks("base", &Digest::sha256(&blobs[1])),
        Case::new("missing-child/fires-for-everything", &image)
            .lacks("the config", &Digest::sha256(&blobs[0]))
            .lacks("base", &Digest::sha256(&blobs[1]))
            .lacks("program", &Digest::sha256(&blobs[2])),
        Case::new("missing-child/fires-for-a-manifest", &root).lacks("the image", &image.digest()),
        Case::new("missing-child/fires-below", &root)
            .holds("the image", &image)
            .lacks("program", &Digest::sha256(&blobs[2])),
        Case::new("missing-child/just-not-for-a-foreign-layer", &foreign)
            .lacks("elsewhere", &Digest::sha256(&blob("elsewhere"))),
        Case::new("missing-child/just-not-when-nobody-looked", &root)
            .unasked("the image", &image.digest()),
        Case::new(
            "missing-child/just-not-elsewhere",
            &image.field("x", describe("a/b", b"stranger")),
        ),
    ]
}

fn subjects() -> Vec<Case> {
    let subject = image("subject");
    let root = image("a").subject(&subject.descriptor());
    vec![
        Case::new("missing-subject/fires", &root).lacks("the subject", &subject.digest()),
        Case::new("missing-subject/just-not-when-it-is-there", &root)
            .holds("the subject", &subject),
        Case::new("missing-subject/just-not-when-nobody-looked", &root)
            .unasked("the subject", &subject.digest()),
    ]
}

fn sizes() -> Vec<Case> {
    let image = image("a");
    let layer = describe(MediaType::OCI_LAYER_GZIP, &blob("a"));
    let off_by_one = with(layer.clone(), "size", json!(blob("a").len() + 1));
    let misdescribed = on(with(image.describe(), "size", json!(7)), "linux/amd64");
    let mut unsized_layer = layer;
    unsized_layer
        .as_object_mut()
        .and_then(|layer| layer.remove("size"));
    vec![
        Case::new(
            "size-mismatch/fires-for-a-layer",
            &image.clone().field("layers", json!([off_by_one])),
        ),
        Case::new(
            "size-mismatch/fires-for-a-child",
            &Index::oci().child(misdescribed.clone()),
        )
        .holds("the image", &image),
        Case::new(
            "size-mismatch/just-not-when-it-is-not-there",
            &Index::oci().child(misdescribed),
        )
        .lacks("the image", &image.digest()),
        Case::new(
            "size-mismatch/just-not-without-a-size",
            &image.field("layers", json!([unsized_layer])),
        ),
    ]
}

fn types() -> Vec<Case> {
    let (oci, docker) = (image("a"), image("a").docker());
    let described = |media_type: &str| {
        Index::oci().child(on(
            with(docker.describe(), "mediaType", json!(media_type)),
            "linux/amd64",
        ))
    };
    let chart = Text::new(media::UNKNOWN, r#"{"soundings":[3,5,8]}"#);
    let parameters = with(
        oci.describe(),
        "mediaType",
        json!(format!("{}; charset=utf-8", MediaType::OCI_MANIFEST)),
    );
    vec![
        Case::new(
            "stored-type-mismatch/fires",
            &described(MediaType::OCI_MANIFEST),
        )
        .holds("the image", &docker),
        Case::new(
            "stored-type-mismatch/fires-for-a-type-nobody-knows",
            &described(media::UNKNOWN),
        )
        .holds("the image", &docker),
        Case::new(
            "stored-type-mismatch/just-not-for-a-blob",
            &Index::oci().child(chart.describe()),
        )
        .blob("the chart", chart.bytes()),
        Case::new(
            "stored-type-mismatch/just-not-by-parameters",
            &Index::oci().child(on(parameters, "linux/amd64")),
        )
        .holds("the image", &oci),
    ]
}
