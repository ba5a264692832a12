//! Which platform a child is for: not said, said twice, said otherwise than in its config.

use portolan_model::MediaType;
use portolan_model::fixtures::{Image, Index, describe, image};
use serde_json::{Value, json};

use crate::corpus::case::Case;
use crate::corpus::document::{Document, with};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [duplicates(), missing(), mismatches()].concat()
}

/// Two images as children, each built for the platform that the index says.
fn pair(name: &'static str, first: Value, second: Value) -> Case {
    let (one, two) = (
        built_as(image("one"), &first),
        built_as(image("two"), &second),
    );
    let child = |image: &Image, platform| with(image.describe(), "platform", platform);
    let root = Index::oci()
        .child(child(&one, first))
        .child(child(&two, second));
    Case::new(name, &root).holds("one", &one).holds("two", &two)
}

fn built_as(image: Image, platform: &Value) -> Image {
    let said = platform.as_object().into_iter().flatten();
    said.fold(image, |image, (key, value)| {
        image.config_field(key, value.clone())
    })
}

fn duplicates() -> Vec<Case> {
    let linux = |architecture: &str| json!({"os": "linux", "architecture": architecture});
    let arm = |variant: &str| with(linux("arm"), "variant", json!(variant));
    let windows =
        |version: &str| json!({"os": "windows", "architecture": "amd64", "os.version": version});
    let featured = |feature: &str| with(windows("10.0.20348"), "os.features", json!([feature]));
    let unknown = || json!({"os": "unknown", "architecture": "unknown"});
    vec![
        pair("duplicate-platform/fires", linux("amd64"), linux("amd64")),
        pair(
            "duplicate-platform/fires-with-a-version",
            windows("10.0.20348"),
            windows("10.0.20348"),
        ),
        pair(
            "duplicate-platform/fires-in-another-spelling",
            linux("arm64"),
            with(linux("aarch64"), "variant", json!("v8")),
        ),
        pair(
            "duplicate-platform/just-not-by-variant",
            arm("v6"),
            arm("v7"),
        ),
        pair(
            "duplicate-platform/just-not-by-version",
            windows("10.0.17763"),
            windows("10.0.20348"),
        ),
        pair(
            "duplicate-platform/just-not-by-feature",
            featured("win32k"),
            featured("rdp"),
        ),
        pair(
            "duplicate-platform/just-not-for-attestations",
            unknown(),
            unknown(),
        ),
        without_platforms(),
    ]
}

fn without_platforms() -> Case {
    let (one, two) = (image("one"), image("two"));
    let root = Index::oci().without_platform(&one).without_platform(&two);
    Case::new("duplicate-platform/just-not-without-platforms", &root)
        .holds("one", &one)
        .holds("two", &two)
}

fn missing() -> Vec<Case> {
    let (oci, docker) = (image("a"), image("a").docker());
    let inner = Index::oci().image(&oci, "linux/amd64");
    let artifact = image("artifact")
        .field("artifactType", json!(media::ARTIFACT))
        .field("config", describe(MediaType::OCI_EMPTY, b"{}"))
        .field("layers", json!([describe("text/plain", b"five knots")]));
    let chart = image("chart").field("config", describe(media::HELM_CONFIG, b"{}"));
    vec![
        Case::new("platform-missing/fires", &Index::oci().without_platform(&oci)).holds("the image", &oci),
        Case::new("platform-missing/fires-in-dockers-list", &Index::docker().without_platform(&docker))
            .holds("the image", &docker),
        Case::new("platform-missing/just-not-for-an-index", &Index::oci().nested(&inner, None))
            .holds("inner", &inner)
            .holds("the image", &oci),
        Case::new("platform-missing/just-not-for-an-artifact", &{
            Index::oci().child(with(artifact.describe(), "artifactType", json!(media::ARTIFACT)))
        })
        .holds("the artifact", &artifact)
        .blob("the empty config", "{}")
        .blob("the text", "five knots"),
        Case::new("platform-missing/just-not-for-a-chart", &Index::oci().without_platform(&chart))
            .holds("the chart", &chart)
            .blob("the chart's config", "{}"),
        Case::new("platform-missing/just-not-for-an-attestation", &{
            let attests = json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": oci.digest()});
            Index::oci().image(&oci, "linux/amd64").child(with(artifact.describe(), "annotations", attests))
        })
        .holds("the image", &oci)
        .holds("the attestation", &artifact)
        .blob("the empty config", "{}")
        .blob("the text", "five knots"),
    ]
}

/// One image as the child for `said`, built for another platform.
fn built(name: &'static str, built_for: &str, said: &str) -> Case {
    let image = image("a").built_for(built_for);
    Case::new(name, &Index::oci().image(&image, said)).holds("the image", &image)
}

fn mismatches() -> Vec<Case> {
    vec![
        built(
            "platform-mismatch/fires-for-the-architecture",
            "linux/amd64",
            "linux/arm64",
        ),
        built(
            "platform-mismatch/fires-for-the-system",
            "windows/amd64",
            "linux/amd64",
        ),
        built(
            "platform-mismatch/fires-for-the-variant",
            "linux/arm/v6",
            "linux/arm/v7",
        ),
        built(
            "platform-mismatch/just-not-by-spelling",
            "linux/aarch64",
            "linux/arm64/v8",
        ),
        built(
            "platform-mismatch/just-not-by-a-variant-said-once",
            "linux/arm",
            "linux/arm/v7",
        ),
        built(
            "platform-mismatch/just-not-for-no-platform",
            "linux/amd64",
            "unknown/unknown",
        ),
        platform_of_an_unread_config(),
        os_version("platform-mismatch/fires-for-the-version", "10.0.20348.1"),
        os_version(
            "platform-mismatch/just-not-by-the-same-version",
            "10.0.17763.1",
        ),
    ]
}

fn platform_of_an_unread_config() -> Case {
    let image = image("a").built_for("linux/amd64");
    let root = Index::oci().image(&image, "linux/arm64");
    Case::new(
        "platform-mismatch/just-not-when-the-config-is-not-there",
        &root,
    )
    .holds("the image", &image)
    .lacks(
        "the config",
        &portolan_model::Digest::sha256(&image.blobs()[0]),
    )
}

/// An image for Windows of one version, as the child for another.
fn os_version(name: &'static str, said: &str) -> Case {
    let image = image("a")
        .built_for("windows/amd64")
        .config_field("os.version", json!("10.0.17763.1"));
    let platform = json!({"os": "windows", "architecture": "amd64", "os.version": said});
    let root = Index::oci().child(with(image.describe(), "platform", platform));
    Case::new(name, &root).holds("the image", &image)
}
