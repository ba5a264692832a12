//! Known limits of clients: the text by which each is recognized, and the reason for users of the
//! client.

use super::expect::{Expected, Limit};

/// Returns the limit of a client that reports an error.
pub(crate) const fn unsupported(words: &'static str, reason: &'static str) -> Expected {
    Expected::Unsupported(Limit {
        text: words,
        reason,
    })
}

/// Returns the limit of a client that reports success but did something else.
const fn false_success(words: &'static str, reason: &'static str) -> Expected {
    Expected::FalseSuccess(Limit {
        text: words,
        reason,
    })
}

/// Limits of several clients.
pub(crate) mod any {
    use super::{Expected, unsupported};

    pub(crate) const ABSENT_CHILD: Expected = unsupported(
        "no such file or directory",
        "An index is pushed with all its children, and one of them does not exist.",
    );
}

/// Limits of containers/image, the library of skopeo, podman and buildah.
pub(crate) mod containers {
    use super::{Expected, false_success, unsupported};

    pub(crate) const NESTED: Expected = unsupported(
        "Unexpectedly received a manifest list instead of a manifest for a single image",
        "Every child must be a single image, but one is an index or a list.",
    );
    pub(crate) const NESTED_UNSAID: Expected = false_success(
        "exited with status 0 but pushed nothing",
        "Every child must be a single image: the push stops at an index or a list.",
    );
    pub(crate) const OCI_LAYERS: Expected = unsupported(
        "unsupported docker v2s2 media type",
        "A Docker manifest may not have OCI layers.",
    );
    pub(crate) const UNKNOWN_TYPE: Expected = unsupported(
        "unsupported schema version 0",
        "A manifest or a child of an unknown type is parsed as Docker's schema 1, which fails.",
    );
    pub(crate) const BLOB_CHILDREN: Expected = unsupported(
        "looking for beginning of value",
        "Children are read as manifests, but those of a BuildKit cache are blobs.",
    );
    pub(crate) const ARTIFACT: Expected = unsupported(
        "unsupported image-specific operation on artifact",
        "Only images can be stored, and an artifact has no image config.",
    );
    pub(crate) const EMPTY: Expected = unsupported(
        "no image found in",
        "An index is pulled for one platform, and an empty index has none.",
    );
    pub(crate) const NESTED_CHOICE: Expected = unsupported(
        "no image found in",
        "From a child that is a list, the image for the machine's own platform is required, and \
         this list has none.",
    );
    pub(crate) const DOCKER_LAYERS: Expected = unsupported(
        "unsupported MIME type for compression",
        "A push compresses layers again, which requires OCI types for the layers of an OCI \
         manifest.",
    );
    pub(crate) const SHA512: Expected = unsupported(
        "Manifest does not match provided manifest digest sha512:",
        "Manifests are verified by sha256 only.",
    );
    pub(crate) const SHA512_STORED: Expected = unsupported(
        "reading manifest for instance \"sha512:",
        "Storage finds manifests by sha256 only.",
    );
    pub(crate) const SHA512_UNSAID: Expected = false_success(
        "exited with status 0 but pushed nothing",
        "A list with a child named by sha512 is not pushed, and no error is printed.",
    );
    pub(crate) const FOREIGN: Expected = unsupported(
        "Error fetching blob: invalid status code from registry 404",
        "The content of every layer is required; the registry has none for a foreign layer, and \
         in this test its URL does not work either.",
    );
    pub(crate) const FOREIGN_ON_DISK: Expected = unsupported(
        "no such file or directory",
        "An image is stored first, which requires the content of every layer, including foreign \
         ones.",
    );
}

/// Limits of Docker Engine.
pub(crate) mod docker {
    use super::{Expected, unsupported};

    pub(crate) const ARTIFACT: Expected = unsupported(
        "unsupported media type application/vnd.oci.empty.v1+json",
        "Only images are accepted, and an artifact has no image config.",
    );
    pub(crate) const FOREIGN: Expected = unsupported(
        "unknown blob",
        "On Linux, foreign layers are fetched from the registry, never from their URLs.",
    );
    pub(crate) const UNKNOWN_TYPE: Expected = unsupported(
        "missing signature key",
        "A manifest of an unknown type is parsed as Docker's schema 1, which fails.",
    );
    pub(crate) const NESTED: Expected = unsupported(
        "unsupported manifest format",
        "Nested indexes are not supported.",
    );
    pub(crate) const NO_PLATFORM: Expected = unsupported(
        "no matching manifest for linux/amd64 in the manifest list entries",
        "Only a child whose descriptor names the machine's platform is accepted, and no child \
         does.",
    );
    pub(crate) const EMPTY: Expected = unsupported(
        "requires at least 2 arguments",
        "`docker manifest` cannot create a list without children.",
    );
    pub(crate) const LIST_CHILD: Expected = unsupported(
        "is a manifest list",
        "`docker manifest` does not accept an index or a list as a child.",
    );
    pub(crate) const OCI_CHILD: Expected = unsupported(
        "unsupported manifest media type and no default available",
        "`docker manifest` only accepts Docker images as children.",
    );
}

/// Limits of containerd and its `ctr`.
pub(crate) mod containerd {
    use super::{Expected, false_success, unsupported};

    pub(crate) const FOREIGN: Expected = unsupported(
        "connect: connection refused",
        "A foreign layer is fetched from its URL before the registry is tried, and in this test \
         the URL does not work.",
    );
    pub(crate) const ABSENT: Expected = unsupported(
        "not found",
        "An image or index is pushed with everything that it names, including missing children \
         and foreign layers.",
    );
    pub(crate) const SHA512: Expected = unsupported(
        "unexpected commit digest sha256:",
        "The content store only supports sha256.",
    );
    pub(crate) const SHA512_PUSHED: Expected =
        unsupported("not found", "The content store only supports sha256.");
    pub(crate) const CUSTOM_TYPE: Expected = false_success(
        "manifests/sea: 404",
        "A manifest of an unknown type is pushed as a blob, which cannot be tagged.",
    );
}

/// Limits of crane.
pub(crate) mod crane {
    use super::{Expected, false_success, unsupported};

    pub(crate) const EMPTY: Expected = unsupported(
        "no such file or directory",
        "An index without children is not written to the OCI layout.",
    );
    pub(crate) const UNKNOWN_CHILD: Expected = unsupported(
        "encountered unknown child",
        "From an OCI layout, an index is pushed only if every child is an image or an index.",
    );
    pub(crate) const FOREIGN: Expected = unsupported(
        "foreign layer URL host",
        "A foreign layer is fetched from its URL, but private addresses, as in this test, are \
         rejected.",
    );
    const SHA256_ONLY: &str = "Content is stored by its sha256, so that the sha512 in a manifest refers to missing \
         content.";
    pub(crate) const SHA512_PULLED: Expected =
        false_success("pull-sha512/blobs/sha512/", SHA256_ONLY);
    pub(crate) const SHA512_PUSHED: Expected =
        unsupported("content that is not in this repository", SHA256_ONLY);
    const CUSTOM_TYPE: &str = "Only images and indexes can be pulled and pushed.";
    pub(crate) const CUSTOM_PULLED: Expected =
        unsupported("Unexpected media type for Image()", CUSTOM_TYPE);
    pub(crate) const CUSTOM_PUSHED: Expected =
        unsupported("layout contains non-image", CUSTOM_TYPE);
}

/// Limits of oras.
pub(crate) mod oras {
    use super::{Expected, unsupported};

    pub(crate) const ABSENT_SUBJECT: Expected =
        unsupported("not found", "The subject is copied too, and must exist.");
}
