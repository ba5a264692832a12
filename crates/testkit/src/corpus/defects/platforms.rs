//! Cases about the platforms of children: missing, duplicate, or different from the image config.

use portolan_model::MediaType;
use portolan_model::fixtures::{ImageFixture, IndexFixture, descriptor_json, image};
use serde_json::{Value, json};

use crate::corpus::case::Case;
use crate::corpus::document::{Document, with_member};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [duplicates(), missing_platforms(), mismatches()].concat()
}

/// Creates a case with an index of two images. `first` and `second` are their platforms in the
/// index, with which their configs agree.
fn two_children(name: &'static str, first: Value, second: Value) -> Case {
    let (one, two) = (
        build_for(image("one"), &first),
        build_for(image("two"), &second),
    );
    let child =
        |image: &ImageFixture, platform| with_member(image.describe(), "platform", platform);
    let root = IndexFixture::oci()
        .child(child(&one, first))
        .child(child(&two, second));
    Case::new(name, &root)
        .with_document("one", &one)
        .with_document("two", &two)
}

fn build_for(image: ImageFixture, platform: &Value) -> ImageFixture {
    let fields = platform.as_object().into_iter().flatten();
    fields.fold(image, |image, (key, value)| {
        image.config_field(key, value.clone())
    })
}

fn duplicates() -> Vec<Case> {
    let linux = |architecture: &str| json!({"os": "linux", "architecture": architecture});
    let arm = |variant: &str| with_member(linux("arm"), "variant", json!(variant));
    let windows =
        |version: &str| json!({"os": "windows", "architecture": "amd64", "os.version": version});
    let featured =
        |feature: &str| with_member(windows("10.0.20348"), "os.features", json!([feature]));
    let unknown = || json!({"os": "unknown", "architecture": "unknown"});
    vec![
        two_children("duplicate-platform/fires", linux("amd64"), linux("amd64")),
        two_children(
            "duplicate-platform/fires-with-a-version",
            windows("10.0.20348"),
            windows("10.0.20348"),
        ),
        two_children(
            "duplicate-platform/fires-in-another-spelling",
            linux("arm64"),
            with_member(linux("aarch64"), "variant", json!("v8")),
        ),
        two_children(
            "duplicate-platform/near-miss-by-variant",
            arm("v6"),
            arm("v7"),
        ),
        two_children(
            "duplicate-platform/near-miss-by-version",
            windows("10.0.17763"),
            windows("10.0.20348"),
        ),
        two_children(
            "duplicate-platform/near-miss-by-feature",
            featured("win32k"),
            featured("rdp"),
        ),
        two_children(
            "duplicate-platform/near-miss-for-attestations",
            unknown(),
            unknown(),
        ),
        children_without_platforms(),
    ]
}

fn children_without_platforms() -> Case {
    let (one, two) = (image("one"), image("two"));
    let root = IndexFixture::oci()
        .without_platform(&one)
        .without_platform(&two);
    Case::new("duplicate-platform/near-miss-without-platforms", &root)
        .with_document("one", &one)
        .with_document("two", &two)
}

fn missing_platforms() -> Vec<Case> {
    let (oci, docker) = (image("a"), image("a").docker());
    let inner = IndexFixture::oci().image(&oci, "linux/amd64");
    let artifact = image("artifact")
        .field("artifactType", json!(media::ARTIFACT))
        .field("config", descriptor_json(MediaType::OCI_EMPTY, b"{}"))
        .field(
            "layers",
            json!([descriptor_json("text/plain", b"five knots")]),
        );
    let chart = image("chart").field("config", descriptor_json(media::HELM_CONFIG, b"{}"));
    vec![
        Case::new("platform-missing/fires", &IndexFixture::oci().without_platform(&oci)).with_document("the image", &oci),
        Case::new("platform-missing/fires-in-a-docker-list", &IndexFixture::docker().without_platform(&docker))
            .with_document("the image", &docker),
        Case::new("platform-missing/near-miss-for-an-index", &IndexFixture::oci().nested_index(&inner, None))
            .with_document("inner", &inner)
            .with_document("the image", &oci),
        Case::new("platform-missing/near-miss-for-an-artifact", &{
            IndexFixture::oci().child(with_member(artifact.describe(), "artifactType", json!(media::ARTIFACT)))
        })
        .with_document("the artifact", &artifact)
        .with_blob("the empty config", "{}")
        .with_blob("the text", "five knots"),
        Case::new("platform-missing/near-miss-for-a-chart", &IndexFixture::oci().without_platform(&chart))
            .with_document("the chart", &chart)
            .with_blob("the chart's config", "{}"),
        Case::new("platform-missing/near-miss-for-an-attestation", &{
            let attests = json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": oci.digest()});
            IndexFixture::oci().image(&oci, "linux/amd64").child(with_member(artifact.describe(), "annotations", attests))
        })
        .with_document("the image", &oci)
        .with_document("the attestation", &artifact)
        .with_blob("the empty config", "{}")
        .with_blob("the text", "five knots"),
    ]
}

/// Creates a case with an image whose config has the platform `built_for`, in an index that has the
/// platform `listed` for it.
fn platform_difference(name: &'static str, built_for: &str, listed: &str) -> Case {
    let image = image("a").built_for(built_for);
    Case::new(name, &IndexFixture::oci().image(&image, listed)).with_document("the image", &image)
}

fn mismatches() -> Vec<Case> {
    vec![
        platform_difference(
            "platform-mismatch/fires-for-the-architecture",
            "linux/amd64",
            "linux/arm64",
        ),
        platform_difference(
            "platform-mismatch/fires-for-the-os",
            "windows/amd64",
            "linux/amd64",
        ),
        platform_difference(
            "platform-mismatch/fires-for-the-variant",
            "linux/arm/v6",
            "linux/arm/v7",
        ),
        platform_difference(
            "platform-mismatch/near-miss-by-spelling",
            "linux/aarch64",
            "linux/arm64/v8",
        ),
        platform_difference(
            "platform-mismatch/near-miss-for-a-variant-on-one-side",
            "linux/arm",
            "linux/arm/v7",
        ),
        platform_difference(
            "platform-mismatch/near-miss-for-no-platform",
            "linux/amd64",
            "unknown/unknown",
        ),
        missing_config(),
        os_version_difference("platform-mismatch/fires-for-the-version", "10.0.20348.1"),
        os_version_difference(
            "platform-mismatch/near-miss-by-the-same-version",
            "10.0.17763.1",
        ),
    ]
}

fn missing_config() -> Case {
    let image = image("a").built_for("linux/amd64");
    let root = IndexFixture::oci().image(&image, "linux/arm64");
    Case::new(
        "platform-mismatch/near-miss-when-the-config-is-missing",
        &root,
    )
    .with_document("the image", &image)
    .without(
        "the config",
        &portolan_model::Digest::sha256(&image.blobs()[0]),
    )
}

/// Creates a case with an image for one version of Windows, in an index that has the version
/// `listed` for it.
fn os_version_difference(name: &'static str, listed: &str) -> Case {
    let image = image("a")
        .built_for("windows/amd64")
        .config_field("os.version", json!("10.0.17763.1"));
    let platform = json!({"os": "windows", "architecture": "amd64", "os.version": listed});
    let root = IndexFixture::oci().child(with_member(image.describe(), "platform", platform));
    Case::new(name, &root).with_document("the image", &image)
}
