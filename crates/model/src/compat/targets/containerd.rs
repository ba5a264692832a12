//! containerd and its command line `ctr`, and nerdctl and Kubernetes' CRI above it.

use super::{Fact, Feature, PULLS_AND_COPIES, Role, Target};

const MEASURED: &str = "measured with containerd 1.6.20 (docs/clients.md, cargo xtask compat)";
const HERE: &str = "measured with containerd 1.6.20 (cargo xtask compat)";
const STORE: &str = "containerd/containerd: content/local/writer.go (\"failed size validation\")";
const SHAPES: &str =
    "https://github.com/containerd/containerd/security/advisories/GHSA-5j5w-g665-5m35";

const UNPACKED: &str = "\"failed to get stream processor: no processor for media-type: unknown\": it is fetched, and not unpacked.";

pub(super) const CONTAINERD: Target = Target {
    id: "containerd",
    name: "containerd",
    version: "1.6.20",
    role: Role::Client,
    operations: PULLS_AND_COPIES,
    aliases: &["ctr", "nerdctl", "cri", "kubernetes"],
    notes: &["A nested index is followed through the entry that is for the platform."],
    facts: &[PULL, COPY],
};

const PULL: &[Fact] = &[
    Fact::unpulled(Feature::NoImages, "\"no match for platform in manifest\", or \"unexpected media type …\".")
        .from("https://github.com/containerd/containerd/pull/3786; measured with containerd 1.6.20 (cargo xtask compat)"),
    Fact::unpulled(Feature::ArtifactAlone, "\"mismatched image rootfs and manifest layers\": ctr content fetch takes it.").from(HERE),
    Fact::unpulled(Feature::UnknownLayers, UNPACKED).from(HERE),
    Fact::unpulled(Feature::DockerWithZstd, UNPACKED).from(HERE),
    Fact::unpulled(
        Feature::UnknownForPlatform,
        "Unknown children are passed over, but not one that stands first for the platform: \"unexpected media type …: not found\".",
    )
    .from(MEASURED),
    Fact::unpulled(Feature::UnknownTop, "\"unexpected media type …: not found\": there is nothing that it could run.").from(MEASURED),
    Fact::unpulled(Feature::OtherDigest, "\"unexpected commit digest sha256:…, expected sha512:…\": its store knows sha256 alone.")
        .from(MEASURED),
    Fact::pulled(Feature::ForeignLayer, "The layer is fetched from its URLs first; where these lead nowhere, the pull fails.")
        .from(MEASURED),
    Fact::unpulled(Feature::WrongSize, "\"failed size validation\".").from(STORE),
    Fact::unpulled(Feature::WrongChildSize, "\"failed size validation\".").from(STORE),
    Fact::unpulled(Feature::TwoShapes, "A document that reads both as an image and as an index is refused.").from(SHAPES),
    Fact::unpulled(Feature::MissingChild, "\"not found\", when this child is chosen.").from(MEASURED),
    Fact::unpulled(Feature::MissingContent, "A config or layer cannot be fetched: \"not found\".").from(MEASURED),
];

const COPY: &[Fact] = &[
    Fact::uncopied(
        Feature::WrongType,
        "A child is pushed as what its descriptor calls it, which registries refuse: \"unexpected status: 400 Bad Request\".",
    )
    .from(HERE),
    Fact::copied(
        Feature::ForeignLayer,
        "The layer is fetched from its URLs and pushed; where these lead nowhere, the copy fails.",
    )
    .from(HERE),
    Fact::uncopied(Feature::UnknownTop, "It is pushed as a blob, which no tag can name; ctr images push ends well all the same.")
        .from(MEASURED),
    Fact::uncopied(Feature::OtherDigest, "\"unexpected commit digest sha256:…, expected sha512:…\": its store knows sha256 alone.")
        .from(MEASURED),
    Fact::uncopied(Feature::MissingChild, "\"content digest …: not found\": every child is pushed.").from(MEASURED),
    Fact::uncopied(Feature::MissingContent, "\"content digest …: not found\": every config and layer is pushed.").from(MEASURED),
    Fact::uncopied(Feature::WrongSize, "\"failed size validation\".").from(STORE),
    Fact::uncopied(Feature::WrongChildSize, "\"failed size validation\".").from(STORE),
    Fact::uncopied(Feature::TwoShapes, "A document that reads both as an image and as an index is refused.").from(SHAPES),
    Fact::copied(
        Feature::Attestation,
        "ctr images pull --all-platforms cannot unpack it (\"no processor for media-type: unknown\"); ctr content fetch copies it.",
    )
    .from("https://github.com/containerd/containerd/issues/8243"),
];
