//! Registry whose pushes wait until a test releases them, and whose reads can fail.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use portolan_model::{
    Algorithm, ByteRange, Descriptor, Digest, MediaType, Reference, RepositoryName, Tag,
};
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::{
    BlobInfo, BlobRead, Body, Context, Deleter, Deletion, Error, Kind, Lister, ManifestInfo,
    ManifestRead, MountOutcome, Page, PageRequest, PutManifest, PutOutcome, Reader, Result, Upload,
    UploadId, Uploads, Writer,
};
use tokio::sync::Semaphore;

/// Wrapper around an in-memory registry.
pub(crate) struct Gate {
    inner: MemoryRegistry,
    /// Permits for pushes that have arrived.
    pub(crate) arrived: Semaphore,
    /// Permits for pushes that may continue.
    pub(crate) released: Semaphore,
    /// Context of the last push of a manifest.
    pub(crate) context: Mutex<Option<Context>>,
}

impl Gate {
    pub(crate) fn new() -> Arc<Self> {
        let inner = MemoryRegistry::new();
        Arc::new(Self {
            inner,
            arrived: Semaphore::new(0),
            released: Semaphore::new(0),
            context: Mutex::new(None),
        })
    }

    /// Waits until a push arrives.
    pub(crate) async fn wait_for_arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// Releases one push.
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
    /// Returns a stream of the announced length in `whole`, a short one in `short`, and a failing
    /// one otherwise.
    async fn get_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        _: &Digest,
        _: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let chunk = || Ok(Bytes::from_static(&[7; 1000]));
        if repository.as_str() == "short-piece" {
            return Ok(BlobRead {
                size: 2000,
                range: 0..2000,
                body: Body::Full(Bytes::from_static(&[7; 1000])),
            });
        }
        let end = match repository.as_str() {
            "whole" => chunk(),
            "short" => Ok(Bytes::new()),
            _ => Err(Error::internal("failed to read a blob", "the disk is gone")),
        };
        Ok(BlobRead {
            size: 2000,
            range: 0..2000,
            body: Body::from_stream(stream::iter([chunk(), end])),
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

    /// Fails in `no-bytes`.
    async fn get_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        if repository.as_str() == "no-bytes" {
            return Err(Error::internal("failed to read bytes", "the disk is gone"));
        }
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
    /// Waits at the gate.
    async fn put_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        self.pass().await;
        *self.context.lock().unwrap() = Some(context.clone());
        self.inner
            .put_manifest(context, repository, bytes, options)
            .await
    }

    /// Waits at the gate. In `no-dry-run`, checks are not supported.
    async fn check_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        if repository.as_str() == "no-dry-run" {
            return Err(Error::new(Kind::Unsupported, "dry runs are not supported"));
        }
        self.pass().await;
        self.inner
            .check_manifest(context, repository, bytes, options)
            .await
    }

    /// Reads the full body, then waits at the gate.
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

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<MountOutcome> {
        self.inner.mount(context, repository, digest, from).await
    }
}

#[async_trait]
impl Uploads for Gate {
    async fn open_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.inner.open_upload(context, repository, algorithm).await
    }

    async fn upload_status(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        self.inner.upload_status(context, repository, id).await
    }

    /// Waits at the gate after the first chunk of the body. Panics in `panics`.
    async fn append_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        mut body: Body,
    ) -> Result<Upload> {
        assert_ne!(repository.as_str(), "panics", "panic requested by the test");
        let first = body.next().await;
        self.pass().await;
        let body = Body::from_stream(stream::iter(first).chain(body));
        self.inner
            .append_upload(context, repository, id, offset, body)
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
            "failed to read tags from /var/lib/secret",
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

    async fn manifests(
        &self,
        context: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        self.inner.manifests(context, repository, page).await
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

    /// Deletes any repository but `kept`.
    async fn delete_repository(
        &self,
        context: &Context,
        repository: &RepositoryName,
    ) -> Result<()> {
        if repository.as_str() == "kept" {
            return Err(Error::new(Kind::Unsupported, "deletion is forbidden"));
        }
        self.inner.delete_repository(context, repository).await
    }
}
