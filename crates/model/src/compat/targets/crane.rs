//! crane, the command line of go-containerregistry.

use super::{COPY_AND_PULL, Fact, Feature, Target, TargetRole};

const MEASURED: &str = "measured with crane 0.22.1 (docs/clients.md, cargo xtask compat)";
const COMPAT_RUN: &str = "measured with crane 0.22.1 (cargo xtask compat)";

const SIZE: &str = "\"Content-Length header … does not match expected size …\".";

pub(super) const CRANE: Target = Target {
    id: "crane",
    name: "crane (go-containerregistry)",
    version: "0.22.1",
    role: TargetRole::Client,
    operations: COPY_AND_PULL,
    aliases: &["go-containerregistry", "ggcr", "ko"],
    notes: &[],
    facts: &[COPY, PULL],
};

const COPY: &[Fact] = &[
    Fact::copy_remark(
        Feature::UnknownChild,
        "crane copy fetches it as a blob; crane push from an OCI layout fails: \"encountered unknown child\".",
    )
    .with_source(MEASURED),
    Fact::copy_remark(
        Feature::BlobChild,
        "crane copy fetches it as a blob; crane push from an OCI layout fails: \"encountered unknown child\".",
    )
    .with_source(MEASURED),
    Fact::copy_remark(
        Feature::UnknownTop,
        "crane copy accepts it; crane push from an OCI layout fails: \"layout contains non-image\".",
    )
    .with_source(COMPAT_RUN),
    Fact::copy_fails(
        Feature::OtherManifestDigest,
        "Content is written under its sha256 digest, so a sha512 digest in a manifest points to nothing.",
    )
    .with_source(MEASURED),
    Fact::copy_remark(Feature::EmptyIndex, "crane copy accepts it; crane pull does not write it to an OCI layout.")
        .with_source(MEASURED),
    Fact::copy_remark(Feature::ForeignLayer, "crane copy does not copy the layer's content.").with_source(MEASURED),
    Fact::copy_fails(Feature::MissingChild, "MANIFEST_UNKNOWN: every child is copied, and one does not exist.")
        .with_source(MEASURED),
    Fact::copy_fails(
        Feature::MissingContent,
        "BLOB_UNKNOWN: every config and layer is copied, and one does not exist.",
    )
    .with_source(MEASURED),
    Fact::copy_fails(Feature::WrongSize, SIZE).with_source(COMPAT_RUN),
    Fact::copy_fails(
        Feature::WrongType,
        "A child is pushed with the media type of its descriptor, which registries reject: MANIFEST_INVALID.",
    )
    .with_source(COMPAT_RUN),
];

const PULL: &[Fact] = &[
    Fact::pull_fails(Feature::NoImages, "\"no child with platform linux/amd64 in index\".").with_source(COMPAT_RUN),
    Fact::pull_fails(
        Feature::UnknownTop,
        "\"Unexpected media type for Image()\": only images and indexes can be pulled and pushed.",
    )
    .with_source(MEASURED),
    Fact::pull_fails(Feature::UnknownForPlatform, "The first child for the platform is selected: \"Unexpected media type for Image()\".")
        .with_source(COMPAT_RUN),
    Fact::pull_fails(Feature::SilentBeforeAmd64, "The child without a platform is treated as linux/amd64, whatever it is.").with_source(COMPAT_RUN),
    Fact::pull_fails(
        Feature::OtherBehindSilentIndex,
        "\"no child with platform … in index\": an index without a platform is treated as linux/amd64.",
    )
    .with_source(COMPAT_RUN),
    Fact::pull_fails(
        Feature::OtherManifestDigest,
        "Content is written under its sha256 digest, so a sha512 digest in a manifest points to nothing; crane pull still exits successfully.",
    )
    .with_source(MEASURED),
    Fact::pull_fails(Feature::WrongSize, SIZE).with_source(COMPAT_RUN),
    Fact::pull_fails(Feature::MissingChild, "MANIFEST_UNKNOWN, if this child is selected.").with_source(MEASURED),
    Fact::pull_fails(Feature::MissingContent, "BLOB_UNKNOWN: a config or layer cannot be fetched.").with_source(MEASURED),
    Fact::pull_remark(
        Feature::ForeignLayer,
        "The layer is fetched from its URLs, except from private addresses; if the URLs do not work, the pull fails.",
    )
    .with_source(MEASURED),
    Fact::pull_remark(Feature::IndexChildWithoutPlatform, "The child is treated as linux/amd64, whatever it is.")
        .with_source("google/go-containerregistry: pkg/v1/remote/index.go"),
];
