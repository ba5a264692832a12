//! What clients are known not to do: the words by which it shows, and the reason for people who use the client.

use super::expect::{Expected, Limit};

/// The client refuses by itself.
pub(crate) const fn cannot(words: &'static str, reason: &'static str) -> Expected {
    Expected::Cannot(Limit { words, reason })
}

/// The client ends well and did something else.
const fn feigns(words: &'static str, reason: &'static str) -> Expected {
    Expected::Feigns(Limit { words, reason })
}

/// Of several.
pub(crate) mod any {
    use super::{Expected, cannot};

    pub(crate) const ABSENT_CHILD: Expected = cannot(
        "no such file or directory",
        "An index is pushed with all its children, and one of these is nowhere.",
    );
}

/// Of containers/image, the library of skopeo, podman and buildah.
pub(crate) mod containers {
    use super::{Expected, cannot, feigns};

    pub(crate) const NESTED: Expected = cannot(
        "Unexpectedly received a manifest list instead of a manifest for a single image",
        "Every child has to be a single image, and here one is an index or a list.",
    );
    pub(crate) const NESTED_UNSAID: Expected = feigns(
        "it ended well and pushed nothing",
        "Every child has to be a single image: at an index or a list among them the push stops.",
    );
    pub(crate) const OCI_LAYERS: Expected = cannot(
        "unsupported docker v2s2 media type",
        "A Docker manifest may not have OCI layers.",
    );
    pub(crate) const UNKNOWN_TYPE: Expected = cannot(
        "unsupported schema version 0",
        "A manifest or a child of an unknown type is read as Docker's schema 1, and is none.",
    );
    pub(crate) const BLOB_CHILDREN: Expected = cannot(
        "looking for beginning of value",
        "Children are read as manifests, and those of a BuildKit cache are blobs.",
    );
    pub(crate) const ARTIFACT: Expected = cannot(
        "unsupported image-specific operation on artifact",
        "Only images are kept in storage, and an artifact has no image's config.",
    );
    pub(crate) const EMPTY: Expected = cannot(
        "no image found in",
        "An index is pulled for one platform, and an empty one has none.",
    );
    pub(crate) const NESTED_CHOICE: Expected = cannot(
        "no image found in",
        "Of a child that is a list, the image for the machine's own platform is wanted, and this list has none.",
    );
    pub(crate) const DOCKER_LAYERS: Expected = cannot(
        "unsupported MIME type for compression",
        "Layers are compressed anew by a push, and those of an OCI manifest have to be of OCI types for it.",
    );
    pub(crate) const SHA512: Expected = cannot(
        "Manifest does not match provided manifest digest sha512:",
        "Manifests are verified by sha256 only.",
    );
    pub(crate) const SHA512_STORED: Expected = cannot(
        "reading manifest for instance \"sha512:",
        "Storage finds manifests by sha256 only.",
    );
    pub(crate) const SHA512_UNSAID: Expected = feigns(
        "it ended well and pushed nothing",
        "A list with a child that is named by sha512 is not pushed, and nothing is said about it.",
    );
    pub(crate) const FOREIGN: Expected = cannot(
        "Error fetching blob: invalid status code from registry 404",
        "The content of every layer is wanted; of a foreign one the registry has none, and here its URL has none either.",
    );
    pub(crate) const FOREIGN_ON_DISK: Expected = cannot(
        "no such file or directory",
        "An image is taken into storage first, which wants every layer's content, of foreign ones too.",
    );
}

/// Of Docker Engine.
pub(crate) mod docker {
    use super::{Expected, cannot};

    pub(crate) const ARTIFACT: Expected = cannot(
        "unsupported media type application/vnd.oci.empty.v1+json",
        "Only images are taken, and an artifact has no image's config.",
    );
    pub(crate) const FOREIGN: Expected = cannot(
        "unknown blob",
        "On Linux, foreign layers are fetched from the registry, never from their URLs.",
    );
    pub(crate) const UNKNOWN_TYPE: Expected = cannot(
        "missing signature key",
        "A manifest of an unknown type is read as Docker's schema 1, and is none.",
    );
    pub(crate) const NESTED: Expected = cannot(
        "unsupported manifest format",
        "An index within an index is not followed.",
    );
    pub(crate) const NO_PLATFORM: Expected = cannot(
        "no matching manifest for linux/amd64 in the manifest list entries",
        "Only a child that says it is for the machine's platform is taken, and here none does.",
    );
    pub(crate) const EMPTY: Expected = cannot(
        "requires at least 2 arguments",
        "`docker manifest` makes no list without children.",
    );
    pub(crate) const LIST_CHILD: Expected = cannot(
        "is a manifest list",
        "`docker manifest` takes no index and no list as a child.",
    );
    pub(crate) const OCI_CHILD: Expected = cannot(
        "unsupported manifest media type and no default available",
        "`docker manifest` takes Docker images as children, and nothing else.",
    );
}

/// Of containerd and its `ctr`.
pub(crate) mod containerd {
    use super::{Expected, cannot, feigns};

    pub(crate) const FOREIGN: Expected = cannot(
        "connect: connection refused",
        "A foreign layer is fetched from its URL before the registry is asked, and here the URL leads nowhere.",
    );
    pub(crate) const ABSENT: Expected = cannot(
        "not found",
        "An image or index is pushed with everything that it names, absent children and foreign layers too.",
    );
    pub(crate) const SHA512: Expected = cannot(
        "unexpected commit digest sha256:",
        "The content store knows sha256 only.",
    );
    pub(crate) const SHA512_PUSHED: Expected =
        cannot("not found", "The content store knows sha256 only.");
    pub(crate) const CUSTOM_TYPE: Expected = feigns(
        "manifests/sea: 404",
        "A manifest of an unknown type is pushed as a blob, which no tag can name.",
    );
}

/// Of crane.
pub(crate) mod crane {
    use super::{Expected, cannot, feigns};

    pub(crate) const EMPTY: Expected = cannot(
        "no such file or directory",
        "An index without children is not written to the OCI layout.",
    );
    pub(crate) const UNKNOWN_CHILD: Expected = cannot(
        "encountered unknown child",
        "From an OCI layout, an index is pushed only if every child is an image or an index.",
    );
    pub(crate) const FOREIGN: Expected = cannot(
        "foreign layer URL host",
        "A foreign layer is fetched from its URL, but not from a private address, as it is here.",
    );
    const SHA256_ONLY: &str =
        "Content is written under its sha256, so that the sha512 in a manifest leads nowhere.";
    pub(crate) const SHA512_PULLED: Expected = feigns("pull-sha512/blobs/sha512/", SHA256_ONLY);
    pub(crate) const SHA512_PUSHED: Expected = cannot(
        "names content that this repository does not hold",
        SHA256_ONLY,
    );
    const CUSTOM_TYPE: &str = "Only images and indexes are pulled and pushed.";
    pub(crate) const CUSTOM_PULLED: Expected =
        cannot("Unexpected media type for Image()", CUSTOM_TYPE);
    pub(crate) const CUSTOM_PUSHED: Expected = cannot("layout contains non-image", CUSTOM_TYPE);
}

/// Of oras.
pub(crate) mod oras {
    use super::{Expected, cannot};

    pub(crate) const ABSENT_SUBJECT: Expected = cannot(
        "not found",
        "The subject is copied along, and has to be there.",
    );
}
