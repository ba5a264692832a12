//! GitLab's container registry.

use super::{Fact, Feature, PUSH_ONLY, Target, TargetRole};

const TYPES: &str = "https://github.com/grimoire-rs/grimoire/issues/11";

pub(super) const GITLAB: Target = Target {
    id: "gitlab",
    name: "GitLab container registry",
    version: "4, with the metadata database, as reported in 2026-06",
    role: TargetRole::Registry,
    operations: PUSH_ONLY,
    aliases: &["gitlab.com", "registry.gitlab.com"],
    notes: &[],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::push_remark(
        Feature::Artifact,
        "Media types that are not on its list are rejected with 400 MANIFEST_INVALID: \"unknown media type\"; common ones, such as those of helm and cosign, are on the list.",
    )
    .with_source(TYPES),
    Fact::push_fails(Feature::UnknownTop, "400 MANIFEST_INVALID: \"unknown media type\", unless a feature flag allows it.")
        .with_source(TYPES),
    Fact::push_fails(Feature::UnknownChild, "400 MANIFEST_INVALID: \"unknown media type\", unless a feature flag allows it.")
        .with_source(TYPES),
    Fact::push_remark(Feature::BlobChild, "BuildKit caches are accepted as a special case, with a warning in the registry's log.")
        .with_source("https://github.com/docker/buildx/issues/173"),
    Fact::push_fails(Feature::MissingChild, "MANIFEST_BLOB_UNKNOWN: every child must be present.")
        .with_source("its origin, distribution 2.8, measured by crates/client/tests/distribution"),
    Fact::push_fails(Feature::MissingContent, "MANIFEST_BLOB_UNKNOWN: every config and layer must be present.")
        .with_source("its origin, distribution 2.8, measured by crates/client/tests/distribution"),
];
