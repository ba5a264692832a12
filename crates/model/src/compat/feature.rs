//! Features of images that some registries or clients do not support.

use std::fmt;

use serde::{Serialize, Serializer};

use super::fix;
use crate::lint::Fix;

/// Feature of an image: a property that some registries or clients do not support. The
/// [id](Feature::id) is stable.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Feature {
    /// An OCI index references a Docker image.
    DockerImageInIndex,
    /// An OCI index references a Docker manifest list.
    DockerListInIndex,
    /// A Docker manifest list references an OCI image.
    OciImageInList,
    /// An OCI index references an index or a manifest list.
    NestedInIndex,
    /// A Docker manifest list references an index or a manifest list.
    NestedInList,
    /// A child with a platform is an index or manifest list, and no image for that platform
    /// precedes it.
    NestedForPlatform,
    /// A child has a media type that is not the type of an image, index, layer or config.
    UnknownChild,
    /// A child with a platform has an unknown media type, as in [`Feature::UnknownChild`], and no
    /// image for that platform precedes it.
    UnknownForPlatform,
    /// A child is a layer or a config.
    BlobChild,
    /// A child is a Docker schema 1 manifest.
    Schema1Child,
    /// A child of an index is not stored.
    MissingChild,
    /// A config or layer that is not a foreign layer is not stored.
    MissingContent,
    /// A foreign (non-distributable) layer is not stored. A registry need not store it.
    ForeignLayer,
    /// A descriptor has a size that differs from the size of its config or layer.
    WrongSize,
    /// A descriptor has a size that differs from the size of its manifest.
    WrongChildSize,
    /// A descriptor has a media type that differs from the stored type of its manifest.
    WrongType,
    /// A child of a Docker manifest list has no platform.
    ListChildWithoutPlatform,
    /// A child of an OCI index is an image and has no platform.
    IndexChildWithoutPlatform,
    /// No child of the root index has a platform other than `unknown/unknown`.
    NoPlatforms,
    /// The root is a Docker manifest list, and no child has a platform other than
    /// `unknown/unknown`.
    ListWithoutPlatforms,
    /// A child without a platform precedes the image for linux/amd64.
    SilentBeforeAmd64,
    /// The only image for a platform is in a nested index that has no platform.
    BehindSilentIndex,
    /// The only image for a platform is in a nested index that has no platform, and the platform is
    /// not linux/amd64.
    OtherBehindSilentIndex,
    /// The root index or manifest list has no child that is an image, an index or a manifest list.
    NoImages,
    /// An index or manifest list has no children.
    EmptyIndex,
    /// A child is an attestation, with the platform `unknown/unknown`.
    Attestation,
    /// A digest uses an algorithm other than sha256.
    OtherDigest,
    /// The digest of a manifest uses an algorithm other than sha256.
    OtherManifestDigest,
    /// The root document has a media type that is not the type of an image or index.
    UnknownTop,
    /// A document is readable both as an image and as an index.
    TwoShapes,
    /// A Docker document does not set `mediaType`.
    DockerWithoutMediaType,
    /// A Docker image does not set `mediaType`.
    DockerImageWithoutMediaType,
    /// A document has a Docker media type.
    DockerType,
    /// A Docker image has layers with OCI media types.
    DockerWithOciLayers,
    /// A Docker image has a layer with zstd compression.
    DockerWithZstd,
    /// An OCI image has layers with Docker media types.
    OciWithDockerLayers,
    /// An OCI image has a config with Docker's media type.
    OciWithDockerConfig,
    /// An OCI image has a layer with zstd compression.
    OciWithZstd,
    /// An image has a layer whose media type is not a layer type.
    UnknownLayers,
    /// A manifest has a config whose media type is not an image config type.
    Artifact,
    /// The root document is an artifact, as in [`Feature::Artifact`].
    ArtifactAlone,
    /// A document has a subject.
    Subject,
    /// A document has a subject that is not stored.
    MissingSubject,
}

/// Id, summary and fix of a feature.
struct FeatureTexts {
    id: &'static str,
    summary: &'static str,
    fix: Fix,
}

const fn feature_texts(id: &'static str, summary: &'static str, fix: Fix) -> FeatureTexts {
    FeatureTexts { id, summary, fix }
}

