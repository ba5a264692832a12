//! Manifests of every kind: the exact bytes, and beside them a lenient view of what they say.

mod checks;
mod children;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::lint::Notes;
use crate::{Algorithm, Descriptor, Digest, Family, Finding, Json, JsonError, MediaType, Role};

pub use children::{Child, ChildKind};

/// A manifest or index: the bytes as they came, never changed, and what can be read of them.
///
/// The view is lenient: unknown fields and types are kept, wrong ones become [`Finding`]s, and
/// only what cannot be a manifest at all is an error.
#[derive(Clone, Debug)]
pub struct Manifest {
    bytes: Bytes,
    media_type: MediaType,
    shape: Shape,
    document: Json,
    children: Vec<Child>,
    subject: Option<Descriptor>,
    notes: Notes,
}

/// What a document reads as, whatever its type says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// It has a config or layers.
    Image,
    /// It has `manifests`.
    Index,
    /// Neither; perhaps not even JSON, if the type is one that nobody here knows.
    Opaque,
}

/// The bytes cannot be taken as a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// A type that is JSON by definition, and bytes that are not.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// JSON, but no object.
    #[error("a manifest is a JSON object, this is {0}")]
    NoObject(&'static str),
    /// Docker's image manifest version 2, schema 1.
    #[error(
        "this is a Docker manifest of schema 1, which has been withdrawn; build or convert the image as schema 2 or OCI, \
         for example with `skopeo copy --format v2s2`"
    )]
    Schema1,
    /// Neither a `Content-Type`, nor `mediaType`, nor the shape says what it is.
    #[error(
        "nothing says what kind of manifest this is: send a Content-Type, or set mediaType, or give it config and layers, or manifests"
    )]
    UnknownKind,
}

impl Manifest {
    /// Reads a manifest that was sent or described as `claimed`.
    ///
    /// A missing or generic type is replaced by the document's own `mediaType`, then by its shape
    /// (image-spec, manifest.md and image-index.md, "`mediaType`").
    ///
    /// # Errors
    /// [`ManifestError`] when the bytes cannot be a manifest. A document of an unknown type need
    /// not be JSON: its view is then empty.
    pub fn parse(bytes: Bytes, claimed: Option<&MediaType>) -> Result<Self, ManifestError> {
        let claimed = claimed.filter(|media_type| !media_type.is_generic());
        let document = match Json::parse(&bytes) {
            Ok(document) => document,
            Err(_) if claimed.is_some_and(is_foreign) => Json::Null,
            Err(error) => return Err(error.into()),
        };
        if document.as_object().is_none() && !claimed.is_some_and(is_foreign) {
            return Err(ManifestError::NoObject(document.kind()));
        }
        let shape = Shape::of(&document);
        let media_type = decide_type(&document, claimed, shape)?;
        if media_type.role() == Role::Schema1 || is_schema1(&document) {
            return Err(ManifestError::Schema1);
        }
        Ok(Self::view(bytes, media_type, shape, document))
    }

    fn view(bytes: Bytes, media_type: MediaType, shape: Shape, document: Json) -> Self {
        let mut notes = Notes::default();
        checks::document(&document, &media_type, &mut notes);
        let children = children::collect(&document, &media_type, &mut notes);
        let subject = children::subject(&document, &mut notes);
        Self {
            bytes,
            media_type,
            shape,
            document,
            children,
            subject,
            notes,
        }
    }

    /// The document byte for byte.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The type it was sent with, or the one that was decided for it.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// What it reads as.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Its digest by `algorithm`, or `None` for one that is known by name alone.
    pub fn digest(&self, algorithm: &Algorithm) -> Option<Digest> {
        Digest::of(algorithm, &self.bytes)
    }

    /// Everything that it names by digest, in the order of the document, duplicates too.
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    /// The manifest that this one says something about (image-spec, manifest.md, "`subject`").
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// The artifact type that a list of referrers shows: its own, else an image's config type
    /// (distribution-spec, "Listing Referrers").
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

    /// Its annotations, as far as they are strings.
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

    /// What was remarkable or wrong as the document was read; [`crate::lint::document`] says the rest.
    pub fn findings(&self) -> &[Finding] {
        self.notes.findings()
    }

    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// The whole document.
    pub fn document(&self) -> &Json {
        &self.document
    }
}

impl Shape {
    fn of(document: &Json) -> Self {
        if document.get("manifests").is_some() {
            Self::Index
        } else if document.get("config").is_some() || document.get("layers").is_some() {
            Self::Image
        } else {
            Self::Opaque
        }
    }
}

/// Whether a type is neither a manifest known here nor Docker's first schema.
fn is_foreign(media_type: &MediaType) -> bool {
    media_type.role() == Role::Other
}

fn decide_type(
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
