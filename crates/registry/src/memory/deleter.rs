//! Deleting tags, manifests, blobs and repositories from memory.

use async_trait::async_trait;
use portolan_model::{Digest, Reference, RepositoryName, Tag};

use super::{MemoryRegistry, Repository};
use crate::{Context, Deleter, Deletion, Error, Result};

#[async_trait]
impl Deleter for MemoryRegistry {
    async fn delete_tag(&self, _: &Context, repository: &RepositoryName, tag: &Tag) -> Result<()> {
        let digest = self.update(repository, |state| state.tags.remove(tag));
        digest
            .map(drop)
            .ok_or_else(|| Error::manifest_unknown(repository, tag))
    }

    async fn delete_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        self.update(repository, |state| {
            if state.manifest(&Reference::Digest(digest.clone())).is_none() {
                return Err(Error::manifest_unknown(repository, digest));
            }
            state.guard(digest, deletion)?;
            state.manifests.remove(digest);
            state.deleted.insert(digest.clone());
            state.tags.retain(|_, target| target != digest);
            Ok(())
        })
    }

    async fn delete_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        self.update(repository, |state| {
            if !state.blobs.contains_key(digest) {
                return Err(Error::blob_unknown(repository, digest));
            }
            state.guard(digest, deletion)?;
            state.blobs.remove(digest);
            Ok(())
        })
    }

    async fn delete_repository(&self, _: &Context, repository: &RepositoryName) -> Result<()> {
        self.update(repository, |state| {
            if !state.exists() {
                return Err(Error::repository_unknown(repository));
            }
            *state = Repository {
                uploads: std::mem::take(&mut state.uploads),
                ..Repository::default()
            };
            Ok(())
        })
    }
}

impl Repository {
    /// Fails if the deletion is guarded and a stored manifest references `digest`.
    fn guard(&self, digest: &Digest, deletion: Deletion) -> Result<()> {
        let parents = match deletion {
            Deletion::Guarded => self.parents(digest),
            Deletion::Forced => Vec::new(),
        };
        if parents.is_empty() {
            Ok(())
        } else {
            Err(Error::content_referenced(digest, &parents))
        }
    }
}
