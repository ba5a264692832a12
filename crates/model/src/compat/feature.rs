//! What an image can have that not everybody takes.

use std::fmt;

use serde::{Serialize, Serializer};

use super::mend;

/// What an image has that some registry or client stumbles over. The id is stable.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Feature {
    /// An OCI index names a Docker image.
    DockerImageInIndex,
    /// An OCI index names a Docker manifest list.
    DockerListInIndex,
    /// A Docker manifest list names an OCI image.
    OciImageInList,
    /// An OCI index names an index or a list.
    NestedInIndex,
    /// A Docker manifest list names an index or a list.
    NestedInList,
    /// An index or list stands where a reader looks for the image of a platform.
    NestedForPlatform,
    /// A child is of a type that is neither an image's nor an index's, and no layer or config.
    UnknownChild,
    /// Such a child stands where a reader looks for the image of a platform.
    UnknownForPlatform,
    /// A child is a layer or a config.
    BlobChild,
    /// A child is a manifest of Docker's first schema.
    Schema1Child,
    /// A child is not stored.
    MissingChild,
    /// A config or layer is not stored, though it may be distributed.
    MissingContent,
    /// A layer need not be in a registry, and is not.
    ForeignLayer,
    /// A descriptor says another size than its config or layer has.
    WrongSize,
    /// A descriptor says another size than its manifest has.
    WrongChildSize,
    /// A descriptor says another type than its manifest is stored with.
    WrongType,
    /// A child of a Docker manifest list says no platform.
    ListChildWithoutPlatform,
    /// A child of an OCI index that is an image says no platform.
    IndexChildWithoutPlatform,
    /// No child says that it is for any platform.
    NoPlatforms,
    /// No child of a Docker manifest list says that it is for any platform.
    ListWithoutPlatforms,
    /// A child without a platform stands before the image for linux/amd64.
    SilentBeforeAmd64,
    /// An image stands in an inner index that says no platform.
    BehindSilentIndex,
    /// An image for another platform than linux/amd64 stands in an inner index that says no platform.
    OtherBehindSilentIndex,
    /// An index or list has no child that is an image, an index or a list.
    NoImages,
    /// An index or list has no children.
    EmptyIndex,
    /// A child is an attestation, for the platform `unknown/unknown`.
    Attestation,
    /// A digest is of another algorithm than sha256.
    OtherDigest,
    /// A manifest's digest is of another algorithm than sha256.
    OtherManifestDigest,
    /// The document asked about is of a type that is neither an image's nor an index's.
    UnknownTop,
    /// A document reads both as an image and as an index.
    TwoShapes,
    /// A Docker document does not say its own type.
    DockerWithoutMediaType,
    /// A Docker image does not say its own type.
    DockerImageWithoutMediaType,
    /// A document is of one of Docker's types.
    DockerType,
    /// A Docker image names layers of OCI's types.
    DockerWithOciLayers,
    /// A Docker image names a layer that is compressed by zstd.
    DockerWithZstd,
    /// An OCI image names layers of Docker's types.
    OciWithDockerLayers,
    /// An OCI image's config is of Docker's type.
    OciWithDockerConfig,
    /// An OCI image names a layer that is compressed by zstd.
    OciWithZstd,
    /// An image names a layer of a type that is no layer's.
    UnknownLayers,
    /// A manifest's config is of a type that is no image's.
    Artifact,
    /// The document asked about is such an artifact.
    ArtifactAlone,
    /// A document names a subject.
    Subject,
    /// A document names a subject that is not stored.
    MissingSubject,
}

/// Everything that is said about a feature.
struct About {
    id: &'static str,
    summary: &'static str,
    mend: &'static str,
}

const fn about(id: &'static str, summary: &'static str, mend: &'static str) -> About {
    About { id, summary, mend }
}

impl Feature {
    /// Every feature, in the order in which they are listed.
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

