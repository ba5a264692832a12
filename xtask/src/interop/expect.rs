//! What each client is known to do with each kind; a client that turns out to do better fails the run too.

use super::client::Arrival;
use super::document::Kind;
use super::limits::{any, containerd, containers, crane, docker, oras};

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
    /// The client refuses by itself.
    Cannot(Limit),
    /// The client ends well and did something else, as a comparison finds.
    Feigns(Limit),
}

/// Something that a client does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Words among what the client says, or among what the comparison finds.
    pub(crate) words: &'static str,
    /// One sentence in Markdown.
    pub(crate) reason: &'static str,
}

use Direction::{Pull, Push};
use Expected::{OneImage, Rewritten, Whole};

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
        (_, "nested-index" | "index-docker-list" | "list-oci-index") => containers::NESTED,
        (_, "docker-oci-layers") => containers::OCI_LAYERS,
        (_, "unknown-as-manifest" | "unknown-as-blob" | "custom-type") => containers::UNKNOWN_TYPE,
        (_, "buildkit-cache") => containers::BLOB_CHILDREN,
        (Pull, "oci-foreign-layer" | "docker-foreign-layer") => containers::FOREIGN,
        (_, "sha512") => containers::SHA512,
        (Pull, "sparse-index") => OneImage,
        (Push, "sparse-index") => any::ABSENT_CHILD,
        _ => Whole,
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
        // Storage keeps layers unpacked: only an image without any is pushed as it was.
        (Push, "zero-layers") => Whole,
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
        // Written by Docker's own rules, so writing it anew changes nothing.
        (Push, "docker-image") => Whole,
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
        _ => Whole,
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
        _ => Whole,
    }
}

fn oras(direction: Direction, kind: &str) -> Expected {
    match (direction, kind) {
        (_, "artifact-no-subject") => oras::ABSENT_SUBJECT,
        (Pull, "sparse-index") => OneImage,
        _ => Whole,
    }
}

/// What a client that runs images takes.
fn one_image(kind: &Kind) -> Expected {
    if kind.is_single_image() {
        Whole
    } else {
        OneImage
    }
}
