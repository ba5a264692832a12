//! Registry that reads the content of one repository from mirrors. The primary registry handles
//! other requests, and has the content that no mirror has.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use portolan_model::{
    Algorithm, ByteRange, Descriptor, Digest, MediaType, Reference, RepositoryName, Tag,
};
use portolan_registry::{
    BlobInfo, BlobRead, Body, Context, Deleter, Deletion, Error, Kind, Lister, ManifestInfo,
    ManifestRead, MountOutcome, Page, PageRequest, PutManifest, PutOutcome, Reader, Registry,
    Result, Upload, UploadId, Uploads, Writer,
};

/// Mirror of a repository.
pub(super) struct MirrorSource {
    pub(super) registry: Arc<dyn Registry>,
    pub(super) repository: RepositoryName,
    /// Name of the mirror in messages.
    pub(super) name: String,
    /// True if the mirror is also used for references by tag, and not only by digest.
    pub(super) tags: bool,
    /// True once a request to the host has failed with [`Kind::Unavailable`]. After that, the
    /// mirror is skipped, because each request would use all attempts of the client before it
    /// fails.
    pub(super) down: Arc<AtomicBool>,
    /// Blobs whose download from the mirror has failed, for example because the content did not
    /// match the digest. They are not requested from the mirror again, so that another attempt uses
    /// the next source.
    pub(super) broken: Arc<Mutex<HashSet<Digest>>>,
}

/// Registry with mirrors for one of its repositories.
pub(super) struct MirroredRegistry {
    sources: Vec<MirrorSource>,
    primary: Arc<dyn Registry>,
    repository: RepositoryName,
}

impl MirroredRegistry {
    /// Creates the registry. A read of `repository` tries the sources in order until a source
    /// succeeds. If all sources fail, it reads from `primary`. Only errors of `primary` are
    /// returned.
    pub(super) fn new(
        sources: Vec<MirrorSource>,
        primary: Arc<dyn Registry>,
        repository: RepositoryName,
    ) -> Self {
        Self {
            sources,
            primary,
            repository,
        }
    }

    /// Returns the mirrors to try before the primary registry, for content of `repository`.
    fn content_sources<'a>(
        &'a self,
        repository: &RepositoryName,
    ) -> impl Iterator<Item = &'a MirrorSource> {
        let mirrored = *repository == self.repository;
        self.sources
            .iter()
            .filter(move |source| mirrored && !source.down.load(Ordering::Relaxed))
    }

    /// Returns the mirrors to try before the primary registry, for a blob.
    fn blob_sources<'a>(
        &'a self,
        repository: &RepositoryName,
        digest: &'a Digest,
    ) -> impl Iterator<Item = &'a MirrorSource> {
        self.content_sources(repository)
            .filter(|source| !source.is_broken(digest))
    }

    /// Returns the mirrors to try before the primary registry, for a manifest.
    fn manifest_sources<'a>(
        &'a self,
        repository: &RepositoryName,
        reference: &'a Reference,
    ) -> impl Iterator<Item = &'a MirrorSource> {
        self.content_sources(repository)
            .filter(move |source| source.tags || matches!(reference, Reference::Digest(_)))
    }
}

impl MirrorSource {
    fn is_broken(&self, digest: &Digest) -> bool {
        self.broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(digest)
    }

    /// Wraps the body of a blob, to record whether the download fails. After a failure, the mirror
    /// is not used for this blob again. The error message contains the name of the mirror.
    fn track_errors(&self, digest: &Digest, read: BlobRead) -> BlobRead {
        let (name, broken, digest) = (self.name.clone(), Arc::clone(&self.broken), digest.clone());
        let length = read.body.length();
        let chunks = read.body.map_err(move |error| {
            broken
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(digest.clone());
            error.with_prefix(format_args!("failed to read from the mirror {name}"))
        });
        let body = match length {
            Some(length) => Body::with_length(length, chunks),
            None => Body::from_stream(chunks),
        };
        BlobRead { body, ..read }
    }

    fn log_read(&self, object: &dyn std::fmt::Display) {
        tracing::debug!(mirror = self.name, %object, "read from a mirror");
    }

