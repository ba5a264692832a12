//! Cache of what repositories serve: which manifest a tag points to, which manifests and blobs a
//! repository has, and bytes by digest.
//!
//! The cache is exact: once a change is answered, every later read sees it.
//! - Before a change is written, the entries that it affects are removed. Until it is committed,
//!   nothing about its repository is added, so a slow read cannot add what the change removes.
//! - Entries state what exists. That something does not exist is never cached, so content that is
//!   added needs no care.
//! - Bytes are cached by digest, for all repositories. They are served only to a caller for whose
//!   repository an entry or the database has the digest.
//! - An object that was found damaged is never used again, so its key makes entries invalid.
//!
//! All entries share one budget of memory. Bytes that are being sent count too, and are not
//! evicted, so a manifest that many slow clients read is in memory once. Large bytes are shared
//! while they are sent, but are not cached, so that a few of them do not displace everything else.

mod changes;
mod entries;
mod in_use;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use portolan_model::{Digest, Reference, RepositoryName, Tag};
use portolan_registry::Result;

use self::changes::{Changes, Generation};
use self::entries::{Entries, Key, Value};
use self::in_use::InUse;
use crate::blobs::ObjectKey;
use crate::metadata::{BlobRow, ManifestHead, ManifestRow};

pub(crate) use self::changes::Change;

/// Bytes of this fraction of the budget, or more, are large.
const LARGE: u64 = 64;

/// Cache of what the repositories of a store serve.
pub(crate) struct Cache {
    entries: Entries,
    large: InUse,
    /// Minimum size of large bytes.
    large_size: u64,
    changes: Changes,
    /// Objects that were found damaged. Entries with these keys are ignored. There are few, because
    /// each was damaged by the disk.
    damaged: RwLock<HashSet<ObjectKey>>,
}

/// Entries that a change of a repository affects.
#[derive(Clone, Debug)]
pub(crate) enum Affected {
    /// These tags and these contents.
    Some {
        tags: Vec<Tag>,
        digests: Vec<Digest>,
    },
    /// Everything in the repository.
    All,
}

impl Cache {
    /// Creates an empty cache that uses up to `memory` bytes.
    ///
    /// # Errors
    /// Returns [`Kind::Internal`](portolan_registry::Kind::Internal) if the cache cannot be created.
    pub(crate) fn new(memory: u64) -> Result<Self> {
        Ok(Self {
            entries: Entries::new(memory)?,
            large: InUse::default(),
            large_size: memory / LARGE,
            changes: Changes::default(),
            damaged: RwLock::default(),
        })
    }

    /// Removes the entries that a change affects, before it is written. The returned value must
    /// live until the change is committed or has failed.
    pub(crate) fn begin_change(&self, repository: &RepositoryName, affected: Affected) -> Change {
        match affected {
            Affected::All => self.changes.begin(repository, true),
            Affected::Some { tags, digests } => {
                let change = self.changes.begin(repository, false);
                for tag in tags {
                    self.entries.remove(&Key::Tag(repository.clone(), tag));
                }
                for digest in digests {
                    let manifest = Key::Manifest(repository.clone(), digest.clone());
                    self.entries.remove(&manifest);
                    self.entries.remove(&Key::Blob(repository.clone(), digest));
                }
                change
            }
        }
    }

    /// Begins a read of the database whose result is to be added. Call this before the read.
    pub(crate) fn begin_fill<'a>(&'a self, repository: &'a RepositoryName) -> Fill<'a> {
        Fill {
            cache: self,
            repository,
            generation: self.changes.generation(repository),
        }
    }

    /// Returns digest, type and size of a manifest.
    pub(crate) fn head(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Option<ManifestHead> {
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(tag) => self.tag(repository, tag)?,
        };
        let key = Key::Manifest(repository.clone(), digest.clone());
        match self.entries.get(&key)? {
            Value::Manifest(generation, media_type, size)
                if self.changes.is_valid(repository, generation) =>
            {
                Some(ManifestHead {
                    digest,
                    media_type,
                    size,
                })
            }
            _ => None,
        }
    }

