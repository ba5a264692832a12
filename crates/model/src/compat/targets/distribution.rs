//! CNCF distribution, the reference registry.

use super::{Fact, Feature, PUSHED_TO, Role, Target};

const MEASURED: &str = "measured with distribution 2.8.2 by crates/client/tests/distribution";
const HERE: &str = "measured with distribution 2.8.2 (cargo xtask compat)";
const LIST_HANDLER: &str = "distribution/distribution: registry/storage/manifestlisthandler.go";
const HANDLER: &str = "distribution/distribution: registry/storage/manifeststore.go";

pub(super) const DISTRIBUTION_2_8: Target = Target {
    id: "distribution-2.8",
    name: "CNCF distribution 2.8",
    version: "2.8.2",
    role: Role::Registry,
    operations: PUSHED_TO,
    aliases: &[
        "registry-2",
        "registry:2",
        "docker-registry",
        "distribution-2",
    ],
    notes: &[
        "GET of an index by tag with Accept: */* is 404.",
        "It deletes no tag by its name, and its list of tags ignores n.",
    ],
    facts: &[TWO],
};

pub(super) const DISTRIBUTION_3: Target = Target {
    id: "distribution-3",
    name: "CNCF distribution 3",
    version: "3.0",
    role: Role::Registry,
    operations: PUSHED_TO,
    aliases: &["distribution", "registry-3", "registry:3", "registry"],
    notes: &[],
    facts: &[THREE],
};

const TWO: &[Fact] = &[
    Fact::refused(Feature::UnknownTop, "400: it takes manifests of the four usual types alone.").from(MEASURED),
    Fact::taken(
        Feature::UnknownChild,
        "It is taken if it was pushed as a blob, and served under /blobs/ alone; as a manifest of that type it is refused.",
    )
    .from(MEASURED),
    Fact::taken(Feature::BlobChild, "It is taken, and served under /blobs/ alone.").from(MEASURED),
    Fact::refused(Feature::MissingChild, "MANIFEST_BLOB_UNKNOWN: every child has to be there.").from(MEASURED),
    Fact::refused(Feature::MissingContent, "MANIFEST_BLOB_UNKNOWN: every config and layer has to be there.").from(MEASURED),
    Fact::refused(
        Feature::ForeignLayer,
        "MANIFEST_BLOB_UNKNOWN, unless validation.manifests.urls.allow says that its URLs may be named.",
    )
    .from(HERE),
    Fact::refused(Feature::OtherManifestDigest, "It keeps manifests under sha256 digests alone.").from(MEASURED),
    Fact::refused(Feature::DockerWithoutMediaType, "400: a Docker document has to say its mediaType.").from(MEASURED),
    Fact::refused(Feature::TwoShapes, "400: a document must not read both as an image and as an index.").from(MEASURED),
    Fact::taken(Feature::Subject, "It is kept, but nobody finds it by its subject: there is no list of referrers.").from(MEASURED),
];

const THREE: &[Fact] = &[
    Fact::refused(Feature::UnknownTop, "400: it takes manifests of the four usual types alone.").from(HANDLER),
    Fact::taken(Feature::UnknownChild, "It is taken if it was pushed as a blob; a manifest of that type is refused.")
        .from(HANDLER),
    Fact::taken(Feature::BlobChild, "Whether it is found depends on what the cache of descriptors holds.")
        .from("https://github.com/distribution/distribution/pull/4899"),
    Fact::refused(
        Feature::MissingChild,
        "MANIFEST_BLOB_UNKNOWN, unless validation.manifests.indexes says that the platform may be absent.",
    )
    .from(LIST_HANDLER),
    Fact::refused(Feature::MissingContent, "MANIFEST_BLOB_UNKNOWN: every config and layer has to be there.")
        .from(HANDLER),
    Fact::refused(
        Feature::Schema1Child,
        "Docker's first schema is no longer taken, so that the child cannot be there.",
    )
    .from(HANDLER),
    Fact::taken(Feature::Subject, "It is kept, but nobody finds it by its subject: there is no list of referrers.")
        .from(HANDLER),
];
