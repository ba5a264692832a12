//! Image formats, and their equivalent media types (image-spec, media-types.md, "Compatibility
//! Matrix").

use std::fmt;

use crate::{Family, MediaType};

/// Image format: a family of media types for indexes, manifests, configs and layers.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ImageFormat {
    /// OCI image format, with the media types of image-spec.
    Oci,
    /// Docker image manifest version 2, schema 2, and Docker manifest lists.
    Docker,
}

/// Pairs of media types for the same content: the OCI type and the Docker type.
const EQUIVALENT_TYPES: [(&str, &str); 7] = [
    (MediaType::OCI_MANIFEST, MediaType::DOCKER_MANIFEST),
    (MediaType::OCI_INDEX, MediaType::DOCKER_LIST),
    (MediaType::OCI_CONFIG, MediaType::DOCKER_CONFIG),
    (MediaType::OCI_LAYER_GZIP, MediaType::DOCKER_LAYER_GZIP),
    (
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar",
    ),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
    ),
];

/// Media types of zstd layers: the OCI type, and a Docker type that containerd writes but Docker
/// never supported.
///
/// The conversion works only in one direction: from the Docker type to the OCI type.
const DOCKER_ZSTD: (&str, &str) = (
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
);

/// Media type of the configs of Docker plugins. OCI has no equivalent.
const DOCKER_PLUGIN: &str = "application/vnd.docker.plugin.v1+json";

impl ImageFormat {
    /// Returns the family of the format's media types.
    pub fn family(self) -> Family {
        match self {
            Self::Oci => Family::Oci,
            Self::Docker => Family::Docker,
        }
    }

    /// Returns whether a media type belongs to this format.
    ///
    /// OCI's format has all types of [`Family::Oci`]. Docker's format has only the types that
    /// Docker's own clients write, because other programs also use the prefix of Docker's types.
    pub fn has_type(self, media_type: &MediaType) -> bool {
        let text = media_type.as_str();
        match self {
            Self::Oci => media_type.family() == Family::Oci,
            Self::Docker => {
                text == DOCKER_ZSTD.1
                    || text == DOCKER_PLUGIN
                    || EQUIVALENT_TYPES.iter().any(|(_, own)| *own == text)
            }
        }
    }

    /// Returns the media type of this format for the same content.
    ///
    /// Returns the type itself if it belongs to this format, and `None` if no equivalent exists.
    pub fn counterpart(self, media_type: &MediaType) -> Option<MediaType> {
        if self.has_type(media_type) {
            return Some(media_type.clone());
        }
        let text = media_type.as_str();
        let found = match self {
            Self::Oci => EQUIVALENT_TYPES
                .iter()
                .chain([&DOCKER_ZSTD])
                .find(|(_, docker)| *docker == text)
                .map(|(oci, _)| oci),
            Self::Docker => EQUIVALENT_TYPES
                .iter()
                .find(|(oci, _)| *oci == text)
                .map(|(_, docker)| docker),
        };
        found.map(|text| MediaType::new(text))
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Oci => "OCI",
            Self::Docker => "Docker",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_types_round_trip() {
        for (oci, docker) in EQUIVALENT_TYPES {
            let (oci, docker) = (MediaType::new(oci), MediaType::new(docker));
            assert_eq!(ImageFormat::Docker.counterpart(&oci), Some(docker.clone()));
            assert_eq!(ImageFormat::Oci.counterpart(&docker), Some(oci.clone()));
            assert_eq!(
                (
                    ImageFormat::Oci.counterpart(&oci),
                    ImageFormat::Docker.counterpart(&docker)
                ),
                (Some(oci), Some(docker))
            );
        }
    }

    #[test]
    fn other_types_have_no_counterpart() {
        let (oci, docker) = DOCKER_ZSTD;
        assert_eq!(ImageFormat::Docker.counterpart(&oci.into()), None);
        assert_eq!(
            ImageFormat::Oci.counterpart(&docker.into()),
            Some(oci.into())
        );
        for media_type in [
            MediaType::OCI_EMPTY,
            MediaType::OCI_ARTIFACT,
            "application/vnd.cncf.helm.config.v1+json",
        ] {
            assert_eq!(ImageFormat::Docker.counterpart(&media_type.into()), None);
        }
        assert_eq!(ImageFormat::Oci.counterpart(&DOCKER_PLUGIN.into()), None);
        assert_eq!(
            ImageFormat::Docker.counterpart(&DOCKER_PLUGIN.into()),
            Some(DOCKER_PLUGIN.into())
        );
    }

    #[test]
    fn docker_prefix_alone_makes_no_docker_type() {
        let model = MediaType::new("application/vnd.docker.ai.model.config.v0.1+json");
        assert!(!ImageFormat::Docker.has_type(&model) && !ImageFormat::Oci.has_type(&model));
        assert_eq!(
            (
                ImageFormat::Docker.counterpart(&model),
                ImageFormat::Oci.counterpart(&model)
            ),
            (None, None)
        );
    }
}
