//! Trees in another format: the same content, said in other types.
//!
//! Configs and layers stay byte for byte. What changes is their types, the documents that name them, and with that every
//! digest up to the root. Nothing is read or written here: [`convert`] is given the documents, and answers those that
//! change, so that all of it can be told before anything is stored.

mod image;
mod index;
mod order;
mod remark;
#[cfg(test)]
mod tests;
mod types;
mod work;

use std::collections::HashMap;

use crate::{Digest, Manifest, ManifestError, Platform};

pub use remark::{Effect, Remark};
pub use types::Format;

use order::Documents;
use work::Work;

/// What is done to a tree.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Conversion {
    /// The format whose types documents, configs and layers get; without one they keep theirs.
    pub to: Option<Format>,
    /// Whether the children of nested indexes take the place of those in the root.
    pub flatten: bool,
    /// Whether the children of indexes go whose type nobody here knows, and those that the format cannot hold.
    pub drop_unknown: bool,
}

/// A tree that was converted.
#[derive(Debug)]
pub struct Converted {
    /// The digest of what the root became; its own if it stays as it is.
    pub root: Digest,
    /// Every document that changes, by its digest before. The children of each are all here, or were not changed.
    pub documents: HashMap<Digest, Written>,
    /// What is lost, left out, or left in the other format, children before what names them.
    pub remarks: Vec<Remark>,
}

/// A document that was written anew.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its digest, by the algorithm by which the document before it was named.
    pub digest: Digest,
    /// What it says.
    pub manifest: Manifest,
}

/// Why a tree cannot be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// Nobody has the root.
    #[error("{0} is not there to be converted")]
    Absent(Digest),
    /// The root is something that the format cannot hold.
    #[error("{root} cannot be converted: {reason}{}", place(.pointer))]
    Refused {
        /// The root.
        root: Digest,
        /// What of it, as a JSON pointer.
        pointer: String,
        /// Why.
        reason: String,
    },
    /// A document is so large that it could not be read again.
    #[error("{document} would be a document that nobody can read: {source}")]
    Unreadable {
        /// The document before.
        document: Digest,
        /// What is wrong with the one after.
        source: ManifestError,
    },
}

fn place(pointer: &str) -> String {
    if pointer.is_empty() {
        String::new()
    } else {
        format!(" ({pointer})")
    }
}

/// Converts the tree under `root`, each document once, however often it is named.
///
/// `document` answers the manifests and indexes of the tree; a child that it does not know stays as it is. `platform`
/// answers what the config of an image says, for children of Docker lists, which have to have a platform. A tree that is
/// as it is to be changes in nothing, so that converting twice does no more than converting once.
///
/// # Errors
/// [`ConvertError`] when the root cannot be converted. A child that cannot stays as it is, or is dropped, with a remark.
pub fn convert<'a>(
    root: &Digest,
    document: impl Fn(&Digest) -> Option<&'a Manifest>,
    platform: impl Fn(&Digest) -> Option<Platform>,
    conversion: &Conversion,
) -> Result<Converted, ConvertError> {
    let documents = Documents::under(root, document);
    if documents.get(root).is_none() {
        return Err(ConvertError::Absent(root.clone()));
    }
    let mut work = Work::new(*conversion, root, &documents, &platform);
    for digest in documents.children_first() {
        work.document(digest)?;
    }
    work.finish()
}
