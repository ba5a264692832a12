//! The two formats, and the types that mean the same in both (image-spec, media-types.md, "Compatibility Matrix").

use std::fmt;

use crate::{Family, MediaType};

/// A family of types that a whole tree can have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// The types of image-spec.
    Oci,
    /// Docker's image manifest version 2, schema 2, and its manifest lists.
    Docker,
}

/// OCI's types, and Docker's for the same content.
const SAME: [(&str, &str); 7] = [
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

/// A type that containerd writes in Docker's name and Docker never read: it becomes OCI's, and nothing becomes it.
const DOCKER_ZSTD: (&str, &str) = (
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
);

/// The config of Docker's plugins, which OCI has nothing like.
const DOCKER_PLUGIN: &str = "application/vnd.docker.plugin.v1+json";

impl Format {
    /// The family of its types.
    pub fn family(self) -> Family {
        match self {
            Self::Oci => Family::Oci,
            Self::Docker => Family::Docker,
        }
    }

    /// Whether a type is one of this format. OCI's is open; Docker's has no more than its own clients write, though
    /// others give their types names that begin as Docker's do.
    pub fn has(self, media_type: &MediaType) -> bool {
        let text = media_type.as_str();
        match self {
            Self::Oci => media_type.family() == Family::Oci,
            Self::Docker => {
                text == DOCKER_ZSTD.1
                    || text == DOCKER_PLUGIN
                    || SAME.iter().any(|(_, own)| *own == text)
            }
        }
    }

    /// The type of this format for the same content: the type itself if it is of this format, nothing if there is none.
    pub fn counterpart(self, media_type: &MediaType) -> Option<MediaType> {
        if self.has(media_type) {
            return Some(media_type.clone());
        }
        let text = media_type.as_str();
        let found = match self {
            Self::Oci => SAME
                .iter()
                .chain([&DOCKER_ZSTD])
                .find(|(_, docker)| *docker == text)
                .map(|(oci, _)| oci),
            Self::Docker => SAME
                .iter()
                .find(|(oci, _)| *oci == text)
                .map(|(_, docker)| docker),
        };
        found.map(|text| MediaType::new(text))
    }
}

impl fmt::Display for Format {
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
    fn types_go_to_the_other_format_and_come_back() {
        for (oci, docker) in SAME {
            let (oci, docker) = (MediaType::new(oci), MediaType::new(docker));
            assert_eq!(Format::Docker.counterpart(&oci), Some(docker.clone()));
            assert_eq!(Format::Oci.counterpart(&docker), Some(oci.clone()));
            assert_eq!(
                (
                    Format::Oci.counterpart(&oci),
                    Format::Docker.counterpart(&docker)
                ),
                (Some(oci), Some(docker))
            );
        }
    }

    #[test]
    fn what_has_no_counterpart_has_none() {
        let (oci, docker) = DOCKER_ZSTD;
        assert_eq!(Format::Docker.counterpart(&oci.into()), None);
        assert_eq!(Format::Oci.counterpart(&docker.into()), Some(oci.into()));
        for media_type in [
            MediaType::OCI_EMPTY,
            MediaType::OCI_ARTIFACT,
            "application/vnd.cncf.helm.config.v1+json",
        ] {
            assert_eq!(Format::Docker.counterpart(&media_type.into()), None);
        }
        assert_eq!(Format::Oci.counterpart(&DOCKER_PLUGIN.into()), None);
        assert_eq!(
            Format::Docker.counterpart(&DOCKER_PLUGIN.into()),
            Some(DOCKER_PLUGIN.into())
        );
    }

    #[test]
    fn a_name_that_begins_as_docker_s_makes_no_docker_type() {
        let model = MediaType::new("application/vnd.docker.ai.model.config.v0.1+json");
        assert!(!Format::Docker.has(&model) && !Format::Oci.has(&model));
        assert_eq!(
            (
                Format::Docker.counterpart(&model),
                Format::Oci.counterpart(&model)
            ),
            (None, None)
        );
    }
}
