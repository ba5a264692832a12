//! Google Container Registry.

use super::{Fact, Feature, PUSHED_TO, Role, Target};

pub(super) const GCR: Target = Target {
    id: "gcr",
    name: "Google Container Registry",
    version: "as reported in 2023",
    role: Role::Registry,
    operations: PUSHED_TO,
    aliases: &["gcr.io"],
    notes: &[
        "What it says today was not looked at: it is closed, and Artifact Registry answers under its name.",
    ],
    facts: &[FACTS],
};

const FACTS: &[Fact] = &[
    Fact::refused(
        Feature::DockerImageInIndex,
        "400: \"Image index child manifest not supported: application/vnd.docker.distribution.manifest.v2+json\".",
    )
    .from("https://github.com/bazel-contrib/rules_oci/issues/241, chainguard-dev/apko#138, DataDog/rules_oci#10"),
    Fact::refused(Feature::BlobChild, "400 for a list whose children are layers, as BuildKit's caches are.")
        .from("https://github.com/moby/buildkit/issues/1143"),
];
