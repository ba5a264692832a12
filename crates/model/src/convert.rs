//! Conversion of an image or index, with all documents below it, to another format: the same
//! content with other media types.
//!
//! Configs and layers stay the same, byte for byte. Only their media types change. Therefore, the
//! documents that reference them change too, and so does every digest up to the root. This module
//! does no I/O: [`convert`] gets the documents from the caller and returns the changed documents,
//! so that the caller can report all changes before anything is stored.

mod converter;
mod documents;
mod format;
mod image;
mod index;
mod remark;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::{Digest, Manifest, ManifestError, Platform};

pub use format::ImageFormat;
pub use remark::{Effect, Remark};

pub(crate) use image::DOCKER_ANNOTATION_PREFIX;

use converter::Converter;
use documents::Documents;

/// Options for [`convert`].
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Conversion {
    /// Target format: documents, configs and layers get its media types. `None` leaves the types
    /// unchanged.
    pub to: Option<ImageFormat>,
    /// True to replace the nested indexes in the root index by their children.
    pub flatten: bool,
    /// True to drop children of indexes if their type is unknown or the format does not support
    /// them.
    pub drop_unknown: bool,
}

/// Result of [`convert`].
#[derive(Debug)]
pub struct Converted {
    /// Digest of the root after the conversion. It is the original digest if the root does not
    /// change.
    pub root: Digest,
    /// Converted documents, by their original digests. Each child of such a document is either in
    /// this map too or does not change.
    pub documents: HashMap<Digest, ConvertedDocument>,
    /// Remarks about data that is lost, dropped or not converted. Remarks about a document come
    /// after the remarks about its children.
    pub remarks: Vec<Remark>,
}

/// Document after a conversion.
#[derive(Clone, Debug)]
pub struct ConvertedDocument {
    /// Digest of the converted document, computed with the algorithm of the original digest.
    pub digest: Digest,
    /// Parsed content of the converted document.
    pub manifest: Manifest,
}

/// Error of [`convert`].
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The root does not exist.
    #[error("{0} cannot be converted: it was not found")]
    NotFound(Digest),
    /// The format does not support the root.
    #[error("{root} cannot be converted: {reason}{}", pointer_suffix(.pointer))]
    Unsupported {
        /// Digest of the root.
        root: Digest,
        /// JSON pointer to the unsupported value in the root.
        pointer: String,
        /// Reason why the format does not support the value.
        reason: String,
    },
    /// A converted document is not a valid manifest, for example because it is too large.
    #[error("{document} cannot be converted: the result is not a valid manifest: {source}")]
    InvalidResult {
        /// Digest of the original document.
        document: Digest,
        /// Error from parsing the converted document.
        source: ManifestError,
    },
}

fn pointer_suffix(pointer: &str) -> String {
    if pointer.is_empty() {
        String::new()
    } else {
        format!(" ({pointer})")
    }
}

/// Converts the document `root` and all documents below it. Converts each document once, even if it
/// is referenced several times.
///
/// `document` returns the manifest or index with a digest. If it returns `None` for a child, the
/// child is not converted. `platform` returns the platform from the config of an image. It is
/// called for children of Docker manifest lists, because each of them must have a platform. A
/// document that already matches the options does not change, so a second conversion changes
/// nothing.
///
/// # Errors
/// Returns [`ConvertError`] if the root cannot be converted. A child that cannot be converted is
/// left unchanged or dropped, with a remark.
pub fn convert<'a>(
    root: &Digest,
    document: impl Fn(&Digest) -> Option<&'a Manifest>,
    platform: impl Fn(&Digest) -> Option<Platform>,
    conversion: &Conversion,
) -> Result<Converted, ConvertError> {
    let documents = Documents::collect(root, document);
    if documents.get(root).is_none() {
        return Err(ConvertError::NotFound(root.clone()));
    }
    let mut work = Converter::new(*conversion, root, &documents, &platform);
    for digest in documents.children_first() {
        work.convert_document(digest)?;
    }
    work.finish()
}
