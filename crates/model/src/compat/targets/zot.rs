//! zot.

use super::{Fact, Feature, PUSH_ONLY, Target, TargetRole};

const COMMON: &str = "project-zot/zot: pkg/storage/common/common.go";

pub(super) const ZOT: Target = Target {
    id: "zot",
    name: "zot",
    version: "2.1",
    role: TargetRole::Registry,
    operations: PUSH_ONLY,
    aliases: &["zotregistry"],
    notes: &[],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::push_fails(
        Feature::DockerType,
        "415 (\"manifest invalid\" to clients), unless its configuration has http.compat: [\"docker2s2\"].",
    )
    .with_source("https://github.com/project-zot/zot/issues/724, https://github.com/project-zot/zot/pull/2714"),
    Fact::push_fails(Feature::UnknownTop, "Manifests of other types are rejected in the same way as Docker's.").with_source(COMMON),
    Fact::push_fails(Feature::MissingChild, "400: every child must be present.").with_source(COMMON),
    Fact::push_fails(Feature::MissingContent, "400: the config and layers of an image must be present.").with_source(COMMON),
    Fact::push_remark(Feature::UnknownChild, "Accepted, but garbage collection does not follow it and may delete what it references.")
        .with_source(COMMON),
    Fact::push_remark(Feature::BlobChild, "Accepted, but garbage collection does not follow it and may delete it.").with_source(COMMON),
];
