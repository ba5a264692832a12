//! A registry whose pushes wait until a test lets them go on, and whose reads can fail.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use portolan_model::{
    Algorithm, ByteRange, Descriptor, Digest, MediaType, Reference, RepositoryName, Tag,
};
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::{
    BlobInfo, BlobRead, Body, Context, Deleter, Deletion, Error, Kind, Lister, ManifestInfo,
    ManifestRead, Mount, Page, PageRequest, PutManifest, PutOutcome, Reader, Result, Upload,
    UploadId, Writer,
};
use tokio::sync::Semaphore;

/// In front of a registry in memory.
pub(crate) struct Gate {
    inner: MemoryRegistry,
    /// One permit for each push that has arrived.
    pub(crate) arrived: Semaphore,
    /// One permit for each push that may go on.
    pub(crate) released: Semaphore,
}

impl Gate {
    pub(crate) fn new() -> Arc<Self> {
        let inner = MemoryRegistry::new();
        Arc::new(Self {
            inner,
            arrived: Semaphore::new(0),
            released: Semaphore::new(0),
        })
    }

    /// Waits for a push to come.
    pub(crate) async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// Lets one push go on.
    pub(crate) fn release(&self) {
        self.released.add_permits(1);
    }

    async fn pass(&self) {
        self.arrived.add_permits(1);
        self.released.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl Reader for Gate {
    /// A stream that is as long as it says in `whole`, too short in `short`, and fails in `broken`.
    async fn get_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        _: &Digest,
        _: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let piece = || Ok(Bytes::from_static(&[7; 1000]));
        if repository.as_str() == "short-piece" {
            return Ok(BlobRead {
                size: 2000,
                range: 0..2000,
                body: Body::Whole(Bytes::from_static(&[7; 1000])),
            });
        }
        let end = match repository.as_str() {
            "whole" => piece(),
            "short" => Ok(Bytes::new()),
            _ => Err(Error::internal("reading a blob", "the disk is gone")),
        };
        Ok(BlobRead {
            size: 2000,
            range: 0..2000,
            body: Body::stream(stream::iter([piece(), end])),
        })
    }

    async fn head_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        self.inner.head_blob(context, repository, digest).await
    }

    async fn get_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        self.inner
            .get_manifest(context, repository, reference)
            .await
    }

    async fn head_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        self.inner
            .head_manifest(context, repository, reference)
            .await
    }
}

#[async_trait]
impl Writer for Gate {
    /// Waits at the gate, but in `no-dry-run`, where nothing can be put without being stored.
    async fn put_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        if options.dry_run && repository.as_str() == "no-dry-run" {
            return Err(Error::new(Kind::Unsupported, "nothing can be tried here"));
        }
        self.pass().await;
        self.inner
            .put_manifest(context, repository, bytes, options)
            .await
    }

    /// Reads everything, then waits at the gate.
    async fn put_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        let bytes = body.collect(1 << 20).await?;
        self.pass().await;
        self.inner
            .put_blob(context, repository, digest, bytes.into())
            .await
    }

    async fn start_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.inner
            .start_upload(context, repository, algorithm)
            .await
    }

    async fn upload_status(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        self.inner.upload_status(context, repository, id).await
    }

    /// Waits at the gate after the first piece of the body, panics in `panics`.
    async fn write_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        mut body: Body,
    ) -> Result<Upload> {
        assert_ne!(repository.as_str(), "panics", "as the test wants it");
        let first = body.next().await;
        self.pass().await;
        let body = Body::stream(stream::iter(first).chain(body));
        self.inner
            .write_upload(context, repository, id, offset, body)
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
        self.inner
            .finish_upload(context, repository, id, offset, body, digest)
            .await
    }

    async fn cancel_upload(&self, _: &Context, _: &RepositoryName, _: &UploadId) -> Result<()> {
        Err(Error::new(Kind::StorageFull, "/var/lib/secret is full"))
    }

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Mount> {
        self.inner.mount(context, repository, digest, from).await
    }
}

#[async_trait]
impl Lister for Gate {
    async fn repositories(
        &self,
        context: &Context,
        page: &PageRequest,
    ) -> Result<Page<RepositoryName>> {
        self.inner.repositories(context, page).await
    }

    async fn tags(&self, _: &Context, _: &RepositoryName, _: &PageRequest) -> Result<Page<Tag>> {
        Err(Error::internal(
            "reading tags from /var/lib/secret",
            "the disk is gone",
        ))
    }

    async fn referrers(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        self.inner
            .referrers(context, repository, digest, artifact_type, page)
            .await
    }
}

#[async_trait]
impl Deleter for Gate {
    async fn delete_tag(
        &self,
        context: &Context,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<()> {
        self.inner.delete_tag(context, repository, tag).await
    }

    async fn delete_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        self.inner
            .delete_manifest(context, repository, digest, deletion)
            .await
    }

    async fn delete_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        self.inner
            .delete_blob(context, repository, digest, deletion)
            .await
    }
}
