//! Expected results for each client and kind. A client that does better than expected fails the run
//! too.

use super::client::Arrival;
use super::document::Kind;
use super::limits::{any, containerd, containers, crane, docker, oras};

/// Direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Pull,
    Push,
}

impl Direction {
    /// Directions in the order in which a client runs them.
    pub(crate) const ALL: [Self; 2] = [Self::Pull, Self::Push];

    /// Returns the word for tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
        }
    }
}

/// Expected end of a cell of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Full,
    OneImage,
    Rewritten,
    /// The client reports an error.
    Unsupported(Limit),
    /// The client reports success but did something else, which a comparison finds.
    FalseSuccess(Limit),
}

/// Known limit of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Text that occurs in the client's output, or in the result of the comparison.
    pub(crate) text: &'static str,
    /// Reason, as one Markdown sentence.
    pub(crate) reason: &'static str,
}

use Direction::{Pull, Push};
use Expected::{Full, OneImage, Rewritten};

impl Expected {
    /// Returns whether this is the expected form.
    pub(crate) fn matches(self, arrival: &Arrival) -> bool {
        match arrival {
            Arrival::Full => self == Full,
            Arrival::OneImage => self == OneImage,
            Arrival::Rewritten(_) => self == Rewritten,
        }
    }
}

/// Returns the expected result.
pub(crate) fn expected_result(client: &str, direction: Direction, kind: &Kind) -> Expected {
    match client {
        "skopeo" => skopeo(direction, kind.name),
        "podman" | "buildah" => podman(client, direction, kind),
        "docker" => docker(direction, kind),
        "containerd" => containerd(direction, kind.name),
        "crane" => crane(direction, kind.name),
        "oras" => oras(direction, kind.name),
        _ => Full,
    }
}

fn skopeo(direction: Direction, kind: &str) -> Expected {
    match (direction, kind) {
        (_, "nested-index" | "index-docker-list" | "list-oci-index") => containers::NESTED,
        (_, "docker-oci-layers") => containers::OCI_LAYERS,
        (_, "unknown-as-manifest" | "unknown-as-blob" | "custom-type") => containers::UNKNOWN_TYPE,
        (_, "buildkit-cache") => containers::BLOB_CHILDREN,
        (Pull, "oci-foreign-layer" | "docker-foreign-layer") => containers::FOREIGN,
        (_, "sha512") => containers::SHA512,
        (Pull, "sparse-index") => OneImage,
        (Push, "sparse-index") => any::ABSENT_CHILD,
        _ => Full,
    }
}

fn podman(client: &str, direction: Direction, kind: &Kind) -> Expected {
    match (direction, kind.name) {
        (Push, "nested-index" | "list-oci-index") if client == "buildah" => {
            containers::NESTED_UNSAID
        }
        (_, "nested-index") | (Push, "list-oci-index") => containers::NESTED,
        (Pull, "empty-index") => containers::EMPTY,
        (Push, "index-docker-list") => containers::NESTED_CHOICE,
        (_, "docker-oci-layers") => containers::OCI_LAYERS,
        (Push, "unknown-as-manifest" | "unknown-as-blob") | (_, "custom-type") => {
            containers::UNKNOWN_TYPE
        }
        (_, "buildkit-cache") => containers::BLOB_CHILDREN,
        (_, "artifact" | "artifact-subject" | "artifact-no-subject") => containers::ARTIFACT,
        (Push, "oci-docker-layers") => containers::DOCKER_LAYERS,
        (Pull, "oci-foreign-layer" | "docker-foreign-layer") => containers::FOREIGN,
        (Push, "oci-foreign-layer" | "docker-foreign-layer") => containers::FOREIGN_ON_DISK,
        (Push, "sparse-index") => any::ABSENT_CHILD,
        (Pull, "sha512") => containers::SHA512,
        (Push, "sha512") if client == "buildah" => containers::SHA512_UNSAID,
        (Push, "sha512") => containers::SHA512_STORED,
        // Storage holds unpacked layers, so that only an image without layers is pushed unchanged.
        (Push, "zero-layers") => Full,
        (Push, _) => Rewritten,
        (Pull, _) => one_image(kind),
    }
}

fn docker(direction: Direction, kind: &Kind) -> Expected {
    match (direction, kind.name) {
        (_, "artifact" | "artifact-subject" | "artifact-no-subject") => docker::ARTIFACT,
        (_, "oci-foreign-layer" | "docker-foreign-layer") => docker::FOREIGN,
        (_, "custom-type") => docker::UNKNOWN_TYPE,
        (Pull, "nested-index") => docker::NESTED,
        (Pull, "empty-index" | "no-platform" | "buildkit-cache") => docker::NO_PLATFORM,
        (Push, "empty-index") => docker::EMPTY,
        (Push, "nested-index" | "list-oci-index") => docker::LIST_CHILD,
        (Push, "docker-list") => Rewritten,
        // The image is written in Docker's own format, so that rewriting it changes nothing.
        (Push, "docker-image") => Full,
        (Push, _) if kind.is_list() => docker::OCI_CHILD,
        (Push, _) => Rewritten,
        (Pull, _) => one_image(kind),
    }
}

fn containerd(direction: Direction, kind: &str) -> Expected {
    match (direction, kind) {
        (Pull, "oci-foreign-layer" | "docker-foreign-layer") => containerd::FOREIGN,
        (Push, "oci-foreign-layer" | "docker-foreign-layer" | "sparse-index") => containerd::ABSENT,
        (Pull, "sparse-index") => OneImage,
        (Pull, "sha512") => containerd::SHA512,
        (Push, "sha512") => containerd::SHA512_PUSHED,
        (Push, "custom-type") => containerd::CUSTOM_TYPE,
        _ => Full,
    }
}

fn crane(direction: Direction, kind: &str) -> Expected {
    match (direction, kind) {
        (Pull, "empty-index") => crane::EMPTY,
        (Push, "buildkit-cache" | "unknown-as-manifest" | "unknown-as-blob") => {
            crane::UNKNOWN_CHILD
        }
        (Pull, "oci-foreign-layer" | "docker-foreign-layer") => crane::FOREIGN,
        (Pull, "sparse-index") => OneImage,
        (Push, "sparse-index") => any::ABSENT_CHILD,
        (Pull, "sha512") => crane::SHA512_PULLED,
        (Push, "sha512") => crane::SHA512_PUSHED,
        (Pull, "custom-type") => crane::CUSTOM_PULLED,
        (Push, "custom-type") => crane::CUSTOM_PUSHED,
        _ => Full,
    }
}

fn oras(direction: Direction, kind: &str) -> Expected {
    match (direction, kind) {
        (_, "artifact-no-subject") => oras::ABSENT_SUBJECT,
        (Pull, "sparse-index") => OneImage,
        _ => Full,
    }
}

/// Returns the expected result of a client that pulls single images.
fn one_image(kind: &Kind) -> Expected {
    if kind.is_single_image() {
        Full
    } else {
        OneImage
    }
}
