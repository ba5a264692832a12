//! Cases about stored content that is missing, or does not match the descriptors that reference it.

use portolan_model::fixtures::{IndexFixture, blob, descriptor_json, image};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use crate::corpus::case::Case;
use crate::corpus::document::{Document, TextDocument, with_member, with_platform};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [children(), subjects(), sizes(), types()].concat()
}

fn children() -> Vec<Case> {
    let image = image("a").layers(["base", "program"]);
    let blobs = image.blobs();
    let root = IndexFixture::oci().image(&image, "linux/amd64");
    let foreign = image
        .clone()
        .layer_of_type(media::DOCKER_FOREIGN, "elsewhere");
    vec![
        Case::new("missing-child/fires-for-a-layer", &image)
            .without("base", &Digest::sha256(&blobs[1])),
        Case::new("missing-child/fires-for-everything", &image)
            .without("the config", &Digest::sha256(&blobs[0]))
            .without("base", &Digest::sha256(&blobs[1]))
            .without("program", &Digest::sha256(&blobs[2])),
        Case::new("missing-child/fires-for-a-manifest", &root)
            .without("the image", &image.digest()),
        Case::new("missing-child/fires-below-the-root", &root)
            .with_document("the image", &image)
            .without("program", &Digest::sha256(&blobs[2])),
        Case::new("missing-child/near-miss-for-a-foreign-layer", &foreign)
            .without("elsewhere", &Digest::sha256(&blob("elsewhere"))),
        Case::new("missing-child/near-miss-when-not-queried", &root)
            .with_unknown("the image", &image.digest()),
        Case::new(
            "missing-child/near-miss-elsewhere",
            &image.field("x", descriptor_json("a/b", b"stranger")),
        ),
    ]
}

fn subjects() -> Vec<Case> {
    let subject = image("subject");
    let root = image("a").subject(&subject.descriptor());
    vec![
        Case::new("missing-subject/fires", &root).without("the subject", &subject.digest()),
        Case::new("missing-subject/near-miss-when-present", &root)
            .with_document("the subject", &subject),
        Case::new("missing-subject/near-miss-when-not-queried", &root)
            .with_unknown("the subject", &subject.digest()),
    ]
}

fn sizes() -> Vec<Case> {
    let image = image("a");
    let layer = descriptor_json(MediaType::OCI_LAYER_GZIP, &blob("a"));
    let off_by_one = with_member(layer.clone(), "size", json!(blob("a").len() + 1));
    let misdescribed = with_platform(
        with_member(image.describe(), "size", json!(7)),
        "linux/amd64",
    );
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
            &IndexFixture::oci().child(misdescribed.clone()),
        )
        .with_document("the image", &image),
        Case::new(
            "size-mismatch/near-miss-when-missing",
            &IndexFixture::oci().child(misdescribed),
        )
        .without("the image", &image.digest()),
        Case::new(
            "size-mismatch/near-miss-without-a-size",
            &image.field("layers", json!([unsized_layer])),
        ),
    ]
}

fn types() -> Vec<Case> {
    let (oci, docker) = (image("a"), image("a").docker());
    let described = |media_type: &str| {
        IndexFixture::oci().child(with_platform(
            with_member(docker.describe(), "mediaType", json!(media_type)),
            "linux/amd64",
        ))
    };
    let chart = TextDocument::new(media::UNKNOWN, r#"{"soundings":[3,5,8]}"#);
    let parameters = with_member(
        oci.describe(),
        "mediaType",
        json!(format!("{}; charset=utf-8", MediaType::OCI_MANIFEST)),
    );
    vec![
        Case::new(
            "stored-type-mismatch/fires",
            &described(MediaType::OCI_MANIFEST),
        )
        .with_document("the image", &docker),
        Case::new(
            "stored-type-mismatch/fires-for-an-unknown-type",
            &described(media::UNKNOWN),
        )
        .with_document("the image", &docker),
        Case::new(
            "stored-type-mismatch/near-miss-for-a-blob",
            &IndexFixture::oci().child(chart.describe()),
        )
        .with_blob("the chart", chart.bytes()),
        Case::new(
            "stored-type-mismatch/near-miss-by-parameters",
            &IndexFixture::oci().child(with_platform(parameters, "linux/amd64")),
        )
        .with_document("the image", &oci),
    ]
}
