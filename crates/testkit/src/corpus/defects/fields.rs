//! What stands in a document: keys, types of values, the document's own type.

use portolan_model::MediaType;
use portolan_model::fixtures::{Image, Index, describe, image};
use serde_json::{Value, json};

use crate::corpus::case::Case;
use crate::corpus::document::{Document, Text, with};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [
        duplicate_keys(),
        two_shapes(),
        malformed_fields(),
        schema_versions(),
        own_types(),
        unknown_fields(),
    ]
    .concat()
}

fn duplicate_keys() -> Vec<Case> {
    let image = image("a");
    let annotated = with(
        describe(MediaType::OCI_LAYER_GZIP, b"x"),
        "annotations",
        json!({"k": "v"}),
    );
    vec![
        Case::new(
            "duplicate-key/fires-at-the-top",
            &Index::oci().edited(r#""manifests":[]"#, r#""manifests":[],"manifests":[]"#),
        ),
        Case::new(
            "duplicate-key/fires-in-a-descriptor",
            &image.edited(r#""layers":[{"#, r#""layers":[{"size":1,"#),
        ),
        Case::new(
            "duplicate-key/just-not-in-two-objects",
            &image
                .clone()
                .field("layers", json!([annotated]))
                .field("annotations", json!({"k": "v"})),
        )
        .blob("the layer", "x"),
        Case::new(
            "duplicate-key/just-not-by-case",
            &Index::oci().field("MediaType", json!(MediaType::OCI_INDEX)),
        ),
    ]
}

fn two_shapes() -> Vec<Case> {
    let both = json!({"schemaVersion": 2, "manifests": [], "layers": []}).to_string();
    let image = image("a");
    let child = with(
        json!(image.descriptor()),
        "platform",
        json!({"os": "linux", "architecture": "amd64"}),
    );
    vec![
        Case::new(
            "two-shapes/fires-in-an-index",
            &Index::oci().field("layers", json!([])),
        ),
        Case::new(
            "two-shapes/fires-in-an-image",
            &image.clone().field("manifests", json!([])),
        ),
        Case::new(
            "two-shapes/fires-for-the-first-schema",
            &image.clone().field("fsLayers", json!([])),
        ),
        Case::new(
            "two-shapes/just-not-in-a-type-nobody-knows",
            &Text::new(media::UNKNOWN, both),
        ),
        Case::new(
            "two-shapes/just-not-in-a-descriptor",
            &Index::oci().child(with(child, "layers", json!([]))),
        )
        .holds("the image", &image),
    ]
}

fn malformed_fields() -> Vec<Case> {
    let image = image("a");
    let layer = describe(MediaType::OCI_LAYER_GZIP, &image.blobs()[1]);
    let sized = |size: Value| {
        image
            .clone()
            .field("layers", json!([with(layer.clone(), "size", size)]))
    };
    let stranger = with(describe("a/b", b"x"), "size", json!("one"));
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
            let layer = with(layer.clone(), "annotations", json!({"built": 5}));
            image.clone().field("layers", json!([layer]))
        }),
        Case::new(
            "malformed-field/fires-without-digest",
            &Index::oci().child(json!({"mediaType": MediaType::OCI_MANIFEST, "size": 2})),
        ),
        Case::new(
            "malformed-field/fires-for-a-subject",
            &image.clone().field("subject", json!("the one above")),
        ),
        Case::new(
            "malformed-field/fires-for-a-platform",
            &Index::oci().child(with(
                json!(image.descriptor()),
                "platform",
                json!("linux/amd64"),
            )),
        )
        .holds("the image", &image),
        Case::new(
            "malformed-field/just-not-for-null",
            &image.clone().field("layers", Value::Null),
        ),
        Case::new(
            "malformed-field/just-not-elsewhere",
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
            &image.edited(r#""schemaVersion":2"#, r#""annotations":{}"#),
        ),
        Case::new(
            "schema-version/fires-for-1",
            &Index::oci().field("schemaVersion", json!(1)),
        ),
        Case::new(
            "schema-version/fires-for-text",
            &image.clone().field("schemaVersion", json!("2")),
        ),
        Case::new(
            "schema-version/just-not-in-the-withdrawn-artifact",
            &Text::new(MediaType::OCI_ARTIFACT, withdrawn.to_string()),
        ),
        Case::new(
            "schema-version/just-not-in-a-type-nobody-knows",
            &Text::new(media::UNKNOWN, "{}"),
        ),
    ]
}

