//! Red Hat Quay.

use super::{Fact, Feature, PUSH_ONLY, Target, TargetRole};

const LOADER: &str = "https://github.com/quay/quay/pull/6070";
const INDEX: &str = "quay/quay: image/oci/index.py";
const LIST: &str = "quay/quay: image/docker/schema2/list.py";
const CREATION: &str = "quay/quay: data/model/oci/manifest.py";

pub(super) const QUAY: Target = Target {
    id: "quay",
    name: "Quay",
    version: "since 2026-05 (quay/quay#6070)",
    role: TargetRole::Registry,
    operations: PUSH_ONLY,
    aliases: &["quay.io"],
    notes: &[],
    facts: &[FACTS_ALL_VERSIONS],
};

pub(super) const BEFORE_2026_05: Target = Target {
    id: "quay-before-2026-05",
    name: "Quay before quay/quay#6070",
    version: "before 2026-05",
    role: TargetRole::Registry,
    operations: PUSH_ONLY,
    aliases: &["quay-old"],
    notes: &[],
    facts: &[FACTS_BEFORE_2026_05, FACTS_ALL_VERSIONS],
};

const FACTS_BEFORE_2026_05: &[Fact] = &[
    Fact::push_fails(
        Feature::DockerImageInIndex,
        "The push is rejected: the index schema accepts a Docker child, but the code that loads the children knows only OCI media types.",
    )
    .with_source(LOADER),
    Fact::push_fails(
        Feature::DockerListInIndex,
        "The push is rejected: the index schema accepts a Docker list, but the code that loads the children knows only OCI media types.",
    )
    .with_source(LOADER),
];

const FACTS_ALL_VERSIONS: &[Fact] = &[
    Fact::push_fails(
        Feature::UnknownChild,
        "400: a child must be an OCI manifest or index, or a Docker image or list; the index schema rejects every other type.",
    )
    .with_source(INDEX),
    Fact::push_fails(
        Feature::BlobChild,
        "400: a child must be an OCI manifest or index, or a Docker image or list; the index schema rejects layers and configs.",
    )
    .with_source(INDEX),
    Fact::push_fails(Feature::Schema1Child, "400: the index schema rejects Docker schema 1.").with_source(INDEX),
    Fact::push_fails(Feature::MissingChild, "400, unless FEATURE_SPARSE_INDEX is set: every child must be present.").with_source(CREATION),
    Fact::push_fails(Feature::MissingContent, "400: every config and layer must be present.").with_source(CREATION),
    Fact::push_fails(Feature::WrongChildSize, "400: the size of a child must equal the size of its manifest.")
        .with_source("quay/quay: image/shared/schemautil.py"),
    Fact::push_fails(Feature::OciImageInList, "400: a Docker list accepts only Docker children.").with_source(LIST),
    Fact::push_fails(Feature::NestedInList, "400: a Docker list accepts only Docker images.").with_source(LIST),
    Fact::push_fails(Feature::ListChildWithoutPlatform, "400: every child of a Docker list must have a platform.").with_source(LIST),
    Fact::push_fails(Feature::OtherDigest, "Only sha256 digests are accepted.").with_source("quay/quay: digest/digest_tools.py"),
    Fact::push_fails(Feature::UnknownTop, "A manifest of an unknown type is rejected.")
        .with_source("quay/quay: endpoints/v2/manifest.py"),
];
