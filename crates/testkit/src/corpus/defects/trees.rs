//! Cases about defects that are detectable only in the full tree.

use portolan_model::MediaType;
use portolan_model::fixtures::{IndexFixture, image};

use crate::corpus::case::Case;
use crate::corpus::document::{Document, TextDocument, with_platform};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [build_dates(), unreadable_children(), limits()].concat()
}

/// Creates a case with an index of images for different platforms. `days` are the creation dates in
/// their configs.
fn images_built_on<const N: usize>(name: &'static str, days: [Option<&str>; N]) -> Case {
    const PLATFORMS: [&str; 5] = [
        "linux/amd64",
        "linux/arm64",
        "linux/arm/v7",
        "linux/386",
        "linux/s390x",
    ];
    let children: Vec<_> = PLATFORMS
        .into_iter()
        .zip(days)
        .map(|(platform, day)| {
            let image = image(platform).built_for(platform);
            (
                platform,
                if let Some(day) = day {
                    image.built_at(day)
                } else {
                    image
                },
            )
        })
        .collect();
    let root = children
        .iter()
        .fold(IndexFixture::oci(), |index, (platform, image)| {
            index.image(image, platform)
        });
    children
        .iter()
        .fold(Case::new(name, &root), |case, (platform, image)| {
            case.with_document(platform, image)
        })
}

fn build_dates() -> Vec<Case> {
    let today = Some("2026-06-30T12:00:00Z");
    let days_91_before = Some("2026-03-31T12:00:00Z");
    let days_90_before = Some("2026-04-01T12:00:00Z");
    vec![
        images_built_on(
            "child-much-older/fires",
            [today, today, Some("2024-01-27T09:01:33Z"), today],
        ),
        images_built_on(
            "child-much-older/fires-beside-one-sibling",
            [days_91_before, today],
        ),
        images_built_on(
            "child-much-older/fires-across-offsets",
            [Some("2026-03-31T14:00:00+02:00"), today],
        ),
        images_built_on(
            "child-much-older/near-miss-after-90-days",
            [days_90_before, today, today],
        ),
        images_built_on(
            "child-much-older/near-miss-for-reproducible-builds",
            [Some("1970-01-01T00:00:00Z"), today, today],
        ),
        images_built_on(
            "child-much-older/near-miss-without-dates",
            [None, today, None],
        ),
        images_built_on(
            "child-much-older/near-miss-when-younger",
            [days_91_before, days_91_before, days_91_before, today],
        ),
        images_built_on(
            "child-much-older/near-miss-for-an-invalid-date",
            [Some("last spring"), today, today],
        ),
        older_attestation(),
    ]
}

fn older_attestation() -> Case {
    let (young, statement) = (
        image("young").built_at("2026-06-30T12:00:00Z"),
        image("old").built_at("2024-01-27T09:01:33Z"),
    );
    let root = IndexFixture::oci()
        .image(&young, "linux/amd64")
        .child(with_platform(statement.describe(), "unknown/unknown"));
    Case::new("child-much-older/near-miss-for-an-attestation", &root)
        .with_document("young", &young)
        .with_document("the statement", &statement)
}

fn unreadable_children() -> Vec<Case> {
    let broken = TextDocument::new(MediaType::OCI_MANIFEST, "here be dragons");
    let withdrawn = TextDocument::new(
        MediaType::OCI_MANIFEST,
        r#"{"schemaVersion":1,"fsLayers":[]}"#,
    );
    let unknown = TextDocument::new(media::UNKNOWN, "here be dragons");
    let case = |name, child: &TextDocument| {
        Case::new(
            name,
            &IndexFixture::oci().child(with_platform(child.describe(), "linux/amd64")),
        )
        .with_document("the child", child)
    };
    vec![
        case("unreadable-child/fires-for-invalid-json", &broken),
        case("unreadable-child/fires-for-schema-1", &withdrawn),
        case("unreadable-child/near-miss-for-an-unknown-type", &unknown),
        Case::new(
            "unreadable-child/near-miss-when-absent",
            &IndexFixture::oci().child(with_platform(broken.describe(), "linux/amd64")),
        )
        .without("the child", &broken.sha256()),
    ]
}

fn limits() -> Vec<Case> {
    vec![
        nested_twice("tree-too-deep/fires").with_limits(1, 100),
        nested_twice("tree-too-deep/near-miss-at-the-limit").with_limits(2, 100),
        images_built_on("tree-too-large/fires", [None, None, None]).with_limits(16, 3),
        images_built_on("tree-too-large/near-miss-at-the-limit", [None, None, None])
            .with_limits(16, 4),
        repeated_child(),
    ]
}

/// Creates a case with an image in a nested index, at depth 2.
fn nested_twice(name: &'static str) -> Case {
    let image = image("a");
    let inner = IndexFixture::oci().image(&image, "linux/amd64");
    Case::new(name, &IndexFixture::oci().nested_index(&inner, None))
        .with_document("inner", &inner)
        .with_document("the image", &image)
}

/// Creates a case in which many descriptors reference one document. A lint run reads and counts it
/// once.
fn repeated_child() -> Case {
    let image = image("a");
    let root = (0..5).fold(IndexFixture::oci(), |index, _| {
        index.image(&image, "linux/amd64")
    });
    Case::new("tree-too-large/near-miss-for-a-repeated-child", &root)
        .with_document("the image", &image)
        .with_limits(16, 2)
}
