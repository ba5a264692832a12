//! Upload sessions: content that arrives in several calls, until it becomes a blob, is canceled or
//! expires.

mod files;
mod sessions;

use async_trait::async_trait;
use portolan_files::sessions::Owner;
use portolan_model::{Algorithm, Digest, RepositoryName};
use portolan_registry::{Body, Context, Result, Upload, UploadId, Uploads};

use crate::store::Store;

pub(crate) use files::Files;
pub(crate) use sessions::{Finished, UploadSessions};

#[async_trait]
impl Uploads for Store {
    async fn open_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.parts.space.check().await?;
        let owner = Owner::new(context, repository);
        let client = context.client_network();
        self.parts.uploads.open(&owner, client, algorithm).await
    }

    async fn upload_status(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        let owner = Owner::new(context, repository);
        self.parts.uploads.status(&owner, id).await
    }

    async fn append_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let (owner, id) = (Owner::new(context, repository), id.clone());
        self.run_detached(|store| async move {
            store.parts.space.check().await?;
            let body = store.parts.space.guard(body);
            store.parts.uploads.append(&owner, &id, offset, body).await
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
        let owner = Owner::new(context, repository);
        let (id, digest) = (id.clone(), digest.clone());
        self.run_detached(|store| async move {
            store.parts.space.check().await?;
            let body = store.parts.space.guard(body);
            let finished = store
                .parts
                .uploads
                .finish(&owner, &id, offset, body, &digest)
                .await?;
            store
                .commit_blob(&owner.repository, &digest, finished)
                .await
        })
        .await
    }

    async fn cancel_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        let (owner, id) = (Owner::new(context, repository), id.clone());
        self.run_detached(|store| async move { store.parts.uploads.cancel(&owner, &id).await })
            .await
    }
}
