//! Gitea's and Forgejo's package registry.

use super::{Fact, Feature, PUSHED_TO, Role, Target};

const MANIFEST: &str = "go-gitea/gitea: routers/api/packages/container/manifest.go";

pub(super) const GITEA: Target = Target {
    id: "gitea",
    name: "Gitea",
    version: "1.25",
    role: Role::Registry,
    operations: PUSHED_TO,
    aliases: &["forgejo", "codeberg"],
    notes: &[],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::refused(
        Feature::NestedInIndex,
        "MANIFEST_INVALID: every child has to be an image.",
    )
    .from(MANIFEST),
    Fact::refused(
        Feature::NestedInList,
        "MANIFEST_INVALID: every child has to be an image.",
    )
    .from(MANIFEST),
    Fact::refused(
        Feature::UnknownChild,
        "MANIFEST_INVALID: every child has to be an image.",
    )
    .from(MANIFEST),
    Fact::refused(
        Feature::Schema1Child,
        "MANIFEST_INVALID: every child has to be an image.",
    )
    .from(MANIFEST),
    Fact::refused(
        Feature::BlobChild,
        "MANIFEST_INVALID: every child has to be an image, and not a layer.",
    )
    .from("https://github.com/go-gitea/gitea/issues/28973"),
    Fact::refused(
        Feature::MissingChild,
        "MANIFEST_BLOB_UNKNOWN: every child has to be there, under the same name.",
    )
    .from("https://github.com/go-gitea/gitea/issues/21954"),
    Fact::refused(
        Feature::MissingContent,
        "The push fails: every config and layer has to be there.",
    )
    .from(MANIFEST),
    Fact::refused(
        Feature::ForeignLayer,
        "The push fails: every layer has to be there, foreign ones too.",
    )
    .from(MANIFEST),
    Fact::refused(
        Feature::WrongSize,
        "SIZE_INVALID: sizes of configs and layers are held against what is stored.",
    )
    .from(MANIFEST),
    Fact::refused(
        Feature::UnknownTop,
        "MANIFEST_INVALID: \"MediaType not recognized\".",
    )
    .from(MANIFEST),
    Fact::taken(
        Feature::IndexChildWithoutPlatform,
        "It is listed as linux/amd64, whatever it is.",
    )
    .from(MANIFEST),
];
