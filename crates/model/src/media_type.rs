//! Media types (image-spec, media-types.md).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Media type, without its parameters.
///
/// Any string is accepted. Portolan treats only the types in this file specially. Media types are
/// compared without regard to case (RFC 6838, section 4.2). The types of images are spelled in
/// lower case, as their specifications do; other types are spelled as written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub struct MediaType(Arc<str>);

/// Beginnings of the types that are spelled in lower case.
const LOWER_CASE: [&str; 4] = [
    "application/vnd.oci.",
    "application/vnd.docker.",
    "application/vnd.buildkit.",
    MediaType::OCTET_STREAM,
];

/// Format that a media type belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// OCI formats: all types that begin with `application/vnd.oci.`.
    Oci,
    /// Docker's formats: images, manifest lists, and plugins.
    ///
    /// Docker also uses the prefix `application/vnd.docker.` for other content, such as AI models.
    /// Such content is stored in OCI manifests like any other artifact and does not belong to this
    /// family.
    Docker,
    /// Any other format.
    Other,
}

/// Purpose of content with a given media type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MediaTypeRole {
    /// Manifest of one image or artifact, with a config and layers, or with blobs in the withdrawn
    /// OCI artifact manifest.
    Manifest,
    /// List of manifests: an OCI index or a Docker manifest list.
    Index,
    /// Docker schema 1 manifest, signed or unsigned. Portolan rejects such manifests.
    Schema1,
    /// Foreign or non-distributable layer. Its content may be missing from the registry.
    ForeignLayer,
    /// Any other content: configs, layers, and unknown types.
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
    /// `application/vnd.oci.artifact.manifest.v1+json`, withdrawn before image-spec 1.1 but in use.
    pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
    /// `application/vnd.oci.empty.v1+json`: content that consists of the two bytes `{}`.
    pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// `application/vnd.docker.distribution.manifest.v2+json`
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// `application/vnd.docker.distribution.manifest.list.v2+json`
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// `application/vnd.docker.container.image.v1+json`
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// `application/vnd.docker.image.rootfs.diff.tar.gzip`
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// `application/octet-stream`, the content type of served blobs.
    pub const OCTET_STREAM: &str = "application/octet-stream";

    /// Creates a media type from a `Content-Type` header or a `mediaType` field. Drops the
    /// parameters.
    pub fn new(text: &str) -> Self {
        let essence = text.split_once(';').map_or(text, |(essence, _)| essence);
        let essence = essence.trim();
        if LOWER_CASE.iter().any(|start| has_prefix(essence, start)) {
            Self(essence.to_ascii_lowercase().into())
        } else {
            Self(essence.into())
        }
    }

    /// Returns the type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether this type is too generic to identify the type of a manifest.
    ///
    /// A generic type is empty, or a type that clients send by default for any content, such as
    /// `application/octet-stream`.
    pub fn is_generic(&self) -> bool {
        const GENERIC: [&str; 5] = [
            "",
            "application/json",
            MediaType::OCTET_STREAM,
            "text/plain",
            "application/x-www-form-urlencoded",
        ];
        GENERIC
            .iter()
            .any(|generic| self.0.eq_ignore_ascii_case(generic))
    }

    /// Returns the format that this type belongs to.
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

    /// Returns the purpose of content with this media type.
    pub fn role(&self) -> MediaTypeRole {
        match &*self.0 {
            Self::OCI_MANIFEST | Self::DOCKER_MANIFEST | Self::OCI_ARTIFACT => {
                MediaTypeRole::Manifest
            }
            Self::OCI_INDEX | Self::DOCKER_LIST => MediaTypeRole::Index,
            "application/vnd.docker.distribution.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v1+prettyjws" => MediaTypeRole::Schema1,
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
            | "application/vnd.docker.image.rootfs.foreign.diff.tar" => MediaTypeRole::ForeignLayer,
            other
                if other.starts_with("application/vnd.oci.image.layer.nondistributable.v1.tar") =>
            {
                MediaTypeRole::ForeignLayer
            }
            _ => MediaTypeRole::Other,
        }
    }

    /// Returns whether content of this type is a layer or config of an image or a BuildKit cache.
    pub fn is_config_or_layer(&self) -> bool {
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

    /// Returns whether content of this type is an image config. An image config contains the
    /// platform.
    pub fn is_image_config(&self) -> bool {
        matches!(&*self.0, Self::OCI_CONFIG | Self::DOCKER_CONFIG)
    }

    /// Returns whether content of this type is a manifest or index that Portolan can read.
    pub fn is_known_manifest(&self) -> bool {
        matches!(self.role(), MediaTypeRole::Manifest | MediaTypeRole::Index)
    }
}

/// Returns whether `text` begins with `prefix`, without regard to case.
fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

impl PartialEq for MediaType {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for MediaType {}

impl Hash for MediaType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

impl Ord for MediaType {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0
            .to_ascii_lowercase()
            .cmp(&other.0.to_ascii_lowercase())
    }
}

impl PartialOrd for MediaType {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<String> for MediaType {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<MediaType> for String {
    fn from(media_type: MediaType) -> Self {
        media_type.as_str().to_owned()
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn drops_parameters() {
        let media_type = MediaType::new(" application/vnd.oci.image.index.v1+json ; charset=utf-8");
        assert_eq!(media_type.as_str(), MediaType::OCI_INDEX);
    }

    #[test]
    fn compares_types_without_regard_to_case() {
        let index = MediaType::new("Application/Vnd.OCI.Image.Index.v1+JSON");
        assert_eq!(index.as_str(), MediaType::OCI_INDEX);
        assert_eq!(index.role(), MediaTypeRole::Index);
        let read: MediaType =
            serde_json::from_str("\"Application/Vnd.Docker.Plugin.v1+json\"").unwrap();
        assert_eq!(read.family(), Family::Docker);
        let (one, other) = (MediaType::new("text/X-Type"), MediaType::new("Text/x-type"));
        assert_eq!(one, other);
        assert_eq!(one.cmp(&other), Ordering::Equal);
        assert_eq!(HashSet::from([one.clone(), other]).len(), 1);
        assert_eq!(one.as_str(), "text/X-Type");
        assert!(MediaType::new("Application/JSON").is_generic());
    }

    #[test]
    fn classifies_types_by_role_and_family() {
        let classify = |text| (MediaType::new(text).role(), MediaType::new(text).family());
        assert_eq!(
            classify(MediaType::DOCKER_LIST),
            (MediaTypeRole::Index, Family::Docker)
        );
        assert_eq!(
            classify(MediaType::OCI_ARTIFACT),
            (MediaTypeRole::Manifest, Family::Oci)
        );
        assert_eq!(
            classify("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"),
            (MediaTypeRole::ForeignLayer, Family::Oci)
        );
        assert_eq!(
            classify("application/vnd.cncf.helm.config.v1+json"),
            (MediaTypeRole::Other, Family::Other)
        );
        assert_eq!(
            classify("application/vnd.docker.distribution.manifest.v1+prettyjws"),
            (MediaTypeRole::Schema1, Family::Docker)
        );
        assert_eq!(
            classify("application/vnd.docker.plugin.v1+json"),
            (MediaTypeRole::Other, Family::Docker)
        );
        for model_type in [
            "application/vnd.docker.ai.model.config.v0.1+json",
            "application/vnd.docker.ai.gguf.v3",
        ] {
            assert_eq!(classify(model_type), (MediaTypeRole::Other, Family::Other));
        }
    }
}