impl Feature {
    /// All features, in display order.
    pub const ALL: [Self; 43] = [
        Self::DockerImageInIndex,
        Self::DockerListInIndex,
        Self::OciImageInList,
        Self::NestedInIndex,
        Self::NestedInList,
        Self::NestedForPlatform,
        Self::UnknownChild,
        Self::UnknownForPlatform,
        Self::BlobChild,
        Self::Schema1Child,
        Self::MissingChild,
        Self::MissingContent,
        Self::ForeignLayer,
        Self::WrongSize,
        Self::WrongChildSize,
        Self::WrongType,
        Self::ListChildWithoutPlatform,
        Self::IndexChildWithoutPlatform,
        Self::NoPlatforms,
        Self::ListWithoutPlatforms,
        Self::SilentBeforeAmd64,
        Self::BehindSilentIndex,
        Self::OtherBehindSilentIndex,
        Self::NoImages,
        Self::EmptyIndex,
        Self::Attestation,
        Self::OtherDigest,
        Self::OtherManifestDigest,
        Self::UnknownTop,
        Self::TwoShapes,
        Self::DockerWithoutMediaType,
        Self::DockerImageWithoutMediaType,
        Self::DockerType,
        Self::DockerWithOciLayers,
        Self::DockerWithZstd,
        Self::OciWithDockerLayers,
        Self::OciWithDockerConfig,
        Self::OciWithZstd,
        Self::UnknownLayers,
        Self::Artifact,
        Self::ArtifactAlone,
        Self::Subject,
        Self::MissingSubject,
    ];

