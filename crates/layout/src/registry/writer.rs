//! Storing blobs and manifests and setting tags in layouts.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{Algorithm, Digest, Manifest, RepositoryName};
use portolan_registry::{
    Action, Body, Context, Error, Mount, PutManifest, PutOutcome, Result, Upload, UploadId, Writer,
    verified_digest,
};

use super::{Layouts, Places};
use crate::files::{blocking, detached};
use crate::layout::Layout;
use crate::storage::Storage;

#[async_trait]
impl<P: Places> Writer for Layouts<P> {
    async fn put_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        let (places, repository) = (Arc::clone(&self.places), repository.clone());
        blocking(move || {
            let digest = verified_digest(&bytes, options.digest.as_ref())?;
            let claimed = options.media_type.as_ref();
            let manifest = Manifest::parse(bytes, claimed)
                .map_err(|error| Error::manifest_unreadable(claimed, &error))?;
            places
                .make(&repository)?
                .put_manifest(digest, &manifest, &options)
        })
        .await
    }

    async fn put_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        let (layout, digest) = (self.make(repository).await?, digest.clone());
        detached(async move {
            layout.storage().keep_blob(&digest, body).await?;
            layout.content_changed();
            Ok(())
        })
        .await
    }

    async fn start_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.make(repository)
            .await?
            .storage()
            .start_upload(algorithm)
            .await
    }

    async fn upload_status(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        self.with_upload(repository, id)
            .await?
            .storage()
            .upload_status(repository, id)
            .await
    }

    async fn write_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let layout = self.with_upload(repository, id).await?;
        let (repository, id) = (repository.clone(), id.clone());
        detached(async move {
            layout
                .storage()
                .write_upload(&repository, &id, offset, body)
                .await
        })
        .await
    }

    async fn finish_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        let layout = self.with_upload(repository, id).await?;
        let (repository, id, digest) = (repository.clone(), id.clone(), digest.clone());
        detached(async move {
            layout
                .storage()
                .finish_upload(&repository, &id, offset, body, &digest)
                .await?;
            layout.content_changed();
            Ok(())
        })
        .await
    }

    async fn cancel_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        let layout = self.with_upload(repository, id).await?;
        let (repository, id) = (repository.clone(), id.clone());
        detached(async move { layout.storage().cancel_upload(&repository, &id).await }).await
    }

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Mount> {
        let layout = self.make(repository).await?;
        if self.mounted(context, &layout, digest, from).await? {
            return Ok(Mount::Mounted);
        }
        let computable = digest.algorithm().hasher().is_some();
        let algorithm = if computable {
            digest.algorithm()
        } else {
            &Algorithm::Sha256
        };
        Ok(Mount::Upload(
            layout.storage().start_upload(algorithm).await?,
        ))
    }
}

impl<P: Places> Layouts<P> {
    async fn make(&self, repository: &RepositoryName) -> Result<Arc<Layout<P::Storage>>> {
        let (places, repository) = (Arc::clone(&self.places), repository.clone());
        blocking(move || places.make(&repository)).await
    }

    /// The layout that a session may belong to.
    async fn with_upload(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Arc<Layout<P::Storage>>> {
        let (places, repository, id) = (Arc::clone(&self.places), repository.clone(), id.clone());
        blocking(move || {
            places
                .find(&repository)?
                .ok_or_else(|| Error::upload_unknown(&repository, &id))
        })
        .await
    }

    /// Whether the blob is in `layout` now, out of the repositories that may be searched.
    async fn mounted(
        &self,
        context: &Context,
        layout: &Arc<Layout<P::Storage>>,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<bool> {
        let (places, layout, digest) =
            (Arc::clone(&self.places), Arc::clone(layout), digest.clone());
        let (context, from) = (context.clone(), from.cloned());
        blocking(move || {
            let searched = match from {
                Some(from) => vec![from],
                None => places.list()?,
            };
            for name in searched
                .iter()
                .filter(|name| context.allows(Action::Pull, name))
            {
                let Some(source) = places.find(name)? else {
                    continue;
                };
                if source.holds_blob(&digest)?
                    && layout.storage().link(&digest, source.storage())?
                {
                    layout.content_changed();
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }
}
