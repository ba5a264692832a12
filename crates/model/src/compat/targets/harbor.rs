//! Harbor.

use super::{Fact, Feature, PUSHED_TO, Role, Target};

const CACHES: &str = "https://github.com/goharbor/harbor/issues/14774";

pub(super) const HARBOR: Target = Target {
    id: "harbor",
    name: "Harbor",
    version: "2.15",
    role: Role::Registry,
    operations: PUSHED_TO,
    aliases: &["goharbor"],
    notes: &[
        "Its proxy cache may answer an index with fewer children, and then under another digest.",
    ],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::refused(
        Feature::BlobChild,
        "404: every child has to be an artifact that it knows, and the children of a BuildKit cache are layers.",
    )
    .from(CACHES),
    Fact::refused(Feature::UnknownChild, "404: every child has to be an artifact that it knows.").from(CACHES),
    Fact::refused(Feature::MissingChild, "404: every child has to be there as an artifact; it has no sparse indexes.")
        .from(CACHES),
    Fact::refused(Feature::MissingContent, "MANIFEST_BLOB_UNKNOWN, from the CNCF distribution inside it.")
        .from("the distribution 2.8 inside it, measured by crates/client/tests/distribution"),
    Fact::refused(
        Feature::UnknownTop,
        "400, from the CNCF distribution inside it, which knows the four usual types alone.",
    )
    .from("the distribution 2.8 inside it, measured by crates/client/tests/distribution"),
];
