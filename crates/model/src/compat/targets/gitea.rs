//! Container registry of Gitea and Forgejo.

use super::{Fact, Feature, PUSH_ONLY, Target, TargetRole};

const MANIFEST: &str = "go-gitea/gitea: routers/api/packages/container/manifest.go";

pub(super) const GITEA: Target = Target {
    id: "gitea",
    name: "Gitea",
    version: "1.25",
    role: TargetRole::Registry,
    operations: PUSH_ONLY,
    aliases: &["forgejo", "codeberg"],
    notes: &[],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::push_fails(
        Feature::NestedInIndex,
        "MANIFEST_INVALID: every child must be an image.",
    )
    .with_source(MANIFEST),
    Fact::push_fails(
        Feature::NestedInList,
        "MANIFEST_INVALID: every child must be an image.",
    )
    .with_source(MANIFEST),
    Fact::push_fails(
        Feature::UnknownChild,
        "MANIFEST_INVALID: every child must be an image.",
    )
    .with_source(MANIFEST),
    Fact::push_fails(
        Feature::Schema1Child,
        "MANIFEST_INVALID: every child must be an image.",
    )
    .with_source(MANIFEST),
    Fact::push_fails(
        Feature::BlobChild,
        "MANIFEST_INVALID: every child must be an image, not a layer.",
    )
    .with_source("https://github.com/go-gitea/gitea/issues/28973"),
    Fact::push_fails(
        Feature::MissingChild,
        "MANIFEST_BLOB_UNKNOWN: every child must be present under the same name.",
    )
    .with_source("https://github.com/go-gitea/gitea/issues/21954"),
    Fact::push_fails(
        Feature::MissingContent,
        "The push fails: every config and layer must be present.",
    )
    .with_source(MANIFEST),
    Fact::push_fails(
        Feature::ForeignLayer,
        "The push fails: every layer must be present, including foreign layers.",
    )
    .with_source(MANIFEST),
    Fact::push_fails(
        Feature::WrongSize,
        "SIZE_INVALID: sizes of configs and layers are compared with the stored content.",
    )
    .with_source(MANIFEST),
    Fact::push_fails(
        Feature::UnknownTop,
        "MANIFEST_INVALID: \"MediaType not recognized\".",
    )
    .with_source(MANIFEST),
    Fact::push_remark(
        Feature::IndexChildWithoutPlatform,
        "The child is listed as linux/amd64, whatever it is.",
    )
    .with_source(MANIFEST),
];