    fn tag(&self, repository: &RepositoryName, tag: &Tag) -> Option<Digest> {
        match self
            .entries
            .get(&Key::Tag(repository.clone(), tag.clone()))?
        {
            Value::Tag(generation, digest) if self.changes.is_valid(repository, generation) => {
                Some(digest)
            }
            _ => None,
        }
    }

    /// Returns size and object of a blob.
    pub(crate) fn blob(&self, repository: &RepositoryName, digest: &Digest) -> Option<BlobRow> {
        match self
            .entries
            .get(&Key::Blob(repository.clone(), digest.clone()))?
        {
            Value::Blob(generation, row) if self.changes.is_valid(repository, generation) => {
                let damaged = self.damaged.read().unwrap_or_else(PoisonError::into_inner);
                Some(row).filter(|row| !damaged.contains(&row.key))
            }
            _ => None,
        }
    }

    /// Ignores all entries of blobs with the object `key`, of all repositories, from now on.
    pub(crate) fn ignore_object(&self, key: ObjectKey) {
        let mut damaged = self.damaged.write().unwrap_or_else(PoisonError::into_inner);
        damaged.insert(key);
    }

    /// Returns the bytes with this digest. The caller must know that the repository serves them.
    pub(crate) fn bytes(&self, digest: &Digest) -> Option<Bytes> {
        match self.entries.get(&Key::Bytes(digest.clone())) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => self.large.get(digest),
        }
    }

    /// Adds the bytes with this digest, and returns them. If they were added in the meantime,
    /// returns those, so that the same bytes are in memory once.
    pub(crate) fn share(&self, digest: &Digest, bytes: Bytes) -> Bytes {
        if bytes.len() as u64 >= self.large_size {
            return self.large.share(digest, bytes);
        }
        let key = Key::Bytes(digest.clone());
        match self.entries.get_or_add(&key, Value::Bytes(bytes.clone())) {
            Value::Bytes(shared) => shared,
            _ => bytes,
        }
    }

    /// Evicts entries until the budget holds, as far as their bytes are not being sent.
    pub(crate) fn trim(&self) {
        self.entries.trim();
    }
}

/// Read of the database whose result is added to the cache, unless the repository is changed in
/// the meantime.
pub(crate) struct Fill<'a> {
    cache: &'a Cache,
    repository: &'a RepositoryName,
    /// `None` while the repository is being changed.
    generation: Option<Generation>,
}

impl Fill<'_> {
    /// Adds a manifest that was read with its bytes, and returns its bytes.
    pub(crate) fn add_manifest(self, reference: &Reference, manifest: ManifestRow) -> Bytes {
        let bytes = self
            .cache
            .share(&manifest.head.digest, manifest.bytes.into());
        self.add_head(reference, &manifest.head);
        bytes
    }

    /// Adds a manifest that was read without its bytes.
    pub(crate) fn add_head(self, reference: &Reference, head: &ManifestHead) {
        let (repository, digest) = (self.repository, &head.digest);
        self.add(|generation, entries| {
            entries.add(
                Key::Manifest(repository.clone(), digest.clone()),
                Value::Manifest(generation, head.media_type.clone(), head.size),
            );
            if let Reference::Tag(tag) = reference {
                entries.add(
                    Key::Tag(repository.clone(), tag.clone()),
                    Value::Tag(generation, digest.clone()),
                );
            }
        });
    }

    /// Adds a blob.
    pub(crate) fn add_blob(self, digest: &Digest, row: BlobRow) {
        let key = Key::Blob(self.repository.clone(), digest.clone());
        self.add(|generation, entries| entries.add(key, Value::Blob(generation, row)));
    }

    fn add(self, add: impl FnOnce(Generation, &Entries)) {
        let Some(generation) = self.generation else {
            return;
        };
        let changes = &self.cache.changes;
        changes.if_unchanged(self.repository, generation, || {
            add(generation, &self.cache.entries);
        });
    }
}
