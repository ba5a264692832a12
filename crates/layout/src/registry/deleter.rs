//! Deleting tags, manifests and blobs from layouts.

use std::sync::Arc;

use async_trait::async_trait;
use portolan_model::{Digest, RepositoryName, Tag};
use portolan_registry::{Context, Deleter, Deletion, Error, Result};

use super::{Layouts, Places};
use crate::files::blocking;

#[async_trait]
impl<P: Places> Deleter for Layouts<P> {
    async fn delete_tag(&self, _: &Context, repository: &RepositoryName, tag: &Tag) -> Result<()> {
        let (places, repository, tag) = (Arc::clone(&self.places), repository.clone(), tag.clone());
        blocking(move || match places.find(&repository)? {
            Some(layout) => layout.delete_tag(&repository, &tag),
            None => Err(Error::manifest_unknown(&repository, &tag)),
        })
        .await
    }

    async fn delete_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let (places, repository, digest) =
            (Arc::clone(&self.places), repository.clone(), digest.clone());
        blocking(move || match places.find(&repository)? {
            Some(layout) => layout.delete_manifest(&repository, &digest, deletion),
            None => Err(Error::manifest_unknown(&repository, &digest)),
        })
        .await
    }

    async fn delete_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let (places, repository, digest) =
            (Arc::clone(&self.places), repository.clone(), digest.clone());
        blocking(move || match places.find(&repository)? {
            Some(layout) => layout.delete_blob(&repository, &digest, deletion),
            None => Err(Error::blob_unknown(&repository, &digest)),
        })
        .await
    }
}
