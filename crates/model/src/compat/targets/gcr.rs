//! Google Container Registry.

use super::{Fact, Feature, PUSH_ONLY, Target, TargetRole};

pub(super) const GCR: Target = Target {
    id: "gcr",
    name: "Google Container Registry",
    version: "as reported in 2023",
    role: TargetRole::Registry,
    operations: PUSH_ONLY,
    aliases: &["gcr.io"],
    notes: &[
        "Its current behavior was not checked: it is closed, and Artifact Registry answers under its name.",
    ],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::push_fails(
        Feature::DockerImageInIndex,
        "400: \"Image index child manifest not supported: application/vnd.docker.distribution.manifest.v2+json\".",
    )
    .with_source("https://github.com/bazel-contrib/rules_oci/issues/241, chainguard-dev/apko#138, DataDog/rules_oci#10"),
    Fact::push_fails(Feature::BlobChild, "400 for a list whose children are layers, as in BuildKit caches.")
        .with_source("https://github.com/moby/buildkit/issues/1143"),
];
