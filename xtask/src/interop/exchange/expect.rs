//! Expected results for each tool, kind and form. A tool that does better than expected fails the
//! run too.

use super::super::expect::Expected::{self, Full, OneImage, Rewritten};
use super::DiskDirection::{self, Read, Write};
use super::form::DiskForm;
use super::limits;

/// Returns the expected result.
pub(crate) fn expected_result(
    tool: &str,
    way: DiskDirection,
    form: DiskForm,
    kind: &str,
) -> Expected {
    match tool {
        // A docker-archive contains no manifests.
        _ if form == DiskForm::DockerArchive => Rewritten,
        "skopeo" => skopeo(way, kind),
        "podman" | "buildah" => podman(tool, way, form, kind),
        "umoci" => umoci(way, kind),
        _ => Full,
    }
}

fn skopeo(way: DiskDirection, kind: &str) -> Expected {
    match (way, kind) {
        (Read, "docker-image") => limits::DOCKER_NAMED,
        (Read, _) | (Write, "real-image") => Full,
        // skopeo writes only OCI images into a layout, so that Docker images are converted.
        (Write, _) => Rewritten,
    }
}

fn podman(tool: &str, way: DiskDirection, form: DiskForm, kind: &str) -> Expected {
    match (way, kind) {
        // `podman load` does not look for a name.
        (Read, "docker-image") if tool == "podman" && form == DiskForm::OciArchive => Full,
        (Read, "docker-image") => limits::DOCKER_NAMED,
        (Read, "real-eleven" | "index-docker-child") => OneImage,
        // Storage holds unpacked layers, which are compressed again. For an image built by buildah,
        // the result is identical.
        (Read, _) | (Write, "real-image") => Full,
        (Write, _) => Rewritten,
    }
}

fn umoci(way: DiskDirection, kind: &str) -> Expected {
    match (way, kind) {
        (Read, "real-eleven" | "index-docker-child") => limits::AMBIGUOUS,
        (Read, "docker-image") => limits::DOCKER_UNPACKED,
        (Read, _) => Full,
        (Write, _) => Rewritten,
    }
}
