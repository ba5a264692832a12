//! CNCF distribution, the reference registry.

use super::{Fact, Feature, PUSH_ONLY, Target, TargetRole};

const MEASURED: &str = "measured with distribution 2.8.2 by crates/client/tests/distribution";
const COMPAT_RUN: &str = "measured with distribution 2.8.2 (cargo xtask compat)";
const LIST_HANDLER: &str = "distribution/distribution: registry/storage/manifestlisthandler.go";
const HANDLER: &str = "distribution/distribution: registry/storage/manifeststore.go";

pub(super) const DISTRIBUTION_2_8: Target = Target {
    id: "distribution-2.8",
    name: "CNCF distribution 2.8",
    version: "2.8.2",
    role: TargetRole::Registry,
    operations: PUSH_ONLY,
    aliases: &[
        "registry-2",
        "registry:2",
        "docker-registry",
        "distribution-2",
    ],
    notes: &[
        "GET of an index by tag with Accept: */* returns 404.",
        "Tags cannot be deleted by name, and the list of tags ignores n.",
    ],
    facts: &[FACTS_2_8],
};

pub(super) const DISTRIBUTION_3: Target = Target {
    id: "distribution-3",
    name: "CNCF distribution 3",
    version: "3.0",
    role: TargetRole::Registry,
    operations: PUSH_ONLY,
    aliases: &["distribution", "registry-3", "registry:3", "registry"],
    notes: &[],
    facts: &[FACTS_3],
};

const FACTS_2_8: &[Fact] = &[
    Fact::push_fails(Feature::UnknownTop, "400: only manifests of the four usual types are accepted.").with_source(MEASURED),
    Fact::push_remark(
        Feature::UnknownChild,
        "Accepted if it was pushed as a blob, and then served only under /blobs/; a manifest of that type is rejected.",
    )
    .with_source(MEASURED),
    Fact::push_remark(Feature::BlobChild, "Accepted, and served only under /blobs/.").with_source(MEASURED),
    Fact::push_fails(Feature::MissingChild, "MANIFEST_BLOB_UNKNOWN: every child must be present.").with_source(MEASURED),
    Fact::push_fails(Feature::MissingContent, "MANIFEST_BLOB_UNKNOWN: every config and layer must be present.").with_source(MEASURED),
    Fact::push_fails(
        Feature::ForeignLayer,
        "MANIFEST_BLOB_UNKNOWN, unless validation.manifests.urls.allow permits its URLs.",
    )
    .with_source(COMPAT_RUN),
    Fact::push_fails(Feature::OtherManifestDigest, "Manifests are stored only under sha256 digests.").with_source(MEASURED),
    Fact::push_fails(Feature::DockerWithoutMediaType, "400: a Docker document must set mediaType.").with_source(MEASURED),
    Fact::push_fails(Feature::TwoShapes, "400: a document must not be readable both as an image and as an index.").with_source(MEASURED),
    Fact::push_remark(Feature::Subject, "Stored, but not found by its subject: the registry has no list of referrers.").with_source(MEASURED),
];

const FACTS_3: &[Fact] = &[
    Fact::push_fails(Feature::UnknownTop, "400: only manifests of the four usual types are accepted.").with_source(HANDLER),
    Fact::push_remark(Feature::UnknownChild, "Accepted if it was pushed as a blob; a manifest of that type is rejected.")
        .with_source(HANDLER),
    Fact::push_remark(Feature::BlobChild, "Whether it is found depends on the contents of the descriptor cache.")
        .with_source("https://github.com/distribution/distribution/pull/4899"),
    Fact::push_fails(
        Feature::MissingChild,
        "MANIFEST_BLOB_UNKNOWN, unless validation.manifests.indexes allows the platform to be absent.",
    )
    .with_source(LIST_HANDLER),
    Fact::push_fails(Feature::MissingContent, "MANIFEST_BLOB_UNKNOWN: every config and layer must be present.")
        .with_source(HANDLER),
    Fact::push_fails(
        Feature::Schema1Child,
        "Docker schema 1 is no longer accepted, so the child cannot be present.",
    )
    .with_source(HANDLER),
    Fact::push_remark(Feature::Subject, "Stored, but not found by its subject: the registry has no list of referrers.")
        .with_source(HANDLER),
];
