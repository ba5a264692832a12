//! The documents that make up one kind of image: bytes, their digest, and how they are pushed.

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};

use super::media::{DOCKER_LIST, OCI_INDEX};

/// Which hash names a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    /// The digest of `bytes`, as descriptors write it.
    pub(crate) fn digest(self, bytes: &[u8]) -> String {
        match self {
            Self::Sha256 => format!("sha256:{}", hexadecimal(&Sha256::digest(bytes))),
            Self::Sha512 => format!("sha512:{}", hexadecimal(&Sha512::digest(bytes))),
        }
    }

    /// The algorithm that `digest` begins with; sha256 unless it says otherwise.
    pub(crate) fn of(digest: &str) -> Self {
        if digest.starts_with("sha512:") {
            Self::Sha512
        } else {
            Self::Sha256
        }
    }
}

fn hexadecimal(hash: &[u8]) -> String {
    hash.iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Whether `digest` is that of `bytes`.
pub(crate) fn matches(digest: &str, bytes: &[u8]) -> bool {
    Algorithm::of(digest).digest(bytes) == digest
}

/// The endpoint a document is pushed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Blob,
    Manifest,
}

/// Bytes with what a descriptor says of them.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) role: Role,
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) bytes: Bytes,
}

impl Document {
    /// Whether this is an index or a list.
    pub(crate) fn is_list(&self) -> bool {
        [OCI_INDEX, DOCKER_LIST].contains(&self.media_type.as_str())
    }

    /// The digests in `config`, `layers` and `manifests`, in this order; a subject is not part of what names it.
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

/// A single-platform image inside a kind: what a client ends up with that runs images rather than copies them.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) manifest: String,
    pub(crate) config: String,
}

/// One of the kinds that a registry meets, complete with all its documents.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// In the order in which they are pushed: what is named before what names it.
    pub(crate) documents: Vec<Document>,
    /// The digest that the tag stands for.
    pub(crate) top: String,
    /// The image for `platform`, where there is one.
    pub(crate) image: Option<Image>,
    /// What clients are asked to pull that take one platform.
    pub(crate) platform: &'static str,
    /// Some of what it names exists nowhere, so only a repository with the policy `sparse` takes it.
    pub(crate) sparse: bool,
}

impl Kind {
    /// The document with this digest, unless it is one of the absent ones.
    pub(crate) fn document(&self, digest: &str) -> Option<&Document> {
        self.documents
            .iter()
            .find(|document| document.digest == digest)
    }

    /// What a copy of the document with this digest has to bring along, itself first.
    pub(crate) fn tree(&self, digest: &str) -> Vec<&Document> {
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

    /// What a copy of the whole kind brings along, the top first.
    pub(crate) fn whole(&self) -> Vec<&Document> {
        self.tree(&self.top)
    }

    /// The kind without anything around its image.
    pub(crate) fn only_image(&self) -> Option<Self> {
        let top = self.image.as_ref()?.manifest.clone();
        Some(Self {
            top,
            ..self.clone()
        })
    }

    /// Whether an index or a list names this document, whatever the endpoint it was pushed to.
    pub(crate) fn is_listed(&self, digest: &str) -> bool {
        let lists = self.documents.iter().filter(|document| document.is_list());
        lists
            .flat_map(Document::children)
            .any(|child| child == digest)
    }

    /// Whether the tag stands for an index or a list.
    pub(crate) fn is_list(&self) -> bool {
        self.document(&self.top).is_some_and(Document::is_list)
    }

    /// Whether the tag stands for the image itself rather than for something around it.
    pub(crate) fn is_single_image(&self) -> bool {
        self.image
            .as_ref()
            .is_some_and(|image| image.manifest == self.top)
    }
}
