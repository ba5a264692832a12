//! Upload sessions in layouts.

use std::sync::Arc;

use async_trait::async_trait;
use portolan_files::sessions::Owner;
use portolan_files::{run_blocking, run_detached};
use portolan_model::{Algorithm, Digest, RepositoryName};
use portolan_registry::{Body, Context, Error, Result, Upload, UploadId, Uploads};

use super::{LayoutSource, Layouts};
use crate::layout::Layout;
use crate::storage::Storage;

#[async_trait]
impl<P: LayoutSource> Uploads for Layouts<P> {
    async fn open_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.layout_for_writing(repository)
            .await?
            .storage()
            .open_upload(&Owner::new(context, repository), algorithm)
            .await
    }

    async fn upload_status(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        self.layout_with_upload(repository, id)
            .await?
            .storage()
            .upload_status(&Owner::new(context, repository), id)
            .await
    }

    async fn append_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let layout = self.layout_with_upload(repository, id).await?;
        let (owner, id) = (Owner::new(context, repository), id.clone());
        run_detached(async move {
            layout
                .storage()
                .append_upload(&owner, &id, offset, body)
                .await
        })
        .await
    }

    async fn finish_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        let layout = self.layout_with_upload(repository, id).await?;
        let owner = Owner::new(context, repository);
        let (id, digest) = (id.clone(), digest.clone());
        run_detached(async move {
            layout
                .storage()
                .finish_upload(&owner, &id, offset, body, &digest)
                .await?;
            layout.note_added_content(&digest);
            Ok(())
        })
        .await
    }

    async fn cancel_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        let layout = self.layout_with_upload(repository, id).await?;
        let (owner, id) = (Owner::new(context, repository), id.clone());
        run_detached(async move { layout.storage().cancel_upload(&owner, &id).await }).await
    }
}

impl<P: LayoutSource> Layouts<P> {
    /// Returns the layout of a repository. If there is no layout, returns the error for an unknown
    /// session, because no session can exist without it.
    async fn layout_with_upload(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Arc<Layout<P::Storage>>> {
        let (layouts, repository, id) = (Arc::clone(&self.source), repository.clone(), id.clone());
        run_blocking(move || {
            layouts
                .find(&repository)?
                .ok_or_else(|| Error::upload_unknown(&repository, &id))
        })
        .await
    }
}