fn own_types() -> Vec<Case> {
    let (oci, docker) = (image("a"), image("a").docker());
    let own = |image: &Image| format!(r#","mediaType":"{}""#, image.media_type());
    let untyped = oci.edited(&own(&oci), "");
    let misdescribed = with(
        docker.describe(),
        "mediaType",
        json!(MediaType::OCI_MANIFEST),
    );
    let oci_manifest = MediaType::new(MediaType::OCI_MANIFEST);
    vec![
        Case::new("missing-media-type/fires-in-an-image", &untyped),
        Case::new(
            "missing-media-type/fires-in-dockers",
            &docker.edited(&own(&docker), ""),
        ),
        Case::new(
            "missing-media-type/fires-in-an-index",
            &Text::new(
                MediaType::OCI_INDEX,
                r#"{"schemaVersion":2,"manifests":[]}"#,
            ),
        ),
        Case::new(
            "missing-media-type/fires-when-empty",
            &Index::oci().field("mediaType", json!("")),
        ),
        Case::new("missing-media-type/just-not-by-header-alone", &oci).claimed(None),
        Case::new(
            "missing-media-type/just-not-in-a-type-nobody-knows",
            &Text::new(media::UNKNOWN, r#"{"a":1}"#),
        ),
        Case::new("media-type-mismatch/fires-for-the-header", &docker)
            .claimed(Some(MediaType::OCI_MANIFEST)),
        Case::new(
            "media-type-mismatch/fires-for-an-index-sent-as-image",
            &Index::oci(),
        )
        .claimed(Some(MediaType::OCI_MANIFEST)),
        Case::new(
            "media-type-mismatch/fires-for-a-child",
            &Index::oci().child(on_amd64(misdescribed)),
        )
        .holds("the image", &docker)
        .manifest("the image", docker.sha256(), &oci_manifest, docker.bytes()),
        Case::new("media-type-mismatch/just-not-by-parameters", &oci)
            .claimed(Some(&format!("{oci_manifest}; charset=utf-8"))),
        Case::new("media-type-mismatch/just-not-by-a-generic-header", &oci)
            .claimed(Some("application/json")),
    ]
}

fn on_amd64(descriptor: Value) -> Value {
    with(
        descriptor,
        "platform",
        json!({"os": "linux", "architecture": "amd64"}),
    )
}

fn unknown_fields() -> Vec<Case> {
    let (image, subject) = (image("a"), image("subject"));
    let child = |key: &str, value| with(on_amd64(json!(image.descriptor())), key, value);
    let full_child = with(
        child("annotations", json!({"k": "v"})),
        "artifactType",
        json!(media::ARTIFACT),
    );
    let full_platform = json!({
        "os": "windows", "architecture": "arm64", "os.version": "10.0.20348", "os.features": ["win32k"], "variant": "v8",
    });
    let full_child = with(
        with(full_child, "urls", json!([])),
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
            &Index::oci().child(child("built", json!("yesterday"))),
        )
        .holds("the image", &image),
        Case::new("unknown-field/just-not-in-a-full-image", &{
            let image = image
                .clone()
                .field("artifactType", json!(media::ARTIFACT))
                .field("annotations", json!({"k": "v"}));
            image.subject(&subject.descriptor())
        })
        .holds("the subject", &subject),
        Case::new("unknown-field/just-not-in-a-full-index", &{
            let index = Index::oci()
                .child(full_child)
                .field("artifactType", json!(media::ARTIFACT));
            index
                .field("annotations", json!({"k": "v"}))
                .field("subject", json!(subject.descriptor()))
        })
        .holds("the image", &image)
        .holds("the subject", &subject),
        Case::new(
            "unknown-field/just-not-in-annotations",
            &image.field("annotations", json!({"built": "yesterday"})),
        ),
        Case::new(
            "unknown-field/just-not-in-a-type-nobody-knows",
            &Text::new(media::UNKNOWN, r#"{"soundings":[]}"#),
        ),
    ]
}
