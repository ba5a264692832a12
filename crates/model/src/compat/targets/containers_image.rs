//! containers/image, the library of skopeo, podman, buildah and CRI-O.

use super::{Fact, Feature, PULL_AND_COPY, Target, TargetRole};

const SKOPEO: &str = "measured with skopeo 1.9.3 (docs/clients.md, cargo xtask compat)";
const PODMAN: &str = "measured with podman 4.3.1 (docs/clients.md, cargo xtask compat)";
const LAYERS: &str = "https://github.com/containers/image/issues/2972 (containers/container-libs#977); measured with skopeo 1.9.3 and podman 4.3.1 (docs/clients.md, cargo xtask compat)";
const PODMAN_COMPAT_RUN: &str = "measured with podman 4.3.1 (cargo xtask compat)";
const SKOPEO_COMPAT_RUN: &str = "measured with skopeo 1.9.3 (cargo xtask compat)";
const ZSTD: &str = "https://github.com/containers/image/pull/2906";
const SHAPES: &str = "containers/image: manifest/common.go, since 5.17 (CVE-2021-41190)";
const SHA512: &str =
    "measured with skopeo 1.9.3 and podman 4.3.1 (docs/clients.md, cargo xtask compat)";

const REWRITES_INDEX: &str = "skopeo copy --all rewrites the index with the correct values, so its digest changes; with --preserve-digests: \"Manifest list must be converted … but we cannot modify it\".";

pub(super) const CONTAINERS_IMAGE: Target = Target {
    id: "containers-image",
    name: "containers/image (skopeo, podman, buildah, CRI-O)",
    version: "skopeo 1.9.3, podman 4.3.1",
    role: TargetRole::Client,
    operations: PULL_AND_COPY,
    aliases: &[
        "containers/image",
        "skopeo",
        "podman",
        "buildah",
        "cri-o",
        "crio",
    ],
    notes: &["podman and buildah rewrite an index when they push it, so its digest changes."],
    facts: &[PULL, COPY],
};

const PULL: &[Fact] = &[
    Fact::pull_fails(Feature::NoImages, "\"no image found in image index for architecture …\".").with_source(PODMAN),
    Fact::pull_fails(
        Feature::BehindSilentIndex,
        "A child without a platform is selected if no other child matches, and this one is an index: \"Unexpectedly received a manifest list instead of a manifest for a single image\".",
    )
    .with_source(PODMAN_COMPAT_RUN),
    Fact::pull_fails(
        Feature::ListWithoutPlatforms,
        "\"no image found in manifest list for architecture …\": a child without a platform would be selected in an OCI index, but not in a Docker list.",
    )
    .with_source(PODMAN_COMPAT_RUN),
    Fact::pull_fails(
        Feature::OciWithDockerConfig,
        "The image is treated as an artifact: \"unsupported image-specific operation on artifact with type application/vnd.docker.container.image.v1+json\".",
    )
    .with_source(PODMAN_COMPAT_RUN),
    Fact::pull_fails(Feature::DockerImageWithoutMediaType, "\"unsupported docker v2s2 media type: \", with an empty type.").with_source(PODMAN_COMPAT_RUN),
    Fact::pull_fails(
        Feature::NestedForPlatform,
        "\"Unexpectedly received a manifest list instead of a manifest for a single image\".",
    )
    .with_source(PODMAN),
    Fact::pull_fails(
        Feature::UnknownTop,
        "\"unsupported schema version 0\": an unknown type is parsed as Docker schema 1.",
    )
    .with_source(PODMAN),
    Fact::pull_fails(
        Feature::UnknownForPlatform,
        "The first child for the platform is selected, and an unknown type is parsed as Docker schema 1.",
    )
    .with_source(PODMAN),
    Fact::pull_fails(
        Feature::DockerWithOciLayers,
        "\"unsupported docker v2s2 media type: application/vnd.oci.image.layer.v1.tar+gzip\".",
    )
    .with_source(LAYERS),
    Fact::pull_fails(
        Feature::DockerWithZstd,
        "\"unsupported docker v2s2 media type: application/vnd.docker.image.rootfs.diff.tar.zstd\".",
    )
    .with_source(ZSTD),
    Fact::pull_fails(Feature::ArtifactAlone, "\"unsupported image-specific operation on artifact\".").with_source(PODMAN),
    Fact::pull_remark(
        Feature::ForeignLayer,
        "The layer is fetched from its URLs; if the URLs do not work, the pull fails.",
    )
    .with_source(PODMAN),
    Fact::pull_fails(Feature::OtherManifestDigest, "\"Manifest does not match provided manifest digest sha512:…\".").with_source(SHA512),
    Fact::pull_fails(Feature::TwoShapes, "A document that can be read both as an image and as an index is rejected.")
        .with_source(SHAPES),
    Fact::pull_fails(Feature::MissingChild, "\"manifest unknown\", if this child is selected.").with_source(PODMAN),
    Fact::pull_fails(Feature::MissingContent, "A config or layer cannot be fetched.").with_source(PODMAN),
];

