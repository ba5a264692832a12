//! containerd and its command line `ctr`, and the clients that use it: nerdctl and the CRI plugin
//! for Kubernetes.

use super::{Fact, Feature, PULL_AND_COPY, Target, TargetRole};

const MEASURED: &str = "measured with containerd 1.6.20 (docs/clients.md, cargo xtask compat)";
const COMPAT_RUN: &str = "measured with containerd 1.6.20 (cargo xtask compat)";
const STORE: &str = "containerd/containerd: content/local/writer.go (\"failed size validation\")";
const SHAPES: &str =
    "https://github.com/containerd/containerd/security/advisories/GHSA-5j5w-g665-5m35";

const UNPACKED: &str = "\"failed to get stream processor: no processor for media-type: unknown\": the content is fetched but not unpacked.";

pub(super) const CONTAINERD: Target = Target {
    id: "containerd",
    name: "containerd",
    version: "1.6.20",
    role: TargetRole::Client,
    operations: PULL_AND_COPY,
    aliases: &["ctr", "nerdctl", "cri", "kubernetes"],
    notes: &["A nested index is followed through the entry for the platform."],
    facts: &[PULL, COPY],
};

const PULL: &[Fact] = &[
    Fact::pull_fails(Feature::NoImages, "\"no match for platform in manifest\", or \"unexpected media type …\".")
        .with_source("https://github.com/containerd/containerd/pull/3786; measured with containerd 1.6.20 (cargo xtask compat)"),
    Fact::pull_fails(Feature::ArtifactAlone, "\"mismatched image rootfs and manifest layers\"; ctr content fetch accepts it.").with_source(COMPAT_RUN),
    Fact::pull_fails(Feature::UnknownLayers, UNPACKED).with_source(COMPAT_RUN),
    Fact::pull_fails(Feature::DockerWithZstd, UNPACKED).with_source(COMPAT_RUN),
    Fact::pull_fails(
        Feature::UnknownForPlatform,
        "Unknown children are skipped, except one that comes first for the platform: \"unexpected media type …: not found\".",
    )
    .with_source(MEASURED),
    Fact::pull_fails(Feature::UnknownTop, "\"unexpected media type …: not found\": the manifest contains nothing that containerd can run.").with_source(MEASURED),
    Fact::pull_fails(Feature::OtherDigest, "\"unexpected commit digest sha256:…, expected sha512:…\": the content store supports only sha256.")
        .with_source(MEASURED),
    Fact::pull_remark(Feature::ForeignLayer, "The layer is fetched from its URLs first; if the URLs do not work, the pull fails.")
        .with_source(MEASURED),
    Fact::pull_fails(Feature::WrongSize, "\"failed size validation\".").with_source(STORE),
    Fact::pull_fails(Feature::WrongChildSize, "\"failed size validation\".").with_source(STORE),
    Fact::pull_fails(Feature::TwoShapes, "A document that can be read both as an image and as an index is rejected.").with_source(SHAPES),
    Fact::pull_fails(Feature::MissingChild, "\"not found\", if this child is selected.").with_source(MEASURED),
    Fact::pull_fails(Feature::MissingContent, "A config or layer cannot be fetched: \"not found\".").with_source(MEASURED),
];

const COPY: &[Fact] = &[
    Fact::copy_fails(
        Feature::WrongType,
        "A child is pushed with the media type of its descriptor, which registries reject: \"unexpected status: 400 Bad Request\".",
    )
    .with_source(COMPAT_RUN),
    Fact::copy_remark(
        Feature::ForeignLayer,
        "The layer is fetched from its URLs and pushed; if the URLs do not work, the copy fails.",
    )
    .with_source(COMPAT_RUN),
    Fact::copy_fails(Feature::UnknownTop, "The manifest is pushed as a blob, which cannot be tagged; ctr images push still exits successfully.")
        .with_source(MEASURED),
    Fact::copy_fails(Feature::OtherDigest, "\"unexpected commit digest sha256:…, expected sha512:…\": the content store supports only sha256.")
        .with_source(MEASURED),
    Fact::copy_fails(Feature::MissingChild, "\"content digest …: not found\": every child is pushed.").with_source(MEASURED),
    Fact::copy_fails(Feature::MissingContent, "\"content digest …: not found\": every config and layer is pushed.").with_source(MEASURED),
    Fact::copy_fails(Feature::WrongSize, "\"failed size validation\".").with_source(STORE),
    Fact::copy_fails(Feature::WrongChildSize, "\"failed size validation\".").with_source(STORE),
    Fact::copy_fails(Feature::TwoShapes, "A document that can be read both as an image and as an index is rejected.").with_source(SHAPES),
    Fact::copy_remark(
        Feature::Attestation,
        "ctr images pull --all-platforms cannot unpack it (\"no processor for media-type: unknown\"); ctr content fetch copies it.",
    )
    .with_source("https://github.com/containerd/containerd/issues/8243"),
];
