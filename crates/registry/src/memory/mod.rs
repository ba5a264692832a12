//! A registry in memory: the reference implementation, and the one to read first.
//!
//! Everything is in plain maps behind one lock, which is taken after a body has been read and never
//! held across an `await`: each call sees and leaves a whole state. Nothing outlives the process,
//! and what is deleted is gone at once.

mod deleter;
mod lister;
mod reader;
mod writer;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use portolan_model::{
    Child, ChildKind, Digest, Manifest, MediaType, Reference, RepositoryName, Tag,
};

use crate::{Held, Holdings, ManifestInfo, Parent, Result, UploadId};

/// A registry that holds everything in memory.
#[derive(Debug, Default)]
pub struct MemoryRegistry {
    repositories: Mutex<BTreeMap<RepositoryName, Repository>>,
}

/// What one repository holds. It exists for others once that is a blob or a manifest.
#[derive(Debug, Default)]
struct Repository {
    blobs: BTreeMap<Digest, Bytes>,
    manifests: BTreeMap<Digest, Manifest>,
    tags: BTreeMap<Tag, Digest>,
    /// Manifests that were deleted: a blob under the same digest does not stand in for them.
    deleted: BTreeSet<Digest>,
    uploads: HashMap<UploadId, Session>,
}

/// What an upload session has so far.
#[derive(Debug, Default)]
struct Session(Vec<u8>);

impl MemoryRegistry {
    /// A registry that holds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every change is made in one go behind its checks, so a panic elsewhere has torn nothing.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RepositoryName, Repository>> {
        self.repositories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What `look` finds in a repository; nothing in one that was never written to.
    fn find<T>(
        &self,
        repository: &RepositoryName,
        look: impl FnOnce(&Repository) -> Option<T>,
    ) -> Option<T> {
        self.lock().get(repository).and_then(look)
    }

    fn change<T>(
        &self,
        repository: &RepositoryName,
        change: impl FnOnce(&mut Repository) -> T,
    ) -> T {
        change(self.lock().entry(repository.clone()).or_default())
    }
}

impl Repository {
    fn exists(&self) -> bool {
        !self.blobs.is_empty() || !self.manifests.is_empty()
    }

    /// The bytes under a digest, whichever way they were pushed.
    fn content(&self, digest: &Digest) -> Option<&Bytes> {
        self.blobs
            .get(digest)
            .or_else(|| Some(self.manifests.get(digest)?.bytes()))
    }

    fn manifest(&self, reference: &Reference) -> Option<(ManifestInfo, Bytes)> {
        let digest = match reference {
            Reference::Tag(tag) => self.tags.get(tag)?,
            Reference::Digest(digest) => digest,
        };
        let (media_type, bytes) = match self.manifests.get(digest) {
            Some(manifest) => (manifest.media_type().clone(), manifest.bytes()),
            None => self.unknown_child(digest)?,
        };
        Some((
            ManifestInfo {
                digest: digest.clone(),
                media_type,
                size: bytes.len() as u64,
            },
            bytes.clone(),
        ))
    }

    /// A blob that an index names among its manifests. What it gives a known manifest type was
    /// taken in when the index was put; a blob that came later has passed no check and is no manifest.
    fn unknown_child(&self, digest: &Digest) -> Option<(MediaType, &Bytes)> {
        let bytes = self
            .blobs
            .get(digest)
            .filter(|_| !self.deleted.contains(digest))?;
        let types = self
            .edges()
            .filter(|(_, child)| child.kind == ChildKind::Manifest && names(child, digest));
        let types = types.map(|(_, child)| {
            child
                .descriptor
                .media_type
                .clone()
                .unwrap_or_else(|| MediaType::new(MediaType::OCTET_STREAM))
        });
        Some((
            types
                .into_iter()
                .find(|media_type| !media_type.is_known_manifest())?,
            bytes,
        ))
    }

    /// Everything that the stored manifests name, each with the manifest that names it.
    fn edges(&self) -> impl Iterator<Item = (&Digest, &Child)> {
        self.manifests.iter().flat_map(|(parent, manifest)| {
            manifest.children().iter().map(move |child| (parent, child))
        })
    }

    fn parents(&self, digest: &Digest) -> Vec<Parent> {
        let naming = self.edges().filter(|(_, child)| names(child, digest));
        naming
            .map(|(parent, child)| Parent {
                digest: parent.clone(),
                pointer: child.pointer.clone(),
            })
            .collect()
    }
}

impl Holdings for Repository {
    fn held(&self, digest: &Digest) -> Result<Option<Held>> {
        let media_type = self
            .manifests
            .get(digest)
            .map(|manifest| manifest.media_type().clone());
        Ok(self.content(digest).map(|bytes| Held {
            size: bytes.len() as u64,
            media_type,
        }))
    }

    fn holds_manifest(&self, digest: &Digest) -> Result<bool> {
        Ok(self.manifests.contains_key(digest))
    }

    fn read_blob(&self, digest: &Digest) -> Result<Option<Bytes>> {
        Ok(self.blobs.get(digest).cloned())
    }
}

fn names(child: &Child, digest: &Digest) -> bool {
    child.descriptor.digest == *digest
}