const COPY: &[Fact] = &[
    Fact::copy_fails(
        Feature::DockerWithoutMediaType,
        "skopeo copy --all --preserve-digests: \"must be converted … but we cannot modify it\", or \"unsupported docker v2s2 media type: \", with an empty type.",
    )
    .with_source(SKOPEO_COMPAT_RUN),
    Fact::copy_fails(Feature::WrongType, REWRITES_INDEX).with_source(SKOPEO_COMPAT_RUN),
    Fact::copy_fails(Feature::WrongChildSize, REWRITES_INDEX).with_source(SKOPEO_COMPAT_RUN),
    Fact::copy_fails(
        Feature::NestedInIndex,
        "skopeo copy --all: \"Unexpectedly received a manifest list instead of a manifest for a single image\".",
    )
    .with_source(SKOPEO),
    Fact::copy_fails(
        Feature::NestedInList,
        "skopeo copy --all: \"Unexpectedly received a manifest list instead of a manifest for a single image\".",
    )
    .with_source(SKOPEO),
    Fact::copy_fails(
        Feature::UnknownChild,
        "skopeo copy --all: \"unsupported schema version 0\": an unknown type is parsed as Docker schema 1.",
    )
    .with_source(SKOPEO),
    Fact::copy_fails(Feature::UnknownTop, "\"unsupported schema version 0\": an unknown type is parsed as Docker schema 1.")
        .with_source(SKOPEO),
    Fact::copy_fails(
        Feature::BlobChild,
        "skopeo copy --all: \"invalid character '\\x1f' looking for beginning of value\": the layer is parsed as a manifest.",
    )
    .with_source(SKOPEO),
    Fact::copy_fails(
        Feature::DockerWithOciLayers,
        "\"unsupported docker v2s2 media type: application/vnd.oci.image.layer.v1.tar+gzip\".",
    )
    .with_source(LAYERS),
    Fact::copy_fails(
        Feature::DockerWithZstd,
        "\"unsupported docker v2s2 media type: application/vnd.docker.image.rootfs.diff.tar.zstd\".",
    )
    .with_source(ZSTD),
    Fact::copy_remark(Feature::ForeignLayer, "Between registries, the layer's content is not copied; for a copy to a folder, it is fetched from its URLs, and the copy fails if the URLs do not work.").with_source(SKOPEO),
    Fact::copy_fails(Feature::OtherDigest, "\"Manifest does not match provided manifest digest sha512:…\".").with_source(SHA512),
    Fact::copy_fails(Feature::TwoShapes, "A document that can be read both as an image and as an index is rejected.").with_source(SHAPES),
    Fact::copy_fails(Feature::MissingChild, "skopeo copy --all: every child must be present.").with_source(SKOPEO),
    Fact::copy_fails(Feature::MissingContent, "A config or layer cannot be fetched.").with_source(SKOPEO),
    Fact::copy_remark(Feature::DockerType, "Copying to oci: converts the image to OCI media types, so digests change.").with_source(SKOPEO),
    Fact::copy_remark(
        Feature::OciWithDockerLayers,
        "skopeo copies it; podman push and buildah push fail: \"unsupported MIME type for compression\".",
    )
    .with_source(PODMAN),
];
