//! crane, the command line of go-containerregistry.

use super::{COPIES_AND_PULLS, Fact, Feature, Role, Target};

const MEASURED: &str = "measured with crane 0.22.1 (docs/clients.md, cargo xtask compat)";
const HERE: &str = "measured with crane 0.22.1 (cargo xtask compat)";

const SIZE: &str = "\"Content-Length header … does not match expected size …\".";

pub(super) const CRANE: Target = Target {
    id: "crane",
    name: "crane (go-containerregistry)",
    version: "0.22.1",
    role: Role::Client,
    operations: COPIES_AND_PULLS,
    aliases: &["go-containerregistry", "ggcr", "ko"],
    notes: &[],
    facts: &[COPY, PULL],
};

const COPY: &[Fact] = &[
    Fact::copied(
        Feature::UnknownChild,
        "crane copy fetches it as a blob; crane push from an OCI layout fails: \"encountered unknown child\".",
    )
    .from(MEASURED),
    Fact::copied(
        Feature::BlobChild,
        "crane copy fetches it as a blob; crane push from an OCI layout fails: \"encountered unknown child\".",
    )
    .from(MEASURED),
    Fact::copied(
        Feature::UnknownTop,
        "crane copy takes it; crane push from an OCI layout fails: \"layout contains non-image\".",
    )
    .from(HERE),
    Fact::uncopied(
        Feature::OtherManifestDigest,
        "Content is written under its sha256, so that a sha512 in a manifest leads nowhere.",
    )
    .from(MEASURED),
    Fact::copied(Feature::EmptyIndex, "crane copy takes it; crane pull does not write it to an OCI layout.")
        .from(MEASURED),
    Fact::copied(Feature::ForeignLayer, "crane copy leaves the layer's content where it is.").from(MEASURED),
    Fact::uncopied(Feature::MissingChild, "MANIFEST_UNKNOWN: every child is copied, and one of them is nowhere.")
        .from(MEASURED),
    Fact::uncopied(
        Feature::MissingContent,
        "BLOB_UNKNOWN: every config and layer is copied, and one of them is nowhere.",
    )
    .from(MEASURED),
    Fact::uncopied(Feature::WrongSize, SIZE).from(HERE),
    Fact::uncopied(
        Feature::WrongType,
        "A child is pushed as what its descriptor calls it, which registries refuse: MANIFEST_INVALID.",
    )
    .from(HERE),
];

const PULL: &[Fact] = &[
    Fact::unpulled(Feature::NoImages, "\"no child with platform linux/amd64 in index\".").from(HERE),
    Fact::unpulled(
        Feature::UnknownTop,
        "\"Unexpected media type for Image()\": images and indexes alone are pulled and pushed.",
    )
    .from(MEASURED),
    Fact::unpulled(Feature::UnknownForPlatform, "The first child for the platform is taken: \"Unexpected media type for Image()\".")
        .from(HERE),
    Fact::unpulled(Feature::SilentBeforeAmd64, "The child without a platform is taken for linux/amd64, whatever it is.").from(HERE),
    Fact::unpulled(
        Feature::OtherBehindSilentIndex,
        "\"no child with platform … in index\": an index without a platform counts as linux/amd64.",
    )
    .from(HERE),
    Fact::unpulled(
        Feature::OtherManifestDigest,
        "Content is written under its sha256, so that a sha512 in a manifest leads nowhere; crane pull ends well all the same.",
    )
    .from(MEASURED),
    Fact::unpulled(Feature::WrongSize, SIZE).from(HERE),
    Fact::unpulled(Feature::MissingChild, "MANIFEST_UNKNOWN, when this child is chosen.").from(MEASURED),
    Fact::unpulled(Feature::MissingContent, "BLOB_UNKNOWN: a config or layer cannot be fetched.").from(MEASURED),
    Fact::pulled(
        Feature::ForeignLayer,
        "The layer is fetched from its URLs, but from no private address; where these lead nowhere, the pull fails.",
    )
    .from(MEASURED),
    Fact::pulled(Feature::IndexChildWithoutPlatform, "It counts as linux/amd64, whatever it is.")
        .from("google/go-containerregistry: pkg/v1/remote/index.go"),
];
