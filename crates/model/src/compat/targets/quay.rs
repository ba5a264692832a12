//! Quay, of Red Hat.

use super::{Fact, Feature, PUSHED_TO, Role, Target};

const LOADER: &str = "https://github.com/quay/quay/pull/6070";
const INDEX: &str = "quay/quay: image/oci/index.py";
const LIST: &str = "quay/quay: image/docker/schema2/list.py";
const CREATION: &str = "quay/quay: data/model/oci/manifest.py";

pub(super) const QUAY: Target = Target {
    id: "quay",
    name: "Quay",
    version: "since 2026-05 (quay/quay#6070)",
    role: Role::Registry,
    operations: PUSHED_TO,
    aliases: &["quay.io"],
    notes: &[],
    facts: &[ALWAYS],
};

pub(super) const BEFORE_2026_05: Target = Target {
    id: "quay-before-2026-05",
    name: "Quay before quay/quay#6070",
    version: "before 2026-05",
    role: Role::Registry,
    operations: PUSHED_TO,
    aliases: &["quay-old"],
    notes: &[],
    facts: &[BEFORE, ALWAYS],
};

const BEFORE: &[Fact] = &[
    Fact::refused(
        Feature::DockerImageInIndex,
        "The push is refused: the schema of an index lets a Docker child pass, but what loads the children knows OCI's types alone.",
    )
    .from(LOADER),
    Fact::refused(
        Feature::DockerListInIndex,
        "The push is refused: the schema of an index lets a Docker list pass, but what loads the children knows OCI's types alone.",
    )
    .from(LOADER),
];

const ALWAYS: &[Fact] = &[
    Fact::refused(
        Feature::UnknownChild,
        "400: a child is an OCI manifest or index, or a Docker image or list; no other type passes the schema of an index.",
    )
    .from(INDEX),
    Fact::refused(
        Feature::BlobChild,
        "400: a child is an OCI manifest or index, or a Docker image or list; no layer or config passes the schema of an index.",
    )
    .from(INDEX),
    Fact::refused(Feature::Schema1Child, "400: Docker's first schema does not pass the schema of an index.").from(INDEX),
    Fact::refused(Feature::MissingChild, "400, unless FEATURE_SPARSE_INDEX is set: every child has to be there.").from(CREATION),
    Fact::refused(Feature::MissingContent, "400: every config and layer has to be there.").from(CREATION),
    Fact::refused(Feature::WrongChildSize, "400: the size of a child has to be that of its manifest.")
        .from("quay/quay: image/shared/schemautil.py"),
    Fact::refused(Feature::OciImageInList, "400: a Docker list takes Docker children alone.").from(LIST),
    Fact::refused(Feature::NestedInList, "400: a Docker list takes Docker images alone.").from(LIST),
    Fact::refused(Feature::ListChildWithoutPlatform, "400: each child of a Docker list needs a platform.").from(LIST),
    Fact::refused(Feature::OtherDigest, "Digests other than sha256 are not taken.").from("quay/quay: digest/digest_tools.py"),
    Fact::refused(Feature::UnknownTop, "A manifest of a type that it does not know is refused.")
        .from("quay/quay: endpoints/v2/manifest.py"),
];