    fn record_failure(&self, object: &dyn std::fmt::Display, error: &Error) {
        tracing::debug!(mirror = self.name, %object, %error, "skipped a mirror");
        if *error.kind() == Kind::Unavailable {
            self.down.store(true, Ordering::Relaxed);
        }
    }
}

#[async_trait]
impl Reader for MirroredRegistry {
    async fn get_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let descriptor = Descriptor::from_digest(digest.clone());
        self.get_described_blob(context, repository, &descriptor, range)
            .await
    }

    async fn get_described_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        descriptor: &Descriptor,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let digest = &descriptor.digest;
        for source in self.blob_sources(repository, digest) {
            match source
                .registry
                .get_described_blob(context, &source.repository, descriptor, range)
                .await
            {
                Ok(read) => {
                    source.log_read(digest);
                    return Ok(source.track_errors(digest, read));
                }
                Err(error) => source.record_failure(digest, &error),
            }
        }
        self.primary
            .get_described_blob(context, repository, descriptor, range)
            .await
    }

    async fn head_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        for source in self.blob_sources(repository, digest) {
            match source
                .registry
                .head_blob(context, &source.repository, digest)
                .await
            {
                Ok(info) => {
                    source.log_read(digest);
                    return Ok(info);
                }
                Err(error) => source.record_failure(digest, &error),
            }
        }
        self.primary.head_blob(context, repository, digest).await
    }

    async fn get_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        for source in self.manifest_sources(repository, reference) {
            match source
                .registry
                .get_manifest(context, &source.repository, reference)
                .await
            {
                Ok(read) => {
                    source.log_read(reference);
                    return Ok(read);
                }
                Err(error) => source.record_failure(reference, &error),
            }
        }
        self.primary
            .get_manifest(context, repository, reference)
            .await
    }

    async fn head_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        for source in self.manifest_sources(repository, reference) {
            match source
                .registry
                .head_manifest(context, &source.repository, reference)
                .await
            {
                Ok(info) => {
                    source.log_read(reference);
                    return Ok(info);
                }
                Err(error) => source.record_failure(reference, &error),
            }
        }
        self.primary
            .head_manifest(context, repository, reference)
            .await
    }
}

#[async_trait]
impl Writer for MirroredRegistry {
    async fn put_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        self.primary
            .put_manifest(context, repository, bytes, options)
            .await
    }

    async fn check_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        self.primary
            .check_manifest(context, repository, bytes, options)
            .await
    }

    async fn put_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        self.primary
            .put_blob(context, repository, digest, body)
            .await
    }

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<MountOutcome> {
        self.primary.mount(context, repository, digest, from).await
    }
}

#[async_trait]
impl Uploads for MirroredRegistry {
    async fn open_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.primary
            .open_upload(context, repository, algorithm)
            .await
    }

    async fn upload_status(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        self.primary.upload_status(context, repository, id).await
    }

    async fn append_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        self.primary
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
        self.primary
            .finish_upload(context, repository, id, offset, body, digest)
            .await
    }

    async fn cancel_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        self.primary.cancel_upload(context, repository, id).await
    }
}

#[async_trait]
impl Lister for MirroredRegistry {
    async fn repositories(
        &self,
        context: &Context,
        page: &PageRequest,
    ) -> Result<Page<RepositoryName>> {
        self.primary.repositories(context, page).await
    }

    async fn tags(
        &self,
        context: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>> {
        self.primary.tags(context, repository, page).await
    }

    async fn referrers(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        self.primary
            .referrers(context, repository, digest, artifact_type, page)
            .await
    }

    async fn manifests(
        &self,
        context: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        self.primary.manifests(context, repository, page).await
    }
}

#[async_trait]
impl Deleter for MirroredRegistry {
    async fn delete_tag(
        &self,
        context: &Context,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<()> {
        self.primary.delete_tag(context, repository, tag).await
    }

    async fn delete_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        self.primary
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
        self.primary
            .delete_blob(context, repository, digest, deletion)
            .await
    }

    async fn delete_repository(
        &self,
        context: &Context,
        repository: &RepositoryName,
    ) -> Result<()> {
        self.primary.delete_repository(context, repository).await
    }
}
