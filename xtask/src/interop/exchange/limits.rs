//! What tools are known not to do with what is on disk: the words by which it shows, and the reason for people.

use super::super::expect::Expected;
use super::super::limits::cannot;

/// Of containers/image, the library of skopeo, podman and buildah.
pub(crate) const DOCKER_NAMED: Expected = cannot(
    "no descriptor found for reference",
    "In a layout, a name is found only if it stands for an OCI image or index; a Docker image is read without a name.",
);

/// Of umoci.
pub(crate) const AMBIGUOUS: Expected = cannot(
    "tag is ambiguous",
    "An index stands for each of its images, and one image is wanted.",
);
pub(crate) const DOCKER_UNPACKED: Expected = cannot(
    "descriptor does not point to ispec.MediaTypeImageManifest",
    "Only OCI images are unpacked.",
);
