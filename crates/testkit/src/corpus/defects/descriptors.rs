//! Cases about descriptors: digest, size, media type and embedded data.

use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, descriptor_json, image, sha512};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use crate::corpus::case::Case;
use crate::corpus::document::{Document, with_member};

pub(super) fn cases() -> Vec<Case> {
    [
        digests(),
        sizes(),
        incomplete_descriptors(),
        algorithms(),
        embedded_data(),
    ]
    .concat()
}

/// Returns an image whose only layer descriptor is `layer`, which need not be a valid descriptor.
fn image_with_layer(layer: Value) -> ImageFixture {
    image("a").field("layers", Value::Array(vec![layer]))
}

fn layer() -> Value {
    descriptor_json(MediaType::OCI_LAYER_GZIP, &blob("a"))
}

fn without_member(mut descriptor: Value, key: &str) -> Value {
    descriptor
        .as_object_mut()
        .and_then(|object| object.remove(key));
    descriptor
}

fn digests() -> Vec<Case> {
    let named = |digest: &str| image_with_layer(with_member(layer(), "digest", json!(digest)));
    let hex = "abcdef0123456789".repeat(4);
    vec![
        Case::new("malformed-digest/fires-when-short", &named("sha256:abc")),
        Case::new(
            "malformed-digest/fires-in-upper-case",
            &named(&format!("sha256:{}", hex.to_uppercase())),
        ),
        Case::new("malformed-digest/fires-without-algorithm", &named(&hex)),
        Case::new(
            "malformed-digest/fires-for-a-child",
            &IndexFixture::oci().child(with_member(
                image("a").describe(),
                "digest",
                json!("sha256:"),
            )),
        ),
        Case::new(
            "malformed-digest/near-miss-by-another-algorithm",
            &named(&format!("blake3:{hex}")),
        ),
        Case::new(
            "malformed-digest/near-miss-with-an-invented-algorithm",
            &named("sea+chart.v2:Bay_of-Biscay="),
        ),
    ]
}

fn sizes() -> Vec<Case> {
    let sized = |size: Value| image_with_layer(with_member(layer(), "size", size));
    let layer = Digest::sha256(&blob("a"));
    vec![
        Case::new("size-out-of-range/fires-when-negative", &sized(json!(-1))),
        Case::new(
            "size-out-of-range/fires-over-2-to-the-53",
            &sized(json!(1_u64 << 53)),
        ),
        Case::new(
            "size-out-of-range/fires-over-64-bits",
            &image_with_layer(layer_of_size("99999999999999999999")),
        ),
        Case::new(
            "size-out-of-range/near-miss-for-the-largest-size",
            &sized(json!((1_u64 << 53) - 1)),
        )
        .with_unknown("the layer", &layer),
        Case::new(
            "size-out-of-range/near-miss-for-zero",
            &image_with_layer(descriptor_json(MediaType::OCI_LAYER_GZIP, b"")),
        )
        .with_blob("nothing", ""),
    ]
}

/// Returns a layer descriptor with the size `size`, a JSON number that may exceed the integers that
/// JSON parsers represent exactly.
fn layer_of_size(size: &str) -> Value {
    with_member(
        layer(),
        "size",
        serde_json::from_str(size).unwrap_or_default(),
    )
}

fn incomplete_descriptors() -> Vec<Case> {
    let image = image("a");
    let stranger = json!({"digest": Digest::sha256(b"somewhere")});
    vec![
        Case::new(
            "descriptor-incomplete/fires-without-type",
            &image_with_layer(without_member(layer(), "mediaType")),
        ),
        Case::new(
            "descriptor-incomplete/fires-without-size",
            &image_with_layer(without_member(layer(), "size")),
        ),
        Case::new(
            "descriptor-incomplete/fires-for-a-child",
            &IndexFixture::oci().child(without_member(image.describe(), "mediaType")),
        )
        .with_document("the image", &image),
        Case::new(
            "descriptor-incomplete/near-miss-when-bare",
            &image_with_layer(layer()),
        ),
        Case::new(
            "descriptor-incomplete/near-miss-elsewhere",
            &image.field("x", stranger),
        ),
    ]
}

fn algorithms() -> Vec<Case> {
    let image = image("a");
    let by_sha512 = sha512(&image.bytes());
    let root = IndexFixture::oci().image(&image, "linux/amd64");
    vec![
        Case::new(
            "digest-not-sha256/fires-for-a-layer",
            &image_with_layer(with_member(layer(), "digest", json!(sha512(&blob("a"))))),
        )
        .with_blob_under("the layer", sha512(&blob("a")), blob("a")),
        Case::new("digest-not-sha256/fires-for-a-child", &{
            let child = with_member(image.describe(), "digest", json!(by_sha512));
            IndexFixture::oci().child(with_member(
                child,
                "platform",
                json!({"os": "linux", "architecture": "amd64"}),
            ))
        })
        .with_document("the image", &image)
        .with_manifest(
            "the image by sha512",
            by_sha512.clone(),
            &image.media_type(),
            image.bytes(),
        ),
        Case::new("digest-not-sha256/fires-for-a-subject", &{
            image.clone().field(
                "subject",
                with_member(image.describe(), "digest", json!(by_sha512)),
            )
        })
        .without("the subject", &by_sha512),
        Case::new("digest-not-sha256/near-miss-throughout", &root)
            .with_document("the image", &image),
        Case::new("digest-not-sha256/near-miss-in-an-annotation", &{
            image
                .clone()
                .field("annotations", json!({"replaces": by_sha512}))
        }),
    ]
}

fn embedded_data() -> Vec<Case> {
    let carrying = |content: &str, data: &str| {
        let layer = with_member(
            descriptor_json("text/plain", content.as_bytes()),
            "data",
            json!(data),
        );
        let image = image_with_layer(layer);
        (image, content.to_owned())
    };
    let case = |name, (image, content): (ImageFixture, String)| {
        Case::new(name, &image).with_blob("the text", content)
    };
    vec![
        case(
            "embedded-data-mismatch/fires-for-other-content",
            carrying("hello", "SGVsbG8="),
        )
        .without("another text", &Digest::sha256(b"Hello")),
        case(
            "embedded-data-mismatch/fires-for-another-size",
            carrying("hello", "aGVsbG8h"),
        ),
        case(
            "embedded-data-mismatch/fires-for-invalid-base64",
            carrying("hello", "hello!"),
        ),
        case(
            "embedded-data-mismatch/near-miss-for-matching-content",
            carrying("hello", "aGVsbG8="),
        ),
        case(
            "embedded-data-mismatch/near-miss-when-empty",
            carrying("", ""),
        ),
    ]
}
