//! Manifests and indexes of all types: the exact bytes, and a leniently parsed view of them.

mod checks;
mod children;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::lint::FindingSink;
use crate::{
    Algorithm, Descriptor, Digest, Family, Finding, Json, JsonError, MediaType, MediaTypeRole,
};

pub use children::{BYTES_PER_EDGE, Child, ChildKind, MAX_EDGES, edge_limit};

/// Manifest or index: the original bytes, and a parsed view of them.
///
/// Parsing is lenient: unknown fields and types are preserved, and invalid values are reported as
/// [`Finding`]s. Only a document that cannot be a manifest is an error.
#[derive(Clone, Debug)]
pub struct Manifest {
    bytes: Bytes,
    media_type: MediaType,
    shape: Shape,
    document: Json,
    children: Vec<Child>,
    subject: Option<Descriptor>,
    sink: FindingSink,
}

/// Structure of a document, independent of its media type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// Document with `config` or `layers`.
    Image,
    /// Document with `manifests`.
    Index,
    /// Any other document. If its media type is unknown, it need not be JSON.
    Opaque,
}

/// Reason why bytes are not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Invalid JSON, although the media type requires JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// JSON value that is not an object.
    #[error("a manifest must be a JSON object, found {0}")]
    NotAnObject(&'static str),
    /// Docker's image manifest version 2, schema 1.
    #[error(
        "Docker schema 1 manifests are not supported, because the format has been withdrawn; \
         rebuild the image, or convert it, for example with `skopeo copy --format v2s2`"
    )]
    Schema1,
    /// Document whose media type is not declared and cannot be derived from its structure.
    #[error(
        "cannot determine the media type of the manifest: send a Content-Type header, or set \
         mediaType, or add config and layers (image) or manifests (index)"
    )]
    UnknownKind,
    /// Document with more distinct digests than its size allows: one per [`BYTES_PER_EDGE`] bytes,
    /// and at most [`MAX_EDGES`]. The number of descriptors in known fields, such as `layers`, has
    /// the same limit.
    #[error(
        "the manifest references too many digests: at most {limit} are allowed in {bytes} bytes, \
         which is one per {BYTES_PER_EDGE} bytes, and never more than {MAX_EDGES}"
    )]
    TooManyReferences {
        /// Maximum number of distinct digests in this document.
        limit: usize,
        /// Size of the document in bytes.
        bytes: usize,
    },
}

impl Manifest {
    /// Parses a manifest. `claimed` is the media type in the `Content-Type` header or in the
    /// descriptor of the manifest.
    ///
    /// If `claimed` is missing or [generic](MediaType::is_generic), the `mediaType` field of the
    /// document is used. If the field is missing, the media type is derived from the structure
    /// (image-spec, manifest.md and image-index.md, "`mediaType`").
    ///
    /// # Errors
    /// Returns [`ManifestError`] if the bytes cannot be a manifest. A document of an unknown type
    /// need not be JSON. If it is not JSON, the parsed view is empty.
    pub fn parse(bytes: Bytes, claimed: Option<&MediaType>) -> Result<Self, ManifestError> {
        let claimed = claimed.filter(|media_type| !media_type.is_generic());
        let document = match Json::parse(&bytes) {
            Ok(document) => document,
            Err(_) if claimed.is_some_and(is_unknown_type) => Json::Null,
            Err(error) => return Err(error.into()),
        };
        if document.as_object().is_none() && !claimed.is_some_and(is_unknown_type) {
            return Err(ManifestError::NotAnObject(document.kind()));
        }
        let shape = Shape::detect(&document);
        let media_type = determine_type(&document, claimed, shape)?;
        if media_type.role() == MediaTypeRole::Schema1 || is_schema1(&document) {
            return Err(ManifestError::Schema1);
        }
        Self::from_document(bytes, media_type, shape, document)
    }

