//! Known limits of tools with images on disk: the text by which each is recognized, and the reason
//! for readers.

use super::super::expect::Expected;
use super::super::limits::unsupported;

/// Limit of containers/image, the library of skopeo, podman and buildah.
pub(crate) const DOCKER_NAMED: Expected = unsupported(
    "no descriptor found for reference",
    "In a layout, a name is found only if it points to an OCI image or index; a Docker image can \
     only be read without a name.",
);

/// Limit of umoci with indexes.
pub(crate) const AMBIGUOUS: Expected = unsupported(
    "tag is ambiguous",
    "An index matches each of its images, but exactly one image is required.",
);
pub(crate) const DOCKER_UNPACKED: Expected = unsupported(
    "descriptor does not point to ispec.MediaTypeImageManifest",
    "Only OCI images can be unpacked.",
);
