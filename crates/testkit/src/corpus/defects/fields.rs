//! Cases about the fields of a document: their keys, the types of their values, and the media type
//! of the document itself.

use portolan_model::MediaType;
use portolan_model::fixtures::{ImageFixture, IndexFixture, descriptor_json, image};
use serde_json::{Value, json};

use crate::corpus::case::Case;
use crate::corpus::document::{Document, TextDocument, with_member};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [
        duplicate_keys(),
        two_shapes(),
        malformed_fields(),
        schema_versions(),
        document_types(),
        unknown_fields(),
    ]
    .concat()
}

fn duplicate_keys() -> Vec<Case> {
    let image = image("a");
    let annotated = with_member(
        descriptor_json(MediaType::OCI_LAYER_GZIP, b"x"),
        "annotations",
        json!({"k": "v"}),
    );
    vec![
        Case::new(
            "duplicate-key/fires-at-the-top",
            &IndexFixture::oci()
                .replace_text(r#""manifests":[]"#, r#""manifests":[],"manifests":[]"#),
        ),
        Case::new(
            "duplicate-key/fires-in-a-descriptor",
            &image.replace_text(r#""layers":[{"#, r#""layers":[{"size":1,"#),
        ),
        Case::new(
            "duplicate-key/near-miss-in-two-objects",
            &image
                .clone()
                .field("layers", json!([annotated]))
                .field("annotations", json!({"k": "v"})),
        )
        .with_blob("the layer", "x"),
        Case::new(
            "duplicate-key/near-miss-by-case",
            &IndexFixture::oci().field("MediaType", json!(MediaType::OCI_INDEX)),
        ),
    ]
}

fn two_shapes() -> Vec<Case> {
    let both = json!({"schemaVersion": 2, "manifests": [], "layers": []}).to_string();
    let image = image("a");
    let child = with_member(
        json!(image.descriptor()),
        "platform",
        json!({"os": "linux", "architecture": "amd64"}),
    );
    vec![
        Case::new(
            "two-shapes/fires-in-an-index",
            &IndexFixture::oci().field("layers", json!([])),
        ),
        Case::new(
            "two-shapes/fires-in-an-image",
            &image.clone().field("manifests", json!([])),
        ),
        Case::new(
            "two-shapes/fires-for-schema-1",
            &image.clone().field("fsLayers", json!([])),
        ),
        Case::new(
            "two-shapes/near-miss-in-an-unknown-type",
            &TextDocument::new(media::UNKNOWN, both),
        ),
        Case::new(
            "two-shapes/near-miss-in-a-descriptor",
            &IndexFixture::oci().child(with_member(child, "layers", json!([]))),
        )
        .with_document("the image", &image),
    ]
}

fn malformed_fields() -> Vec<Case> {
    let image = image("a");
    let layer = descriptor_json(MediaType::OCI_LAYER_GZIP, &image.blobs()[1]);
    let sized = |size: Value| {
        image
            .clone()
            .field("layers", json!([with_member(layer.clone(), "size", size)]))
    };
    let stranger = with_member(descriptor_json("a/b", b"x"), "size", json!("one"));
    vec![
        Case::new(
            "malformed-field/fires-for-layers",
            &image.clone().field("layers", json!({})),
        ),
        Case::new("malformed-field/fires-for-a-size", &sized(json!("twenty"))),
        Case::new(
            "malformed-field/fires-for-a-media-type",
            &image.clone().field("mediaType", json!(2)),
        ),
        Case::new("malformed-field/fires-for-an-annotation", &{
            let layer = with_member(layer.clone(), "annotations", json!({"built": 5}));
            image.clone().field("layers", json!([layer]))
        }),
        Case::new(
            "malformed-field/fires-without-digest",
            &IndexFixture::oci().child(json!({"mediaType": MediaType::OCI_MANIFEST, "size": 2})),
        ),
        Case::new(
            "malformed-field/fires-for-a-subject",
            &image.clone().field("subject", json!("the one above")),
        ),
        Case::new(
            "malformed-field/fires-for-a-platform",
            &IndexFixture::oci().child(with_member(
                json!(image.descriptor()),
                "platform",
                json!("linux/amd64"),
            )),
        )
        .with_document("the image", &image),
        Case::new(
            "malformed-field/near-miss-for-null",
            &image.clone().field("layers", Value::Null),
        ),
        Case::new(
            "malformed-field/near-miss-elsewhere",
            &image.field("x", stranger),
        ),
    ]
}

fn schema_versions() -> Vec<Case> {
    let image = image("a");
    let withdrawn =
        json!({"mediaType": MediaType::OCI_ARTIFACT, "artifactType": media::ARTIFACT, "blobs": []});
    vec![
        Case::new(
            "schema-version/fires-without",
            &image.replace_text(r#""schemaVersion":2"#, r#""annotations":{}"#),
        ),
        Case::new(
            "schema-version/fires-for-1",
            &IndexFixture::oci().field("schemaVersion", json!(1)),
        ),
        Case::new(
            "schema-version/fires-for-text",
            &image.clone().field("schemaVersion", json!("2")),
        ),
        Case::new(
            "schema-version/near-miss-in-the-withdrawn-artifact",
            &TextDocument::new(MediaType::OCI_ARTIFACT, withdrawn.to_string()),
        ),
        Case::new(
            "schema-version/near-miss-in-an-unknown-type",
            &TextDocument::new(media::UNKNOWN, "{}"),
        ),
    ]
}

fn document_types() -> Vec<Case> {
    let (oci, docker) = (image("a"), image("a").docker());
    let own = |image: &ImageFixture| format!(r#","mediaType":"{}""#, image.media_type());
    let untyped = oci.replace_text(&own(&oci), "");
    let misdescribed = with_member(
        docker.describe(),
        "mediaType",
        json!(MediaType::OCI_MANIFEST),
    );
    let oci_manifest = MediaType::new(MediaType::OCI_MANIFEST);
    vec![
        Case::new("missing-media-type/fires-in-an-image", &untyped),
        Case::new(
            "missing-media-type/fires-in-docker-format",
            &docker.replace_text(&own(&docker), ""),
        ),
        Case::new(
            "missing-media-type/fires-in-an-index",
            &TextDocument::new(
                MediaType::OCI_INDEX,
                r#"{"schemaVersion":2,"manifests":[]}"#,
            ),
        ),
        Case::new(
            "missing-media-type/fires-when-empty",
            &IndexFixture::oci().field("mediaType", json!("")),
        ),
        Case::new("missing-media-type/near-miss-with-a-header-only", &oci).with_content_type(None),
        Case::new(
            "missing-media-type/near-miss-in-an-unknown-type",
            &TextDocument::new(media::UNKNOWN, r#"{"a":1}"#),
        ),
        Case::new("media-type-mismatch/fires-for-the-header", &docker)
            .with_content_type(Some(MediaType::OCI_MANIFEST)),
        Case::new(
            "media-type-mismatch/fires-for-an-index-sent-as-image",
            &IndexFixture::oci(),
        )
        .with_content_type(Some(MediaType::OCI_MANIFEST)),
        Case::new(
            "media-type-mismatch/fires-for-a-child",
            &IndexFixture::oci().child(with_amd64(misdescribed)),
        )
        .with_document("the image", &docker)
        .with_manifest("the image", docker.sha256(), &oci_manifest, docker.bytes()),
        Case::new("media-type-mismatch/near-miss-by-parameters", &oci)
            .with_content_type(Some(&format!("{oci_manifest}; charset=utf-8"))),
        Case::new("media-type-mismatch/near-miss-by-a-generic-header", &oci)
            .with_content_type(Some("application/json")),
    ]
}

fn with_amd64(descriptor: Value) -> Value {
    with_member(
        descriptor,
        "platform",
        json!({"os": "linux", "architecture": "amd64"}),
    )
}

fn unknown_fields() -> Vec<Case> {
    let (image, subject) = (image("a"), image("subject"));
    let child = |key: &str, value| with_member(with_amd64(json!(image.descriptor())), key, value);
    let full_child = with_member(
        child("annotations", json!({"k": "v"})),
        "artifactType",
        json!(media::ARTIFACT),
    );
    let full_platform = json!({
        "os": "windows", "architecture": "arm64", "os.version": "10.0.20348", "os.features": ["win32k"], "variant": "v8",
    });
    let full_child = with_member(
        with_member(full_child, "urls", json!([])),
        "platform",
        full_platform,
    );
    vec![
        Case::new(
            "unknown-field/fires-at-the-top",
            &image.clone().field("built", json!("yesterday")),
        ),
        Case::new(
            "unknown-field/fires-in-a-descriptor",
            &IndexFixture::oci().child(child("built", json!("yesterday"))),
        )
        .with_document("the image", &image),
        Case::new("unknown-field/near-miss-in-a-full-image", &{
            let image = image
                .clone()
                .field("artifactType", json!(media::ARTIFACT))
                .field("annotations", json!({"k": "v"}));
            image.subject(&subject.descriptor())
        })
        .with_document("the subject", &subject),
        Case::new("unknown-field/near-miss-in-a-full-index", &{
            let index = IndexFixture::oci()
                .child(full_child)
                .field("artifactType", json!(media::ARTIFACT));
            index
                .field("annotations", json!({"k": "v"}))
                .field("subject", json!(subject.descriptor()))
        })
        .with_document("the image", &image)
        .with_document("the subject", &subject),
        Case::new(
            "unknown-field/near-miss-in-annotations",
            &image.field("annotations", json!({"built": "yesterday"})),
        ),
        Case::new(
            "unknown-field/near-miss-in-an-unknown-type",
            &TextDocument::new(media::UNKNOWN, r#"{"soundings":[]}"#),
        ),
    ]
}