    fn from_document(
        bytes: Bytes,
        media_type: MediaType,
        shape: Shape,
        document: Json,
    ) -> Result<Self, ManifestError> {
        let mut sink = FindingSink::default();
        checks::check_document(&document, &media_type, &mut sink);
        let children = children::collect_children(&document, &media_type, bytes.len(), &mut sink)?;
        let subject = children::parse_subject(&document, &mut sink);
        Ok(Self {
            bytes,
            media_type,
            shape,
            document,
            children,
            subject,
            sink,
        })
    }

    /// Returns the original bytes of the manifest.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the media type: the claimed type, or the type that the document states or that is
    /// derived from its structure.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// Returns the structure of the document.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Computes the digest of the original bytes, or returns `None` if Portolan cannot compute
    /// `algorithm`.
    pub fn digest(&self, algorithm: &Algorithm) -> Option<Digest> {
        Digest::compute(algorithm, &self.bytes)
    }

    /// Returns all descriptors except the subject, in document order.
    ///
    /// A descriptor in a known field, such as `layers`, is listed each time it occurs. A digest in
    /// any other field is listed only if no earlier child has the same digest. The number of
    /// distinct digests is at most [`edge_limit`].
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    /// Returns the descriptor of the subject: another manifest that this manifest is attached to
    /// (image-spec, manifest.md, "`subject`").
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// Returns the artifact type of the manifest in a list of referrers.
    ///
    /// This is the field `artifactType` or, if an image manifest does not have it, the media type
    /// of the config (distribution-spec, "Listing Referrers").
    pub fn artifact_type(&self) -> Option<MediaType> {
        let own = self
            .document
            .get("artifactType")
            .and_then(Json::as_str)
            .filter(|text| !text.is_empty());
        let config = || match self.shape {
            Shape::Image => self.document.get("config")?.get("mediaType")?.as_str(),
            _ => None,
        };
        own.or_else(config).map(MediaType::new)
    }

    /// Returns the annotations of the manifest. Skips values that are not strings.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        let members = self
            .document
            .get("annotations")
            .and_then(Json::as_object)
            .unwrap_or_default();
        members
            .iter()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    /// Returns the findings of the parser. [`crate::lint::check_document`] returns all findings
    /// about the document.
    pub fn findings(&self) -> &[Finding] {
        self.sink.findings()
    }

    pub(crate) fn finding_sink(&self) -> &FindingSink {
        &self.sink
    }

    /// Returns the parsed JSON document.
    pub fn document(&self) -> &Json {
        &self.document
    }
}

impl Shape {
    fn detect(document: &Json) -> Self {
        if document.get("manifests").is_some() {
            Self::Index
        } else if document.get("config").is_some() || document.get("layers").is_some() {
            Self::Image
        } else {
            Self::Opaque
        }
    }
}

/// Returns whether a type is neither a known manifest type nor Docker schema 1.
fn is_unknown_type(media_type: &MediaType) -> bool {
    media_type.role() == MediaTypeRole::Other
}

fn determine_type(
    document: &Json,
    claimed: Option<&MediaType>,
    shape: Shape,
) -> Result<MediaType, ManifestError> {
    if let Some(claimed) = claimed {
        return Ok(claimed.clone());
    }
    if let Some(own) = document.get("mediaType").and_then(Json::as_str) {
        return Ok(MediaType::new(own));
    }
    match shape {
        Shape::Index => Ok(MediaType::new(MediaType::OCI_INDEX)),
        Shape::Image if has_docker_config(document) => {
            Ok(MediaType::new(MediaType::DOCKER_MANIFEST))
        }
        Shape::Image => Ok(MediaType::new(MediaType::OCI_MANIFEST)),
        Shape::Opaque if is_schema1(document) => Err(ManifestError::Schema1),
        Shape::Opaque => Err(ManifestError::UnknownKind),
    }
}

fn has_docker_config(document: &Json) -> bool {
    let config = document
        .get("config")
        .and_then(|config| config.get("mediaType"))
        .and_then(Json::as_str);
    config.is_some_and(|text| MediaType::new(text).family() == Family::Docker)
}

fn is_schema1(document: &Json) -> bool {
    document.get("schemaVersion") == Some(&Json::Number(1.into()))
        && document.get("fsLayers").is_some()
}
