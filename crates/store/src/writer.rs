//! Writing: content first, durable, then one transaction, then the answer.

mod blobs;
mod manifests;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::{Algorithm, Digest, RepositoryName};
use portolan_registry::{
    Body, Context, Mount, PutManifest, PutOutcome, Result, Upload, UploadId, Writer,
};

use crate::metadata::Database;
use crate::store::Store;

#[async_trait]
impl<D: Database> Writer for Store<D> {
    async fn put_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        let (repository, who) = (repository.clone(), context.caller().to_string());
        self.detached(
            |store| async move { store.put_manifest(repository, who, bytes, options).await },
        )
        .await
    }

    async fn put_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        let (repository, digest) = (repository.clone(), digest.clone());
        self.detached(|store| async move {
            let received = store.uploads.receive(&digest, body).await?;
            store.keep(&repository, &digest, received).await
        })
        .await
    }

    async fn start_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.inner.uploads.start(repository, algorithm).await
    }

    async fn upload_status(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        self.inner.uploads.status(repository, id).await
    }

    async fn write_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let (repository, id) = (repository.clone(), id.clone());
        self.detached(
            |store| async move { store.uploads.write(&repository, &id, offset, body).await },
        )
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
        let (repository, id, digest) = (repository.clone(), id.clone(), digest.clone());
        self.detached(|store| async move {
            let finished = store
                .uploads
                .finish(&repository, &id, offset, body, &digest)
                .await?;
            store.keep(&repository, &digest, finished).await
        })
        .await
    }

    async fn cancel_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        let (repository, id) = (repository.clone(), id.clone());
        self.detached(|store| async move { store.uploads.cancel(&repository, &id).await })
            .await
    }

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Mount> {
        if self
            .inner
            .mounted(context, repository, digest, from)
            .await?
        {
            return Ok(Mount::Mounted);
        }
        let computable = digest.algorithm().hasher().is_some();
        let algorithm = if computable {
            digest.algorithm()
        } else {
            &Algorithm::Sha256
        };
        Ok(Mount::Upload(
            self.inner.uploads.start(repository, algorithm).await?,
        ))
    }
}
