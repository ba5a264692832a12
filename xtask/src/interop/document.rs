//! Documents of one kind of image: bytes, digest, and the endpoint to which they are pushed.

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};

use super::media::{DOCKER_LIST, OCI_INDEX};

/// Hash algorithm of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    /// Returns the digest of `bytes` as descriptors write it.
    pub(crate) fn digest(self, bytes: &[u8]) -> String {
        match self {
            Self::Sha256 => format!("sha256:{}", to_hex(&Sha256::digest(bytes))),
            Self::Sha512 => format!("sha512:{}", to_hex(&Sha512::digest(bytes))),
        }
    }

    /// Returns the algorithm of `digest`, which is sha256 for unknown prefixes.
    pub(crate) fn from_digest(digest: &str) -> Self {
        if digest.starts_with("sha512:") {
            Self::Sha512
        } else {
            Self::Sha256
        }
    }
}

fn to_hex(hash: &[u8]) -> String {
    hash.iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Returns whether `digest` is that of `bytes`.
pub(crate) fn has_digest(digest: &str, bytes: &[u8]) -> bool {
    Algorithm::from_digest(digest).digest(bytes) == digest
}

/// Endpoint for pushing a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Blob,
    Manifest,
}

/// Bytes with the fields of their descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) role: Role,
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) bytes: Bytes,
}

impl Document {
    /// Returns whether this is an index or a list.
    pub(crate) fn is_list(&self) -> bool {
        [OCI_INDEX, DOCKER_LIST].contains(&self.media_type.as_str())
    }

    /// Returns the digests in `config`, `layers` and `manifests`, in this order. A subject is not a
    /// child.
    pub(crate) fn children(&self) -> Vec<String> {
        if self.role == Role::Blob {
            return Vec::new();
        }
        let document: Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        let lists = ["layers", "manifests"]
            .iter()
            .filter_map(|key| document[key].as_array())
            .flatten();
        let descriptors = std::iter::once(&document["config"]).chain(lists);
        descriptors
            .filter_map(|descriptor| Some(descriptor["digest"].as_str()?.to_owned()))
            .collect()
    }
}

/// Single-platform image of a kind: what clients store that run images instead of copying them.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) manifest: String,
    pub(crate) config: String,
}

/// Kind of content that registries store, with all its documents.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Documents in the order of pushing: children before the documents that name them.
    pub(crate) documents: Vec<Document>,
    /// Digest to which the tag points.
    pub(crate) top: String,
    /// Image for `platform`, if the kind has one.
    pub(crate) image: Option<Image>,
    /// Platform that single-platform clients pull.
    pub(crate) platform: &'static str,
    /// True if some of the content is missing, so that only a repository with the policy `sparse`
    /// accepts it.
    pub(crate) sparse: bool,
}

impl Kind {
    /// Returns the document with this digest, or `None` if it is missing.
    pub(crate) fn document(&self, digest: &str) -> Option<&Document> {
        self.documents
            .iter()
            .find(|document| document.digest == digest)
    }

    /// Returns the documents that a copy of the document with this digest includes, itself first.
    pub(crate) fn documents_below(&self, digest: &str) -> Vec<&Document> {
        let mut found: Vec<&Document> = self.document(digest).into_iter().collect();
        let mut next = 0;
        while let Some(document) = found.get(next) {
            for child in document.children() {
                let known = found.iter().any(|seen| seen.digest == child);
                found.extend(self.document(&child).filter(|_| !known));
            }
            next += 1;
        }
        found
    }

    /// Returns the documents that a copy of the full kind includes, the top first.
    pub(crate) fn documents_of_top(&self) -> Vec<&Document> {
        self.documents_below(&self.top)
    }

    /// Returns the kind reduced to its image.
    pub(crate) fn reduce_to_image(&self) -> Option<Self> {
        let top = self.image.as_ref()?.manifest.clone();
        Some(Self {
            top,
            ..self.clone()
        })
    }

    /// Returns whether an index or list names this document, at whichever endpoint it was pushed.
    pub(crate) fn is_listed(&self, digest: &str) -> bool {
        let lists = self.documents.iter().filter(|document| document.is_list());
        lists
            .flat_map(Document::children)
            .any(|child| child == digest)
    }

    /// Returns whether the tag points to an index or list.
    pub(crate) fn is_list(&self) -> bool {
        self.document(&self.top).is_some_and(Document::is_list)
    }

    /// Returns whether the tag points to the image itself.
    pub(crate) fn is_single_image(&self) -> bool {
        self.image
            .as_ref()
            .is_some_and(|image| image.manifest == self.top)
    }
}
