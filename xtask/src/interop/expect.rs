//! What each client is known to do with each kind; a client that turns out to do better fails the run too.

use super::client::Arrival;
use super::document::Kind;

/// Which way a kind goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Pull,
    Push,
}

impl Direction {
    /// In the order in which a client runs them.
    pub(crate) const ALL: [Self; 2] = [Self::Pull, Self::Push];

    /// The word in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
        }
    }
}

/// How a cell of the matrix has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Whole,
    OneImage,
    Rewritten,
    /// The client refuses by itself, with these words among what it says.
    Cannot(&'static str),
    /// The client says that it did and does something else; these words are in what a comparison finds.
    Misplaces(&'static str),
}

use Direction::{Pull, Push};
use Expected::{Cannot, Misplaces, OneImage, Rewritten, Whole};

impl Expected {
    /// Whether this is how it came.
    pub(crate) fn is(self, arrival: &Arrival) -> bool {
        match arrival {
            Arrival::Whole => self == Whole,
            Arrival::OneImage => self == OneImage,
            Arrival::Rewritten(_) => self == Rewritten,
        }
    }
}

// What containers/image says, the library of skopeo, podman and buildah.
const NESTED: Expected = Cannot("Unexpectedly received a manifest list instead of a manifest for a single image");
const NO_OCI_LAYERS: Expected = Cannot("unsupported docker v2s2 media type");
const NO_SCHEMA: Expected = Cannot("unsupported schema version 0");
const NO_JSON: Expected = Cannot("looking for beginning of value");
const NO_ARTIFACT: Expected = Cannot("unsupported image-specific operation on artifact");
const NO_CHOICE: Expected = Cannot("no image found in");
const NO_SHA512: Expected = Cannot("Manifest does not match provided manifest digest sha512:");
/// What is not in the registry is not on the disk either.
const NO_FILE: Expected = Cannot("no such file or directory");
/// A `dir:` folder and a storage want each layer's bytes, and the registry rightly has none of a foreign one.
const NO_FOREIGN: Expected = Cannot("Error fetching blob: invalid status code from registry 404");

/// What is known.
pub(crate) fn expected(client: &str, direction: Direction, kind: &Kind) -> Expected {
    match client {
        "skopeo" => skopeo(direction, kind.name),
        "podman" | "buildah" => podman(client, direction, kind),
        "docker" => docker(direction, kind),
        "containerd" => containerd(direction, kind.name),
        "crane" => crane(direction, kind.name),
        "oras" => oras(direction, kind.name),
        _ => Whole,
    }
}

fn skopeo(direction: Direction, kind: &str) -> Expected {
    match (direction, kind) {
        (_, "nested-index" | "index-docker-list" | "list-oci-index") => NESTED,
        (_, "docker-oci-layers") => NO_OCI_LAYERS,
        (_, "unknown-as-manifest" | "unknown-as-blob" | "custom-type") => NO_SCHEMA,
        (_, "buildkit-cache") => NO_JSON,
        (Pull, "oci-foreign-layer" | "docker-foreign-layer") => NO_FOREIGN,
        (_, "sha512") => NO_SHA512,
        (Pull, "sparse-index") => OneImage,
        (Push, "sparse-index") => NO_FILE,
        _ => Whole,
    }
}

fn podman(client: &str, direction: Direction, kind: &Kind) -> Expected {
    match (direction, kind.name) {
        (Push, "nested-index" | "list-oci-index" | "sha512") if client == "buildah" => {
            Cannot("it ended well and pushed nothing")
        }
        (_, "nested-index") | (Push, "list-oci-index") => NESTED,
        (Pull, "empty-index") | (Push, "index-docker-list") => NO_CHOICE,
        (_, "docker-oci-layers") => NO_OCI_LAYERS,
        (Push, "unknown-as-manifest" | "unknown-as-blob") | (_, "custom-type") => NO_SCHEMA,
        (_, "buildkit-cache") => NO_JSON,
        (_, "artifact" | "artifact-subject" | "artifact-no-subject") => NO_ARTIFACT,
        (Push, "oci-docker-layers") => Cannot("unsupported MIME type for compression"),
        (Pull, "oci-foreign-layer" | "docker-foreign-layer") => NO_FOREIGN,
        (Push, "oci-foreign-layer" | "docker-foreign-layer" | "sparse-index") => NO_FILE,
        (Pull, "sha512") => NO_SHA512,
        (Push, "sha512") if client == "podman" => Cannot("reading manifest for instance \"sha512:"),
        // Storage keeps layers unpacked: only an image without any is pushed as it was.
        (Push, "zero-layers") => Whole,
        (Push, _) => Rewritten,
        (Pull, _) => one_image(kind),
    }
}

fn docker(direction: Direction, kind: &Kind) -> Expected {
    match (direction, kind.name) {
        (_, "artifact" | "artifact-subject" | "artifact-no-subject") => {
            Cannot("unsupported media type application/vnd.oci.empty.v1+json")
        }
        (_, "oci-foreign-layer" | "docker-foreign-layer") => Cannot("unknown blob"),
        (_, "custom-type") => Cannot("missing signature key"),
        (Pull, "nested-index") => Cannot("unsupported manifest format"),
        (Pull, "empty-index" | "no-platform" | "buildkit-cache") => {
            Cannot("no matching manifest for linux/amd64 in the manifest list entries")
        }
        (Push, "empty-index") => Cannot("requires at least 2 arguments"),
        (Push, "nested-index" | "list-oci-index") => Cannot("is a manifest list"),
        (Push, "buildkit-cache") => Cannot("unsupported manifest media type and no default available"),
        (Push, "docker-list") => Rewritten,
        // Written by Docker's own rules, so writing it anew changes nothing.
        (Push, "docker-image") => Whole,
        (Push, _) if kind.is_list() => Cannot("unsupported manifest media type and no default available"),
        (Push, _) => Rewritten,
        (Pull, _) => one_image(kind),
    }
}

fn containerd(direction: Direction, kind: &str) -> Expected {
    match (direction, kind) {
        // The layer's URL leads nowhere, and it is asked before the registry.
        (Pull, "oci-foreign-layer" | "docker-foreign-layer") => Cannot("connect: connection refused"),
        (Push, "oci-foreign-layer" | "docker-foreign-layer" | "sparse-index" | "sha512") => Cannot("not found"),
        (Pull, "sparse-index") => OneImage,
        (Pull, "sha512") => Cannot("unexpected commit digest sha256:"),
        // What it does not know it pushes as a blob, which no tag can name.
        (Push, "custom-type") => Misplaces("manifests/sea: 404"),
        _ => Whole,
    }
}

fn crane(direction: Direction, kind: &str) -> Expected {
    match (direction, kind) {
        // It writes no index that has no children.
        (Pull, "empty-index") => Cannot("no such file or directory"),
        (Push, "buildkit-cache" | "unknown-as-manifest" | "unknown-as-blob") => Cannot("encountered unknown child"),
        (Pull, "oci-foreign-layer" | "docker-foreign-layer") => Cannot("foreign layer URL host"),
        (Pull, "sparse-index") => OneImage,
        (Push, "sparse-index") => NO_FILE,
        // It names by sha256 whatever it reads, so that the digests above point to nothing.
        (Pull, "sha512") => Misplaces("pull-sha512/blobs/sha512/"),
        (Push, "sha512") => Cannot("this repository does not hold the config sha512:"),
        (Pull, "custom-type") => Cannot("Unexpected media type for Image()"),
        (Push, "custom-type") => Cannot("layout contains non-image"),
        _ => Whole,
    }
}

fn oras(direction: Direction, kind: &str) -> Expected {
    match (direction, kind) {
        // It takes the subject along, and so has to find it.
        (_, "artifact-no-subject") => Cannot("not found"),
        (Pull, "sparse-index") => OneImage,
        _ => Whole,
    }
}

/// What a client that runs images takes.
fn one_image(kind: &Kind) -> Expected {
    if kind.is_single_image() { Whole } else { OneImage }
}
