//! Harbor.

use super::{Fact, Feature, PUSH_ONLY, Target, TargetRole};

const CACHES: &str = "https://github.com/goharbor/harbor/issues/14774";

pub(super) const HARBOR: Target = Target {
    id: "harbor",
    name: "Harbor",
    version: "2.15",
    role: TargetRole::Registry,
    operations: PUSH_ONLY,
    aliases: &["goharbor"],
    notes: &[
        "Its proxy cache may serve an index with fewer children, and then under a different digest.",
    ],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::push_fails(
        Feature::BlobChild,
        "404: every child must be an artifact that Harbor knows, and the children of a BuildKit cache are layers.",
    )
    .with_source(CACHES),
    Fact::push_fails(Feature::UnknownChild, "404: every child must be an artifact that Harbor knows.").with_source(CACHES),
    Fact::push_fails(Feature::MissingChild, "404: every child must be present as an artifact; sparse indexes are not supported.")
        .with_source(CACHES),
    Fact::push_fails(Feature::MissingContent, "MANIFEST_BLOB_UNKNOWN, from the embedded CNCF distribution.")
        .with_source("the distribution 2.8 inside it, measured by crates/client/tests/distribution"),
    Fact::push_fails(
        Feature::UnknownTop,
        "400, from the embedded CNCF distribution, which accepts only the four usual types.",
    )
    .with_source("the distribution 2.8 inside it, measured by crates/client/tests/distribution"),
];
