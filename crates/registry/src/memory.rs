//! Registry in memory: the reference implementation. It is the simplest implementation, so read it
//! first.
//!
//! All content is in plain maps behind one lock. The lock is taken after a body is read and is
//! never held across an `await`, so each call sees and leaves a consistent state. No content
//! survives the process, and deleted content is gone immediately.

mod deleter;
mod lister;
mod reader;
mod uploads;
mod writer;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use portolan_model::{
    Child, ChildKind, Digest, Manifest, MediaType, Reference, RepositoryName, Tag,
};

use crate::{
    Admission, Caller, ContentLookup, LocalRegistry, ManifestInfo, Parent, Policy, Registry,
    Result, Stored, Turns, UploadId,
};

/// Registry that stores everything in memory.
#[derive(Debug)]
pub struct MemoryRegistry {
    repositories: Arc<Mutex<BTreeMap<RepositoryName, Repository>>>,
    admission: Arc<dyn Admission>,
}

/// Content of one repository. The repository exists for callers only if it has a blob or a
/// manifest.
#[derive(Debug, Default)]
struct Repository {
    blobs: BTreeMap<Digest, Bytes>,
    manifests: BTreeMap<Digest, Manifest>,
    tags: BTreeMap<Tag, Digest>,
    /// Digests of deleted manifests. A blob with one of these digests is no longer served as a
    /// manifest.
    deleted: BTreeSet<Digest>,
    uploads: HashMap<UploadId, Session>,
}

/// State of an upload session.
#[derive(Debug)]
struct Session {
    /// Caller that opened the session. For every other caller, the session does not exist.
    caller: Caller,
    /// Bytes that the session has received.
    bytes: Vec<u8>,
    turns: Turns,
}

impl MemoryRegistry {
    /// Creates an empty registry that checks pushes with the default policy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Locks the repositories. Ignores poisoning: each change is made after all checks in one step,
    /// so a panic cannot leave a partial change.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RepositoryName, Repository>> {
        self.repositories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the result of `lookup` for a repository, or `None` if the repository was never
    /// written to.
    fn find<T>(
        &self,
        repository: &RepositoryName,
        lookup: impl FnOnce(&Repository) -> Option<T>,
    ) -> Option<T> {
        self.lock().get(repository).and_then(lookup)
    }

    /// Applies `change` to a repository. Creates the repository if it does not exist.
    fn update<T>(
        &self,
        repository: &RepositoryName,
        change: impl FnOnce(&mut Repository) -> T,
    ) -> T {
        change(self.lock().entry(repository.clone()).or_default())
    }
}

impl Default for MemoryRegistry {
    fn default() -> Self {
        Self {
            repositories: Arc::default(),
            admission: Arc::new(Policy::default()),
        }
    }
}

impl LocalRegistry for MemoryRegistry {
    fn handle(&self, admission: Arc<dyn Admission>) -> Arc<dyn Registry> {
        Arc::new(Self {
            repositories: Arc::clone(&self.repositories),
            admission,
        })
    }
}

impl Repository {
    fn exists(&self) -> bool {
        !self.blobs.is_empty() || !self.manifests.is_empty()
    }

    /// Returns the bytes of the blob or manifest with this digest.
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

    /// Returns a blob that an index lists in `manifests` with a media type that is not a known
    /// manifest type, and this type.
    ///
    /// A child with a known manifest type was promoted when the index was stored. A blob of such a
    /// type that was pushed later was not checked as a manifest, so it is not served as a manifest.
    fn unknown_child(&self, digest: &Digest) -> Option<(MediaType, &Bytes)> {
        let bytes = self
            .blobs
            .get(digest)
            .filter(|_| !self.deleted.contains(digest))?;
        let types = self
            .edges()
            .filter(|(_, child)| child.kind == ChildKind::Manifest && references(child, digest));
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

    /// Returns all references from stored manifests, as pairs of the parent's digest and the child.
    fn edges(&self) -> impl Iterator<Item = (&Digest, &Child)> {
        self.manifests.iter().flat_map(|(parent, manifest)| {
            manifest.children().iter().map(move |child| (parent, child))
        })
    }

    fn parents(&self, digest: &Digest) -> Vec<Parent> {
        self.edges()
            .filter(|(_, child)| references(child, digest))
            .map(|(parent, child)| Parent {
                digest: parent.clone(),
                pointer: child.pointer.clone(),
            })
            .collect()
    }
}

impl ContentLookup for Repository {
    fn find(&self, digest: &Digest) -> Result<Option<Stored>> {
        let media_type = self
            .manifests
            .get(digest)
            .map(|manifest| manifest.media_type().clone());
        Ok(self.content(digest).map(|bytes| Stored {
            size: bytes.len() as u64,
            media_type,
        }))
    }

    fn has_manifest(&self, digest: &Digest) -> Result<bool> {
        Ok(self.manifests.contains_key(digest))
    }
}

fn references(child: &Child, digest: &Digest) -> bool {
    child.descriptor.digest == *digest
}
