//! containers/image, the library of skopeo, podman, buildah and CRI-O.

use super::{Fact, Feature, PULLS_AND_COPIES, Role, Target};

const SKOPEO: &str = "measured with skopeo 1.9.3 (docs/clients.md, cargo xtask compat)";
const PODMAN: &str = "measured with podman 4.3.1 (docs/clients.md, cargo xtask compat)";
const LAYERS: &str = "https://github.com/containers/image/issues/2972 (containers/container-libs#977); measured with skopeo 1.9.3 and podman 4.3.1 (docs/clients.md, cargo xtask compat)";
const PODMAN_HERE: &str = "measured with podman 4.3.1 (cargo xtask compat)";
const SKOPEO_HERE: &str = "measured with skopeo 1.9.3 (cargo xtask compat)";
const ZSTD: &str = "https://github.com/containers/image/pull/2906";
const SHAPES: &str = "containers/image: manifest/common.go, since 5.17 (CVE-2021-41190)";
const SHA512: &str =
    "measured with skopeo 1.9.3 and podman 4.3.1 (docs/clients.md, cargo xtask compat)";

const WRITES_ANEW: &str = "skopeo copy --all writes the index anew with what is right, so that its digest changes; with --preserve-digests: \"Manifest list must be converted … but we cannot modify it\".";

pub(super) const CONTAINERS_IMAGE: Target = Target {
    id: "containers-image",
    name: "containers/image (skopeo, podman, buildah, CRI-O)",
    version: "skopeo 1.9.3, podman 4.3.1",
    role: Role::Client,
    operations: PULLS_AND_COPIES,
    aliases: &[
        "containers/image",
        "skopeo",
        "podman",
        "buildah",
        "cri-o",
        "crio",
    ],
    notes: &[
        "podman and buildah write an index anew when they push it, so that its digest changes.",
    ],
    facts: &[PULL, COPY],
};

const PULL: &[Fact] = &[
    Fact::unpulled(Feature::NoImages, "\"no image found in image index for architecture …\".").from(PODMAN),
    Fact::unpulled(
        Feature::BehindSilentIndex,
        "A child without a platform is taken if no other is for it, and is an index: \"Unexpectedly received a manifest list instead of a manifest for a single image\".",
    )
    .from(PODMAN_HERE),
    Fact::unpulled(
        Feature::ListWithoutPlatforms,
        "\"no image found in manifest list for architecture …\": in an OCI index a child without a platform would be taken, in a Docker list it is not.",
    )
    .from(PODMAN_HERE),
    Fact::unpulled(
        Feature::OciWithDockerConfig,
        "It is taken for an artifact: \"unsupported image-specific operation on artifact with type application/vnd.docker.container.image.v1+json\".",
    )
    .from(PODMAN_HERE),
    Fact::unpulled(Feature::DockerImageWithoutMediaType, "\"unsupported docker v2s2 media type: \" and no type.").from(PODMAN_HERE),
    Fact::unpulled(
        Feature::NestedForPlatform,
        "\"Unexpectedly received a manifest list instead of a manifest for a single image\".",
    )
    .from(PODMAN),
    Fact::unpulled(
        Feature::UnknownTop,
        "\"unsupported schema version 0\": what it does not know it reads as Docker's first schema.",
    )
    .from(PODMAN),
    Fact::unpulled(
        Feature::UnknownForPlatform,
        "The first child for the platform is taken, and what it does not know it reads as Docker's first schema.",
    )
    .from(PODMAN),
    Fact::unpulled(
        Feature::DockerWithOciLayers,
        "\"unsupported docker v2s2 media type: application/vnd.oci.image.layer.v1.tar+gzip\".",
    )
    .from(LAYERS),
    Fact::unpulled(
        Feature::DockerWithZstd,
        "\"unsupported docker v2s2 media type: application/vnd.docker.image.rootfs.diff.tar.zstd\".",
    )
    .from(ZSTD),
    Fact::unpulled(Feature::ArtifactAlone, "\"unsupported image-specific operation on artifact\".").from(PODMAN),
    Fact::pulled(
        Feature::ForeignLayer,
        "The layer is fetched from its URLs; where these lead nowhere, the pull fails.",
    )
    .from(PODMAN),
    Fact::unpulled(Feature::OtherManifestDigest, "\"Manifest does not match provided manifest digest sha512:…\".").from(SHA512),
    Fact::unpulled(Feature::TwoShapes, "A document that reads both as an image and as an index is refused.")
        .from(SHAPES),
    Fact::unpulled(Feature::MissingChild, "\"manifest unknown\", when this child is chosen.").from(PODMAN),
    Fact::unpulled(Feature::MissingContent, "A config or layer cannot be fetched.").from(PODMAN),
];

const COPY: &[Fact] = &[
    Fact::uncopied(
        Feature::DockerWithoutMediaType,
        "skopeo copy --all --preserve-digests: \"must be converted … but we cannot modify it\", or \"unsupported docker v2s2 media type: \" and no type.",
    )
    .from(SKOPEO_HERE),
    Fact::uncopied(Feature::WrongType, WRITES_ANEW).from(SKOPEO_HERE),
    Fact::uncopied(Feature::WrongChildSize, WRITES_ANEW).from(SKOPEO_HERE),
    Fact::uncopied(
        Feature::NestedInIndex,
        "skopeo copy --all: \"Unexpectedly received a manifest list instead of a manifest for a single image\".",
    )
    .from(SKOPEO),
    Fact::uncopied(
        Feature::NestedInList,
        "skopeo copy --all: \"Unexpectedly received a manifest list instead of a manifest for a single image\".",
    )
    .from(SKOPEO),
    Fact::uncopied(
        Feature::UnknownChild,
        "skopeo copy --all: \"unsupported schema version 0\": what it does not know it reads as Docker's first schema.",
    )
    .from(SKOPEO),
    Fact::uncopied(Feature::UnknownTop, "\"unsupported schema version 0\": what it does not know it reads as Docker's first schema.")
        .from(SKOPEO),
    Fact::uncopied(
        Feature::BlobChild,
        "skopeo copy --all: \"invalid character '\\x1f' looking for beginning of value\": the layer is read as a manifest.",
    )
    .from(SKOPEO),
    Fact::uncopied(
        Feature::DockerWithOciLayers,
        "\"unsupported docker v2s2 media type: application/vnd.oci.image.layer.v1.tar+gzip\".",
    )
    .from(LAYERS),
    Fact::uncopied(
        Feature::DockerWithZstd,
        "\"unsupported docker v2s2 media type: application/vnd.docker.image.rootfs.diff.tar.zstd\".",
    )
    .from(ZSTD),
    Fact::copied(Feature::ForeignLayer, "Between registries the layer's content stays where it is; into a folder it is fetched from its URLs, and where these lead nowhere, that fails.").from(SKOPEO),
    Fact::uncopied(Feature::OtherDigest, "\"Manifest does not match provided manifest digest sha512:…\".").from(SHA512),
    Fact::uncopied(Feature::TwoShapes, "A document that reads both as an image and as an index is refused.").from(SHAPES),
    Fact::uncopied(Feature::MissingChild, "skopeo copy --all: every child has to be there.").from(SKOPEO),
    Fact::uncopied(Feature::MissingContent, "A config or layer cannot be fetched.").from(SKOPEO),
    Fact::copied(Feature::DockerType, "Copying to oci: turns it into OCI's types, so that digests change.").from(SKOPEO),
    Fact::copied(
        Feature::OciWithDockerLayers,
        "skopeo copies it; podman push and buildah push fail: \"unsupported MIME type for compression\".",
    )
    .from(PODMAN),
];
