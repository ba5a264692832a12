//! Reads from mirrors before the registry that they mirror; everything else goes to that alone.

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
    ManifestRead, Mount, Page, PageRequest, PutManifest, PutOutcome, Reader, Registry, Result,
    Upload, UploadId, Writer,
};

/// One more place where a repository may be read.
pub(super) struct Source {
    pub(super) registry: Arc<dyn Registry>,
    pub(super) repository: RepositoryName,
    /// What people call it.
    pub(super) name: String,
    /// Whether it may say what a tag points to.
    pub(super) tags: bool,
    /// Whether the host could not be reached before. It is not asked again, since each time costs
    /// all the attempts that a client makes.
    pub(super) down: Arc<AtomicBool>,
    /// Blobs of which it has sent something else, or not all. It is not asked for them again, so that
    /// another attempt comes to the next source.
    pub(super) broken: Arc<Mutex<HashSet<Digest>>>,
}

/// A registry of which one repository has mirrors.
pub(super) struct Mirrors {
    sources: Vec<Source>,
    primary: Arc<dyn Registry>,
    repository: RepositoryName,
}

impl Mirrors {
    /// Reads of `repository` ask the sources in their order. Whatever one fails with, the next is
    /// asked, and `primary` at last, whose error is the one that counts.
    pub(super) fn new(
        sources: Vec<Source>,
        primary: Arc<dyn Registry>,
        repository: RepositoryName,
    ) -> Self {
        Self {
            sources,
            primary,
            repository,
        }
    }

    /// Whom to ask about content, before the primary.
    fn content<'a>(&'a self, repository: &RepositoryName) -> impl Iterator<Item = &'a Source> {
        let mirrored = *repository == self.repository;
        self.sources
            .iter()
            .filter(move |source| mirrored && !source.down.load(Ordering::Relaxed))
    }

    /// Whom to ask about a blob, before the primary.
    fn blob<'a>(
        &'a self,
        repository: &RepositoryName,
        digest: &'a Digest,
    ) -> impl Iterator<Item = &'a Source> {
        self.content(repository)
            .filter(|source| !source.is_broken(digest))
    }

    /// Whom to ask about a manifest, before the primary.
    fn manifest<'a>(
        &'a self,
        repository: &RepositoryName,
        reference: &'a Reference,
    ) -> impl Iterator<Item = &'a Source> {
        self.content(repository)
            .filter(move |source| source.tags || matches!(reference, Reference::Digest(_)))
    }
}

impl Source {
    fn is_broken(&self, digest: &Digest) -> bool {
        self.broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(digest)
    }

    /// What was read, whose errors name the mirror and have it passed over from then on.
    fn watched(&self, digest: &Digest, read: BlobRead) -> BlobRead {
        let (name, broken, digest) = (self.name.clone(), Arc::clone(&self.broken), digest.clone());
        let length = read.body.length();
        let pieces = read.body.map_err(move |error| {
            broken
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(digest.clone());
            error.while_doing(format_args!("reading from the mirror {name}"))
        });
        let body = match length {
            Some(length) => Body::sized(length, pieces),
            None => Body::stream(pieces),
        };
        BlobRead { body, ..read }
    }

    fn answered(&self, what: &dyn std::fmt::Display) {
        tracing::debug!(mirror = self.name, %what, "answered by a mirror");
    }

    fn failed(&self, what: &dyn std::fmt::Display, error: &Error) {
        tracing::debug!(mirror = self.name, %what, %error, "passed over a mirror");
        if *error.kind() == Kind::Unavailable {
            self.down.store(true, Ordering::Relaxed);
        }
    }
}

#[async_trait]
impl Reader for Mirrors {
    async fn get_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        for source in self.blob(repository, digest) {
            match source
                .registry
                .get_blob(context, &source.repository, digest, range)
                .await
            {
                Ok(read) => {
                    source.answered(digest);
                    return Ok(source.watched(digest, read));
                }
                Err(error) => source.failed(digest, &error),
            }
        }
        self.primary
            .get_blob(context, repository, digest, range)
            .await
    }

    async fn head_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        for source in self.blob(repository, digest) {
            match source
                .registry
                .head_blob(context, &source.repository, digest)
                .await
            {
                Ok(info) => {
                    source.answered(digest);
                    return Ok(info);
                }
                Err(error) => source.failed(digest, &error),
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
        for source in self.manifest(repository, reference) {
            match source
                .registry
                .get_manifest(context, &source.repository, reference)
                .await
            {
                Ok(read) => {
                    source.answered(reference);
                    return Ok(read);
                }
                Err(error) => source.failed(reference, &error),
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
        for source in self.manifest(repository, reference) {
            match source
                .registry
                .head_manifest(context, &source.repository, reference)
                .await
            {
                Ok(info) => {
                    source.answered(reference);
                    return Ok(info);
                }
                Err(error) => source.failed(reference, &error),
            }
        }
        self.primary
            .head_manifest(context, repository, reference)
            .await
    }
}

#[async_trait]
impl Writer for Mirrors {
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

    async fn start_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.primary
            .start_upload(context, repository, algorithm)
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

    async fn write_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        self.primary
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

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Mount> {
        self.primary.mount(context, repository, digest, from).await
    }
}

#[async_trait]
impl Lister for Mirrors {
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
}

#[async_trait]
impl Deleter for Mirrors {
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
}
