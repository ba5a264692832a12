//! What stands in a descriptor: digest, size, type, embedded data.

use portolan_model::fixtures::{Image, Index, blob, describe, image, sha512};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use crate::corpus::case::Case;
use crate::corpus::document::{Document, with};

pub(super) fn cases() -> Vec<Case> {
    [digests(), sizes(), incomplete(), algorithms(), embedded()].concat()
}

/// An image with one layer, exactly this value.
fn layered(layer: Value) -> Image {
    image("a").field("layers", Value::Array(vec![layer]))
}

fn layer() -> Value {
    describe(MediaType::OCI_LAYER_GZIP, &blob("a"))
}

fn without(mut descriptor: Value, key: &str) -> Value {
    descriptor
        .as_object_mut()
        .and_then(|object| object.remove(key));
    descriptor
}

fn digests() -> Vec<Case> {
    let named = |digest: &str| layered(with(layer(), "digest", json!(digest)));
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
            &Index::oci().child(with(image("a").describe(), "digest", json!("sha256:"))),
        ),
        Case::new(
            "malformed-digest/just-not-by-another-algorithm",
            &named(&format!("blake3:{hex}")),
        ),
        Case::new(
            "malformed-digest/just-not-with-an-invented-algorithm",
            &named("sea+chart.v2:Bay_of-Biscay="),
        ),
    ]
}

fn sizes() -> Vec<Case> {
    let sized = |size: Value| layered(with(layer(), "size", size));
    let layer = Digest::sha256(&blob("a"));
    vec![
        Case::new("size-out-of-range/fires-when-negative", &sized(json!(-1))),
        Case::new(
            "size-out-of-range/fires-over-2-to-the-53",
            &sized(json!(1_u64 << 53)),
        ),
        Case::new(
            "size-out-of-range/fires-over-64-bits",
            &layered(layer_of_size("99999999999999999999")),
        ),
        Case::new(
            "size-out-of-range/just-not-the-largest",
            &sized(json!((1_u64 << 53) - 1)),
        )
        .unasked("the layer", &layer),
        Case::new(
            "size-out-of-range/just-not-nothing",
            &layered(describe(MediaType::OCI_LAYER_GZIP, b"")),
        )
        .blob("nothing", ""),
    ]
}

/// A size that is beyond the integers of JSON's readers.
fn layer_of_size(size: &str) -> Value {
    with(
        layer(),
        "size",
        serde_json::from_str(size).unwrap_or_default(),
    )
}

fn incomplete() -> Vec<Case> {
    let image = image("a");
    let stranger = json!({"digest": Digest::sha256(b"somewhere")});
    vec![
        Case::new(
            "descriptor-incomplete/fires-without-type",
            &layered(without(layer(), "mediaType")),
        ),
        Case::new(
            "descriptor-incomplete/fires-without-size",
            &layered(without(layer(), "size")),
        ),
        Case::new(
            "descriptor-incomplete/fires-for-a-child",
            &Index::oci().child(without(image.describe(), "mediaType")),
        )
        .holds("the image", &image),
        Case::new(
            "descriptor-incomplete/just-not-when-bare",
            &layered(layer()),
        ),
        Case::new(
            "descriptor-incomplete/just-not-elsewhere",
            &image.field("x", stranger),
        ),
    ]
}

fn algorithms() -> Vec<Case> {
    let image = image("a");
    let by_sha512 = sha512(&image.bytes());
    let root = Index::oci().image(&image, "linux/amd64");
    vec![
        Case::new(
            "digest-not-sha256/fires-for-a-layer",
            &layered(with(layer(), "digest", json!(sha512(&blob("a"))))),
        )
        .blob_under("the layer", sha512(&blob("a")), blob("a")),
        Case::new("digest-not-sha256/fires-for-a-child", &{
            let child = with(image.describe(), "digest", json!(by_sha512));
            Index::oci().child(with(
                child,
                "platform",
                json!({"os": "linux", "architecture": "amd64"}),
            ))
        })
        .holds("the image", &image)
        .manifest(
            "the image by sha512",
            by_sha512.clone(),
            &image.media_type(),
            image.bytes(),
        ),
        Case::new("digest-not-sha256/fires-for-a-subject", &{
            image.clone().field(
                "subject",
                with(image.describe(), "digest", json!(by_sha512)),
            )
        })
        .lacks("the subject", &by_sha512),
        Case::new("digest-not-sha256/just-not-throughout", &root).holds("the image", &image),
        Case::new("digest-not-sha256/just-not-in-an-annotation", &{
            image
                .clone()
                .field("annotations", json!({"replaces": by_sha512}))
        }),
    ]
}

fn embedded() -> Vec<Case> {
    let carrying = |content: &str, data: &str| {
        let layer = with(
            describe("text/plain", content.as_bytes()),
            "data",
            json!(data),
        );
        let image = layered(layer);
        (image, content.to_owned())
    };
    let case =
        |name, (image, content): (Image, String)| Case::new(name, &image).blob("the text", content);
    vec![
        case(
            "embedded-data-mismatch/fires-for-other-content",
            carrying("hello", "SGVsbG8="),
        )
        .lacks("another text", &Digest::sha256(b"Hello")),
        case(
            "embedded-data-mismatch/fires-for-another-size",
            carrying("hello", "aGVsbG8h"),
        ),
        case(
            "embedded-data-mismatch/fires-when-no-base64",
            carrying("hello", "hello!"),
        ),
        case(
            "embedded-data-mismatch/just-not-the-right-content",
            carrying("hello", "aGVsbG8="),
        ),
        case("embedded-data-mismatch/just-not-nothing", carrying("", "")),
    ]
}
