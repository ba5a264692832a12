//! Deleting tags, manifests and blobs from memory.

use async_trait::async_trait;
use portolan_model::{Digest, Reference, RepositoryName, Tag};

use super::{MemoryRegistry, Repository};
use crate::{Context, Deleter, Deletion, Error, Result};

#[async_trait]
impl Deleter for MemoryRegistry {
    async fn delete_tag(&self, _: &Context, repository: &RepositoryName, tag: &Tag) -> Result<()> {
        let digest = self.change(repository, |held| held.tags.remove(tag));
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
        self.change(repository, |held| {
            if held.manifest(&Reference::Digest(digest.clone())).is_none() {
                return Err(Error::manifest_unknown(repository, digest));
            }
            held.guard(digest, deletion)?;
            held.manifests.remove(digest);
            held.deleted.insert(digest.clone());
            held.tags.retain(|_, target| target != digest);
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
        self.change(repository, |held| {
            if !held.blobs.contains_key(digest) {
                return Err(Error::blob_unknown(repository, digest));
            }
            held.guard(digest, deletion)?;
            held.blobs.remove(digest);
            Ok(())
        })
    }
}

impl Repository {
    fn guard(&self, digest: &Digest, deletion: Deletion) -> Result<()> {
        let parents = match deletion {
            Deletion::Guarded => self.parents(digest),
            Deletion::Forced => Vec::new(),
        };
        if parents.is_empty() {
            Ok(())
        } else {
            Err(Error::referenced(digest, &parents))
        }
    }
}
