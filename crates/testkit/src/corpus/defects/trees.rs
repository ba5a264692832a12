//! What shows only when the whole tree is seen.

use portolan_model::MediaType;
use portolan_model::fixtures::{Index, image};

use crate::corpus::case::Case;
use crate::corpus::document::{Document, Text, on};
use crate::corpus::media;

pub(super) fn cases() -> Vec<Case> {
    [ages(), unreadable(), limits()].concat()
}

/// An index of images that were built on these days, each for another platform.
fn built<const N: usize>(name: &'static str, days: [Option<&str>; N]) -> Case {
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
        .fold(Index::oci(), |index, (platform, image)| {
            index.image(image, platform)
        });
    children
        .iter()
        .fold(Case::new(name, &root), |case, (platform, image)| {
            case.holds(platform, image)
        })
}

fn ages() -> Vec<Case> {
    let today = Some("2026-06-30T12:00:00Z");
    let days_91_before = Some("2026-03-31T12:00:00Z");
    let days_90_before = Some("2026-04-01T12:00:00Z");
    vec![
        built(
            "child-much-older/fires",
            [today, today, Some("2024-01-27T09:01:33Z"), today],
        ),
        built(
            "child-much-older/fires-beside-one-sibling",
            [days_91_before, today],
        ),
        built(
            "child-much-older/fires-across-offsets",
            [Some("2026-03-31T14:00:00+02:00"), today],
        ),
        built(
            "child-much-older/just-not-after-90-days",
            [days_90_before, today, today],
        ),
        built(
            "child-much-older/just-not-for-reproducible-builds",
            [Some("1970-01-01T00:00:00Z"), today, today],
        ),
        built(
            "child-much-older/just-not-without-dates",
            [None, today, None],
        ),
        built(
            "child-much-older/just-not-when-younger",
            [days_91_before, days_91_before, days_91_before, today],
        ),
        built(
            "child-much-older/just-not-for-words",
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
    let root = Index::oci()
        .image(&young, "linux/amd64")
        .child(on(statement.describe(), "unknown/unknown"));
    Case::new("child-much-older/just-not-for-an-attestation", &root)
        .holds("young", &young)
        .holds("the statement", &statement)
}

fn unreadable() -> Vec<Case> {
    let broken = Text::new(MediaType::OCI_MANIFEST, "here be dragons");
    let withdrawn = Text::new(
        MediaType::OCI_MANIFEST,
        r#"{"schemaVersion":1,"fsLayers":[]}"#,
    );
    let unknown = Text::new(media::UNKNOWN, "here be dragons");
    let case = |name, child: &Text| {
        Case::new(
            name,
            &Index::oci().child(on(child.describe(), "linux/amd64")),
        )
        .holds("the child", child)
    };
    vec![
        case("unreadable-child/fires-when-no-json", &broken),
        case("unreadable-child/fires-for-the-first-schema", &withdrawn),
        case(
            "unreadable-child/just-not-for-a-type-nobody-knows",
            &unknown,
        ),
        Case::new(
            "unreadable-child/just-not-when-absent",
            &Index::oci().child(on(broken.describe(), "linux/amd64")),
        )
        .lacks("the child", &broken.sha256()),
    ]
}

fn limits() -> Vec<Case> {
    vec![
        nested_twice("tree-too-deep/fires").within(1, 100),
        nested_twice("tree-too-deep/just-not-at-the-limit").within(2, 100),
        built("tree-too-large/fires", [None, None, None]).within(16, 3),
        built("tree-too-large/just-not-at-the-limit", [None, None, None]).within(16, 4),
        one_child_often(),
    ]
}

/// An image at depth 2.
fn nested_twice(name: &'static str) -> Case {
    let image = image("a");
    let inner = Index::oci().image(&image, "linux/amd64");
    Case::new(name, &Index::oci().nested(&inner, None))
        .holds("inner", &inner)
        .holds("the image", &image)
}

/// A document that is named from many places is read, and counted, once.
fn one_child_often() -> Case {
    let image = image("a");
    let root = (0..5).fold(Index::oci(), |index, _| index.image(&image, "linux/amd64"));
    Case::new("tree-too-large/just-not-for-one-child-often", &root)
        .holds("the image", &image)
        .within(16, 2)
}