    /// Returns the stable id, for example `nested-in-index`.
    pub fn id(self) -> &'static str {
        self.texts().id
    }

    /// Returns one sentence that describes the feature.
    pub fn summary(self) -> &'static str {
        self.texts().summary
    }

    /// Returns the usual fix. Some images need another fix: see
    /// [`Reason::fix`](super::Reason::fix).
    pub fn fix(self) -> Fix {
        self.texts().fix
    }

    #[rustfmt::skip]
    const fn texts(self) -> FeatureTexts {
        match self {
            Self::DockerImageInIndex => feature_texts("docker-image-in-index", "An OCI index references a Docker image.", fix::TO_OCI),
            Self::DockerListInIndex => feature_texts("docker-list-in-index", "An OCI index references a Docker manifest list.", fix::TO_OCI_FLAT),
            Self::OciImageInList => feature_texts("oci-image-in-list", "A Docker manifest list references an OCI image.", fix::TO_DOCKER),
            Self::NestedInIndex => feature_texts("nested-in-index", "An OCI index references an index or a manifest list.", fix::FLATTEN),
            Self::NestedInList => feature_texts("nested-in-list", "A Docker manifest list references an index or a manifest list.", fix::FLATTEN),
            Self::NestedForPlatform => feature_texts("nested-for-platform", "An index or manifest list is listed where clients expect the image for a platform.", fix::FLATTEN),
            Self::UnknownChild => feature_texts("unknown-child", "A child of an index has a media type that is neither that of an image nor that of an index.", fix::DROP_UNKNOWN),
            Self::UnknownForPlatform => feature_texts("unknown-for-platform", "A child with an unknown media type is listed where clients expect the image for a platform.", fix::DROP_UNKNOWN),
            Self::BlobChild => feature_texts("blob-child", "A child of an index is a layer or a config, as in BuildKit caches.", fix::CACHE),
            Self::Schema1Child => feature_texts("schema1-child", "A child of an index is a Docker schema 1 manifest.", fix::REMOVE),
            Self::MissingChild => feature_texts("missing-child", "A child of an index is not stored.", fix::REMOVE),
            Self::MissingContent => feature_texts("missing-content", "A config or layer is not stored.", Fix::Advice("push the missing content, then push the manifest again")),
            Self::ForeignLayer => feature_texts("foreign-layer", "A layer that a registry need not store is not stored.", Fix::Advice("rebuild the image with a layer that may be distributed")),
            Self::WrongSize => feature_texts("wrong-size", "A descriptor has a size that differs from the size of its config or layer.", fix::PUSH_AGAIN),
            Self::WrongChildSize => feature_texts("wrong-child-size", "A descriptor has a size that differs from the size of its manifest.", fix::PUSH_AGAIN),
            Self::WrongType => feature_texts("wrong-type", "A descriptor has a media type that differs from the stored type of its manifest.", fix::PUSH_AGAIN),
            Self::ListChildWithoutPlatform => feature_texts("list-child-without-platform", "A child of a Docker manifest list has no platform.", fix::PLATFORMS),
            Self::IndexChildWithoutPlatform => feature_texts("index-child-without-platform", "An image in an OCI index has no platform.", fix::PLATFORMS),
            Self::NoPlatforms => feature_texts("no-platforms", "No child of an index has a platform other than unknown/unknown.", fix::PLATFORMS),
            Self::ListWithoutPlatforms => feature_texts("list-without-platforms", "No child of a Docker manifest list has a platform other than unknown/unknown.", fix::PLATFORMS),
            Self::SilentBeforeAmd64 => feature_texts("silent-before-amd64", "A child without a platform precedes the image for linux/amd64.", fix::PLATFORMS),
            Self::BehindSilentIndex => feature_texts("behind-silent-index", "The only image for a platform is in a nested index that has no platform.", fix::FLATTEN),
            Self::OtherBehindSilentIndex => feature_texts("other-behind-silent-index", "The only image for a platform other than linux/amd64 is in a nested index that has no platform.", fix::FLATTEN),
            Self::NoImages => feature_texts("no-images", "No child of an index is an image or an index.", Fix::Advice("nothing fixes this: the index contains no image to run")),
            Self::EmptyIndex => feature_texts("empty-index", "An index has no children.", fix::ADD),
            Self::Attestation => feature_texts("attestation", "A child of an index is an attestation, with the platform unknown/unknown.", Fix::Advice("build with --provenance=false --sbom=false")),
            Self::OtherDigest => feature_texts("other-digest", "A digest uses an algorithm other than sha256.", fix::SHA256),
            Self::OtherManifestDigest => feature_texts("other-manifest-digest", "The digest of a manifest uses an algorithm other than sha256.", fix::SHA256),
            Self::UnknownTop => feature_texts("unknown-top", "The manifest itself has a media type that is neither that of an image nor that of an index.", fix::AS_ARTIFACT),
            Self::TwoShapes => feature_texts("two-shapes", "A document is readable both as an image and as an index.", Fix::Advice("remove config and layers from an index, or manifests from an image, and push again")),
            Self::DockerWithoutMediaType => feature_texts("docker-without-media-type", "A Docker document does not set mediaType.", fix::TO_OCI),
            Self::DockerImageWithoutMediaType => feature_texts("docker-image-without-media-type", "A Docker image does not set mediaType.", fix::TO_OCI),
            Self::DockerType => feature_texts("docker-type", "A document has a Docker media type.", fix::TO_OCI),
            Self::DockerWithOciLayers => feature_texts("docker-with-oci-layers", "A Docker image has layers with OCI media types.", fix::TO_OCI),
            Self::DockerWithZstd => feature_texts("docker-with-zstd", "A Docker image has a layer with zstd compression.", fix::TO_OCI),
            Self::OciWithDockerLayers => feature_texts("oci-with-docker-layers", "An OCI image has layers with Docker media types.", fix::TO_OCI),
            Self::OciWithDockerConfig => feature_texts("oci-with-docker-config", "An OCI image has a config with Docker's media type.", fix::TO_OCI),
            Self::OciWithZstd => feature_texts("oci-with-zstd", "An OCI image has a layer with zstd compression.", Fix::Advice("rebuild the image with gzip-compressed layers")),
            Self::UnknownLayers => feature_texts("unknown-layers", "An image has a layer whose media type is not that of a layer.", Fix::Advice("rebuild the image with layers of OCI media types")),
            Self::Artifact => feature_texts("artifact", "A manifest is an artifact: the media type of its config is not that of an image config.", Fix::Advice("store artifacts in another registry")),
            Self::ArtifactAlone => feature_texts("artifact-alone", "The manifest itself is an artifact, not an image.", Fix::Advice("pull it with a client for artifacts, such as oras")),
            Self::Subject => feature_texts("subject", "A manifest has a subject.", fix::COPY_REFERRERS),
            Self::MissingSubject => feature_texts("missing-subject", "A manifest has a subject that is not stored.", Fix::Advice("push the subject too")),
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())
    }
}

impl Serialize for Feature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}
