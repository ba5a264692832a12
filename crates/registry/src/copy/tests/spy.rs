//! Registry in memory that records requests and injects faults.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use portolan_model::{
    Algorithm, ByteRange, Descriptor, Digest, MediaType, Reference, RepositoryName, Tag,
};

use crate::contract::test_admission;
use crate::memory::MemoryRegistry;
use crate::{
    BlobInfo, BlobRead, Body, Context, Deleter, Deletion, Error, Kind, Lister, LocalRegistry,
    ManifestInfo, ManifestRead, MountOutcome, Page, PageRequest, PutManifest, PutOutcome, Reader,
    Registry, Result, Upload, UploadId, Uploads, Writer,
};

/// Fault that affects one read or write of a large blob.
pub(super) enum Fault {
    /// The read fails after this many bytes.
    ReadBreaks(usize),
    /// The read fails after this many bytes, because the registry does not support the range.
    ReadUnsupported(usize),
    /// The read returns corrupted bytes.
    ReadFlips,
    /// The write stores this many bytes and then fails.
    WriteBreaks(usize),
    /// The write stores this many bytes and then fails, because the disk is full.
    DiskFull(usize),
}

pub(super) struct Spy {
    inner: Arc<dyn Registry>,
    calls: Mutex<Vec<String>>,
    faults: Mutex<VecDeque<Fault>>,
}

impl Spy {
    fn new() -> Self {
        Self {
            inner: MemoryRegistry::new().handle(test_admission()),
            calls: Mutex::default(),
            faults: Mutex::default(),
        }
    }

    pub(super) fn next_fault(&self, fault: Fault) {
        self.faults.lock().unwrap().push_back(fault);
    }

    pub(super) fn clear_faults(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// Returns the requests since the last call.
    pub(super) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls())
    }

    fn calls(&self) -> MutexGuard<'_, Vec<String>> {
        self.calls.lock().unwrap()
    }

    fn record(&self, call: &str, argument: &dyn ToString) {
        self.calls()
            .push(format!("{call} {}", argument.to_string()));
    }

    fn take_fault(&self, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        if faults.front().is_some_and(wanted) {
            faults.pop_front()
        } else {
            None
        }
    }
}

fn connection_error() -> Error {
    Error::new(Kind::Unavailable, "connection lost")
}

fn truncated_body(bytes: &Bytes, count: usize, error: Error) -> Body {
    let part = bytes.slice(..count.min(bytes.len()));
    Body::with_length(bytes.len() as u64, stream::iter([Ok(part), Err(error)]))
}

#[async_trait]
impl Reader for Spy {
    async fn get_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let argument =
            range.map_or_else(|| digest.to_string(), |range| format!("{digest} {range:?}"));
        self.record("get_blob", &argument);
        let read = self
            .inner
            .get_blob(context, repository, digest, range)
            .await?;
        let hit = |fault: &Fault| {
            matches!(
                fault,
                Fault::ReadBreaks(_) | Fault::ReadUnsupported(_) | Fault::ReadFlips
            ) && read.size > 1 << 20
        };
        let fault = self.take_fault(hit);
        let Some(fault) = fault else { return Ok(read) };
        let bytes = read.body.collect(usize::MAX).await?;
        let body = match fault {
            Fault::ReadBreaks(count) => truncated_body(&bytes, count, connection_error()),
            Fault::ReadUnsupported(count) => {
                truncated_body(&bytes, count, Error::new(Kind::Unsupported, "wrong range"))
            }
            _ => bytes.iter().map(|byte| byte ^ 1).collect::<Bytes>().into(),
        };
        Ok(BlobRead { body, ..read })
    }

    async fn head_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        self.record("head_blob", digest);
        self.inner.head_blob(context, repository, digest).await
    }

    async fn get_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        self.record("get_manifest", reference);
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
        self.record("head_manifest", reference);
        self.inner
            .head_manifest(context, repository, reference)
            .await
    }
}

#[async_trait]
impl Writer for Spy {
    async fn put_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        let tags: Vec<_> = options
            .tags
            .iter()
            .map(|update| update.tag.as_str())
            .collect();
        self.record(
            "put_manifest",
            &format!("{} {}", Digest::sha256(&bytes), tags.join(" ")),
        );
        self.inner
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
        self.inner
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
        self.record("put_blob", digest);
        self.inner.put_blob(context, repository, digest, body).await
    }

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<MountOutcome> {
        let argument = from.map_or_else(
            || digest.to_string(),
            |from| format!("{digest} from {from}"),
        );
        self.record("mount", &argument);
        match from {
            Some(from) => {
                self.inner
                    .mount(context, repository, digest, Some(from))
                    .await
            }
            // Behave like registries that cannot search all repositories.
            None => self
                .inner
                .open_upload(context, repository, digest.algorithm())
                .await
                .map(MountOutcome::Upload),
        }
    }
}

#[async_trait]
impl Uploads for Spy {
    async fn open_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.record("open_upload", repository);
        self.inner.open_upload(context, repository, algorithm).await
    }

    async fn upload_status(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        self.record("upload_status", repository);
        self.inner.upload_status(context, repository, id).await
    }

    async fn append_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        self.record("append_upload", &offset.unwrap_or_default());
        let hit = |fault: &Fault| matches!(fault, Fault::WriteBreaks(_) | Fault::DiskFull(_));
        let (count, kind) = match self.take_fault(hit) {
            Some(Fault::WriteBreaks(count)) => (count, Kind::Unavailable),
            Some(Fault::DiskFull(count)) => (count, Kind::StorageFull),
            _ => {
                return self
                    .inner
                    .append_upload(context, repository, id, offset, body)
                    .await;
            }
        };
        let bytes = body.collect(usize::MAX).await?;
        let part = truncated_body(&bytes, count, connection_error());
        let written = self
            .inner
            .append_upload(context, repository, id, offset, part)
            .await;
        written.map_err(|error| error.with_kind(kind))
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
        self.record("finish_upload", digest);
        self.inner
            .finish_upload(context, repository, id, offset, body, digest)
            .await
    }

    async fn cancel_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        self.record("cancel_upload", repository);
        self.inner.cancel_upload(context, repository, id).await
    }
}

#[async_trait]
impl Lister for Spy {
    async fn repositories(
        &self,
        context: &Context,
        page: &PageRequest,
    ) -> Result<Page<RepositoryName>> {
        self.inner.repositories(context, page).await
    }

    async fn tags(
        &self,
        context: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>> {
        self.record("tags", repository);
        self.inner.tags(context, repository, page).await
    }

    async fn referrers(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        self.record("referrers", digest);
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
impl Deleter for Spy {
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

    async fn delete_repository(
        &self,
        context: &Context,
        repository: &RepositoryName,
    ) -> Result<()> {
        self.inner.delete_repository(context, repository).await
    }
}

/// Returns a large blob in chunks, so that a fault can occur in the middle.
pub(super) fn pieces(content: &Bytes) -> Body {
    let content = content.clone();
    let count = content.len().div_ceil(PIECE);
    let piece =
        move |number| Ok(content.slice(number * PIECE..content.len().min((number + 1) * PIECE)));
    Body::from_stream(stream::iter(0..count).map(piece))
}

const PIECE: usize = 64 << 10;

pub(super) fn spies() -> (Arc<Spy>, Arc<Spy>) {
    (Arc::new(Spy::new()), Arc::new(Spy::new()))
}
