//! GitLab's container registry.

use super::{Fact, Feature, PUSHED_TO, Role, Target};

const TYPES: &str = "https://github.com/grimoire-rs/grimoire/issues/11";

pub(super) const GITLAB: Target = Target {
    id: "gitlab",
    name: "GitLab container registry",
    version: "4, with the metadata database, as reported in 2026-06",
    role: Role::Registry,
    operations: PUSHED_TO,
    aliases: &["gitlab.com", "registry.gitlab.com"],
    notes: &[],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::taken(
        Feature::Artifact,
        "Types that are not on its list are refused, 400 MANIFEST_INVALID: \"unknown media type\"; common ones, as of helm and cosign, are known.",
    )
    .from(TYPES),
    Fact::refused(Feature::UnknownTop, "400 MANIFEST_INVALID: \"unknown media type\", unless a feature flag lets it in.")
        .from(TYPES),
    Fact::refused(Feature::UnknownChild, "400 MANIFEST_INVALID: \"unknown media type\", unless a feature flag lets it in.")
        .from(TYPES),
    Fact::taken(Feature::BlobChild, "BuildKit's caches are taken as a special case, with a warning in its log.")
        .from("https://github.com/docker/buildx/issues/173"),
    Fact::refused(Feature::MissingChild, "MANIFEST_BLOB_UNKNOWN: every child has to be there.")
        .from("its origin, distribution 2.8, measured by crates/client/tests/distribution"),
    Fact::refused(Feature::MissingContent, "MANIFEST_BLOB_UNKNOWN: every config and layer has to be there.")
        .from("its origin, distribution 2.8, measured by crates/client/tests/distribution"),
];
