//! Deletion of tags, manifests, blobs and whole layouts.

use std::sync::Arc;

use async_trait::async_trait;
use portolan_files::run_blocking;
use portolan_model::{Digest, RepositoryName, Tag};
use portolan_registry::{Context, Deleter, Deletion, Error, Result};

use super::{LayoutSource, Layouts};

#[async_trait]
impl<P: LayoutSource> Deleter for Layouts<P> {
    async fn delete_tag(&self, _: &Context, repository: &RepositoryName, tag: &Tag) -> Result<()> {
        let (layouts, repository, tag) =
            (Arc::clone(&self.source), repository.clone(), tag.clone());
        run_blocking(move || match layouts.find(&repository)? {
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
        let (layouts, repository, digest) =
            (Arc::clone(&self.source), repository.clone(), digest.clone());
        run_blocking(move || match layouts.find(&repository)? {
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
        let (layouts, repository, digest) =
            (Arc::clone(&self.source), repository.clone(), digest.clone());
        run_blocking(move || match layouts.find(&repository)? {
            Some(layout) => layout.delete_blob(&repository, &digest, deletion),
            None => Err(Error::blob_unknown(&repository, &digest)),
        })
        .await
    }

    async fn delete_repository(&self, _: &Context, repository: &RepositoryName) -> Result<()> {
        let (layouts, repository) = (Arc::clone(&self.source), repository.clone());
        run_blocking(move || match layouts.find(&repository)? {
            Some(layout) if layout.has_content()? => layout.delete_all(),
            _ => Err(Error::repository_unknown(&repository)),
        })
        .await
    }
}