    /// The stable id, for example `nested-in-index`.
    pub fn id(self) -> &'static str {
        self.about().id
    }

    /// One sentence: what an image with it has.
    pub fn summary(self) -> &'static str {
        self.about().summary
    }

    /// What mends it, written as [`Fact::mend`](super::Fact::mend) is.
    pub fn mend(self) -> &'static str {
        self.about().mend
    }

    #[rustfmt::skip]
    const fn about(self) -> About {
        match self {
            Self::DockerImageInIndex => about("docker-image-in-index", "An OCI index names a Docker image.", mend::TO_OCI),
            Self::DockerListInIndex => about("docker-list-in-index", "An OCI index names a Docker manifest list.", "portolan convert REF DST --to oci --flatten"),
            Self::OciImageInList => about("oci-image-in-list", "A Docker manifest list names an OCI image.", mend::TO_OCI),
            Self::NestedInIndex => about("nested-in-index", "An OCI index names an index or a list.", mend::FLATTEN),
            Self::NestedInList => about("nested-in-list", "A Docker manifest list names an index or a list.", mend::FLATTEN),
            Self::NestedForPlatform => about("nested-for-platform", "An index or list stands where a reader looks for the image of a platform.", mend::FLATTEN),
            Self::UnknownChild => about("unknown-child", "A child of an index is of a type that is neither an image's nor an index's.", mend::DROP_UNKNOWN),
            Self::UnknownForPlatform => about("unknown-for-platform", "A child of an unknown type stands where a reader looks for the image of a platform.", mend::DROP_UNKNOWN),
            Self::BlobChild => about("blob-child", "A child of an index is a layer or a config, as in BuildKit's caches.", mend::CACHE),
            Self::Schema1Child => about("schema1-child", "A child of an index is a manifest of Docker's first schema.", mend::REMOVE),
            Self::MissingChild => about("missing-child", "A child of an index is not stored.", mend::REMOVE),
            Self::MissingContent => about("missing-content", "A config or layer is not stored.", "push the content, then the manifest again"),
            Self::ForeignLayer => about("foreign-layer", "A layer need not be in a registry, and is not.", "build the image again with a layer that may be distributed"),
            Self::WrongSize => about("wrong-size", "A descriptor says another size than its config or layer has.", mend::PUSH_AGAIN),
            Self::WrongChildSize => about("wrong-child-size", "A descriptor says another size than its manifest has.", mend::PUSH_AGAIN),
            Self::WrongType => about("wrong-type", "A descriptor says another type than its manifest is stored with.", mend::PUSH_AGAIN),
            Self::ListChildWithoutPlatform => about("list-child-without-platform", "A child of a Docker manifest list says no platform.", mend::PLATFORMS),
            Self::IndexChildWithoutPlatform => about("index-child-without-platform", "A child of an OCI index that is an image says no platform.", mend::PLATFORMS),
            Self::NoPlatforms => about("no-platforms", "No child of an index says that it is for any platform.", mend::PLATFORMS),
            Self::ListWithoutPlatforms => about("list-without-platforms", "No child of a Docker manifest list says that it is for any platform.", mend::PLATFORMS),
            Self::SilentBeforeAmd64 => about("silent-before-amd64", "A child without a platform stands before the image for linux/amd64.", mend::PLATFORMS),
            Self::BehindSilentIndex => about("behind-silent-index", "An image stands in an inner index that says no platform.", mend::FLATTEN),
            Self::OtherBehindSilentIndex => about("other-behind-silent-index", "An image for another platform than linux/amd64 stands in an inner index that says no platform.", mend::FLATTEN),
            Self::NoImages => about("no-images", "No child of an index is an image or an index.", "nothing: there is no image to run in it"),
            Self::EmptyIndex => about("empty-index", "An index has no children.", mend::ADD),
            Self::Attestation => about("attestation", "A child of an index is an attestation, for the platform unknown/unknown.", "build with --provenance=false --sbom=false"),
            Self::OtherDigest => about("other-digest", "A digest is of another algorithm than sha256.", mend::SHA256),
            Self::OtherManifestDigest => about("other-manifest-digest", "A manifest's digest is of another algorithm than sha256.", mend::SHA256),
            Self::UnknownTop => about("unknown-top", "The manifest itself is of a type that is neither an image's nor an index's.", mend::AS_ARTIFACT),
            Self::TwoShapes => about("two-shapes", "A document reads both as an image and as an index.", "leave out config and layers in an index, and manifests in an image, and push again"),
            Self::DockerWithoutMediaType => about("docker-without-media-type", "A Docker document does not say its own type.", mend::TO_OCI),
            Self::DockerImageWithoutMediaType => about("docker-image-without-media-type", "A Docker image does not say its own type.", mend::TO_OCI),
            Self::DockerType => about("docker-type", "A document is of one of Docker's types.", mend::TO_OCI),
            Self::DockerWithOciLayers => about("docker-with-oci-layers", "A Docker image names layers of OCI's types.", mend::TO_OCI),
            Self::DockerWithZstd => about("docker-with-zstd", "A Docker image names a layer that is compressed by zstd.", mend::TO_OCI),
            Self::OciWithDockerLayers => about("oci-with-docker-layers", "An OCI image names layers of Docker's types.", mend::TO_OCI),
            Self::OciWithDockerConfig => about("oci-with-docker-config", "An OCI image's config is of Docker's type.", mend::TO_OCI),
            Self::OciWithZstd => about("oci-with-zstd", "An OCI image names a layer that is compressed by zstd.", "build the image again with gzipped layers"),
            Self::UnknownLayers => about("unknown-layers", "An image names a layer of a type that is no layer's.", "build the image again with layers of OCI's types"),
            Self::Artifact => about("artifact", "A manifest's config is of a type that is no image's.", "keep artifacts in another registry"),
            Self::ArtifactAlone => about("artifact-alone", "It is an artifact and no image.", "pull it with a client for artifacts, as oras is"),
            Self::Subject => about("subject", "A manifest names a subject.", "portolan copy --referrers REF DST"),
            Self::MissingSubject => about("missing-subject", "A manifest names a subject that is not stored.", "push the subject too"),
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
