//! What each tool is known to do with each kind in each form; one that turns out to do better fails the run too.

use super::super::expect::Expected::{self, OneImage, Rewritten, Whole};
use super::Way::{self, Read, Write};
use super::form::Form;
use super::limits;

/// What is known.
pub(crate) fn expected(tool: &str, way: Way, form: Form, kind: &str) -> Expected {
    match tool {
        // There are no manifests in it.
        _ if form == Form::DockerArchive => Rewritten,
        "skopeo" => skopeo(way, kind),
        "podman" | "buildah" => podman(tool, way, form, kind),
        "umoci" => umoci(way, kind),
        _ => Whole,
    }
}

fn skopeo(way: Way, kind: &str) -> Expected {
    match (way, kind) {
        (Read, "docker-image") => limits::DOCKER_NAMED,
        (Read, _) | (Write, "real-image") => Whole,
        // Into a layout it writes OCI images alone, so that Docker's are converted.
        (Write, _) => Rewritten,
    }
}

fn podman(tool: &str, way: Way, form: Form, kind: &str) -> Expected {
    match (way, kind) {
        // `podman load` asks for no name.
        (Read, "docker-image") if tool == "podman" && form == Form::OciArchive => Whole,
        (Read, "docker-image") => limits::DOCKER_NAMED,
        (Read, "real-eleven" | "index-docker-child") => OneImage,
        // Storage keeps layers unpacked, and they are packed anew: those of an image that buildah built as they were.
        (Read, _) | (Write, "real-image") => Whole,
        (Write, _) => Rewritten,
    }
}

fn umoci(way: Way, kind: &str) -> Expected {
    match (way, kind) {
        (Read, "real-eleven" | "index-docker-child") => limits::AMBIGUOUS,
        (Read, "docker-image") => limits::DOCKER_UNPACKED,
        (Read, _) => Whole,
        (Write, _) => Rewritten,
    }
}
