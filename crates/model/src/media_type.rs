//! Media types: those with a meaning here, and any other (image-spec, media-types.md).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A media type as it was written, without parameters. Any text is one; few have a meaning here.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct MediaType(Box<str>);

/// Who defined a type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// `application/vnd.oci.…`
    Oci,
    /// Docker's registry format: images, manifest lists, plugins. Docker gives other content, as of its AI models, types
    /// that begin with its name too; that comes in OCI's manifests as any artifact does.
    Docker,
    /// Anybody else.
    Other,
}

/// What content of a type is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// One image or artifact: names a config and layers (or, in the withdrawn artifact manifest, blobs).
    Manifest,
    /// Names manifests: an OCI index or a Docker manifest list.
    Index,
    /// Docker's first schema, signed or not, which is refused.
    Schema1,
    /// A layer whose content need not be in the registry: foreign or non-distributable.
    ForeignLayer,
    /// Anything else: configs, layers, types that nobody here knows.
    Other,
}

impl MediaType {
    /// `application/vnd.oci.image.manifest.v1+json`
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// `application/vnd.oci.image.index.v1+json`
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// `application/vnd.oci.image.config.v1+json`
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// `application/vnd.oci.image.layer.v1.tar+gzip`
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// `application/vnd.oci.artifact.manifest.v1+json`, withdrawn before image-spec 1.1 but still met.
    pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
    /// `application/vnd.oci.empty.v1+json`: the two bytes `{}`.
    pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// `application/vnd.docker.distribution.manifest.v2+json`
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// `application/vnd.docker.distribution.manifest.list.v2+json`
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// `application/vnd.docker.container.image.v1+json`
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// `application/vnd.docker.image.rootfs.diff.tar.gzip`
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// `application/octet-stream`, under which every blob is served.
    pub const OCTET_STREAM: &str = "application/octet-stream";

    /// The type of a `Content-Type` header or a `mediaType` field, its parameters dropped.
    pub fn new(text: &str) -> Self {
        let essence = text.split_once(';').map_or(text, |(essence, _)| essence);
        Self(essence.trim().into())
    }

    /// The type as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this says nothing about a manifest: absent, or what clients send for lack of better.
    pub fn is_generic(&self) -> bool {
        const GENERIC: [&str; 5] = [
            "",
            "application/json",
            MediaType::OCTET_STREAM,
            "text/plain",
            "application/x-www-form-urlencoded",
        ];
        GENERIC.contains(&&*self.0)
    }

    /// Who defined this type.
    pub fn family(&self) -> Family {
        const DOCKER: [&str; 4] = [
            "application/vnd.docker.distribution.",
            "application/vnd.docker.container.image.",
            "application/vnd.docker.image.",
            "application/vnd.docker.plugin.",
        ];
        if self.0.starts_with("application/vnd.oci.") {
            Family::Oci
        } else if DOCKER.iter().any(|prefix| self.0.starts_with(prefix)) {
            Family::Docker
        } else {
            Family::Other
        }
    }

    /// What content of this type is for.
    pub fn role(&self) -> Role {
        match &*self.0 {
            Self::OCI_MANIFEST | Self::DOCKER_MANIFEST | Self::OCI_ARTIFACT => Role::Manifest,
            Self::OCI_INDEX | Self::DOCKER_LIST => Role::Index,
            "application/vnd.docker.distribution.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v1+prettyjws" => Role::Schema1,
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
            | "application/vnd.docker.image.rootfs.foreign.diff.tar" => Role::ForeignLayer,
            other
                if other.starts_with("application/vnd.oci.image.layer.nondistributable.v1.tar") =>
            {
                Role::ForeignLayer
            }
            _ => Role::Other,
        }
    }

    /// Whether content of this type is a layer or a config of an image, or of one of BuildKit's caches.
    pub fn is_part(&self) -> bool {
        const PARTS: [&str; 7] = [
            "application/vnd.oci.image.layer.",
            "application/vnd.docker.image.rootfs.",
            "application/vnd.buildkit.cacheconfig.",
            MediaType::OCI_CONFIG,
            MediaType::OCI_EMPTY,
            MediaType::DOCKER_CONFIG,
            MediaType::OCTET_STREAM,
        ];
        PARTS.iter().any(|part| self.0.starts_with(part))
    }

    /// Whether content of this type is the config of an image, which says the platform.
    pub fn is_image_config(&self) -> bool {
        matches!(&*self.0, Self::OCI_CONFIG | Self::DOCKER_CONFIG)
    }

    /// Whether content of this type is a manifest or an index of a kind that is known here.
    pub fn is_known_manifest(&self) -> bool {
        matches!(self.role(), Role::Manifest | Role::Index)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_parameters() {
        let media_type = MediaType::new(" application/vnd.oci.image.index.v1+json ; charset=utf-8");
        assert_eq!(media_type.as_str(), MediaType::OCI_INDEX);
    }

    #[test]
    fn tells_roles_and_families() {
        let of = |text| (MediaType::new(text).role(), MediaType::new(text).family());
        assert_eq!(of(MediaType::DOCKER_LIST), (Role::Index, Family::Docker));
        assert_eq!(of(MediaType::OCI_ARTIFACT), (Role::Manifest, Family::Oci));
        assert_eq!(
            of("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"),
            (Role::ForeignLayer, Family::Oci)
        );
        assert_eq!(
            of("application/vnd.cncf.helm.config.v1+json"),
            (Role::Other, Family::Other)
        );
        assert_eq!(
            of("application/vnd.docker.distribution.manifest.v1+prettyjws"),
            (Role::Schema1, Family::Docker)
        );
        assert_eq!(
            of("application/vnd.docker.plugin.v1+json"),
            (Role::Other, Family::Docker)
        );
        for of_a_model in [
            "application/vnd.docker.ai.model.config.v0.1+json",
            "application/vnd.docker.ai.gguf.v3",
        ] {
            assert_eq!(of(of_a_model), (Role::Other, Family::Other));
        }
    }
}
