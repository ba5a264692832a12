//! zot.

use super::{Fact, Feature, PUSHED_TO, Role, Target};

const COMMON: &str = "project-zot/zot: pkg/storage/common/common.go";

pub(super) const ZOT: Target = Target {
    id: "zot",
    name: "zot",
    version: "2.1",
    role: Role::Registry,
    operations: PUSHED_TO,
    aliases: &["zotregistry"],
    notes: &[],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::refused(
        Feature::DockerType,
        "415 (\"manifest invalid\" to clients), unless its configuration has http.compat: [\"docker2s2\"].",
    )
    .from("https://github.com/project-zot/zot/issues/724, https://github.com/project-zot/zot/pull/2714"),
    Fact::refused(Feature::UnknownTop, "Manifests of other types are refused as those of Docker's are.").from(COMMON),
    Fact::refused(Feature::MissingChild, "400: every child has to be there.").from(COMMON),
    Fact::refused(Feature::MissingContent, "400: config and layers of an image have to be there.").from(COMMON),
    Fact::taken(Feature::UnknownChild, "It is taken, but the collector does not follow it and may drop what it needs.")
        .from(COMMON),
    Fact::taken(Feature::BlobChild, "It is taken, but the collector does not follow it and may drop it.").from(COMMON),
];
