//! A registry in memory that writes down what it is asked, and breaks where it is told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use portolan_model::{
    Algorithm, ByteRange, Descriptor, Digest, MediaType, Reference, RepositoryName, Tag,
};

use crate::memory::MemoryRegistry;
use crate::{
    BlobInfo, BlobRead, Body, Context, Deleter, Deletion, Error, Kind, Lister, ManifestInfo,
    ManifestRead, Mount, Page, PageRequest, PutManifest, PutOutcome, Reader, Result, Upload,
    UploadId, Writer,
};

/// What goes wrong once, with the next large blob that is read or written.
pub(super) enum Fault {
    /// Reading ends with an error behind so many bytes.
    ReadBreaks(usize),
    /// A bit is not what it was.
    ReadFlips,
    /// Writing takes so many bytes and then fails.
    WriteBreaks(usize),
}

#[derive(Default)]
pub(super) struct Spy {
    inner: MemoryRegistry,
    calls: Mutex<Vec<String>>,
    faults: Mutex<VecDeque<Fault>>,
}

impl Spy {
    pub(super) fn next_fault(&self, fault: Fault) {
        self.faults.lock().unwrap().push_back(fault);
    }

    pub(super) fn clear_faults(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// What it was asked since the last time this was asked.
    pub(super) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls())
    }

    fn calls(&self) -> MutexGuard<'_, Vec<String>> {
        self.calls.lock().unwrap()
    }

    fn note(&self, call: &str, what: &dyn ToString) {
        self.calls().push(format!("{call} {}", what.to_string()));
    }

    fn fault(&self, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        if faults.front().is_some_and(wanted) {
            faults.pop_front()
        } else {
            None
        }
    }
}

fn broken() -> Error {
    Error::new(Kind::Unavailable, "the cable was cut")
}

fn cut(bytes: &Bytes, count: usize) -> Body {
    let part = bytes.slice(..count.min(bytes.len()));
    Body::sized(bytes.len() as u64, stream::iter([Ok(part), Err(broken())]))
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
        let what = range.map_or_else(|| digest.to_string(), |range| format!("{digest} {range:?}"));
        self.note("get_blob", &what);
        let read = self
            .inner
            .get_blob(context, repository, digest, range)
            .await?;
        let hit = |fault: &Fault| {
            matches!(fault, Fault::ReadBreaks(_) | Fault::ReadFlips) && read.size > 1 << 20
        };
        let fault = self.fault(hit);
        let Some(fault) = fault else { return Ok(read) };
        let bytes = read.body.collect(usize::MAX).await?;
        let body = match fault {
            Fault::ReadBreaks(count) => cut(&bytes, count),
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
        self.note("head_blob", digest);
        self.inner.head_blob(context, repository, digest).await
    }

    async fn get_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        self.note("get_manifest", reference);
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
        self.note("head_manifest", reference);
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
        self.note(
            "put_manifest",
            &format!("{} {}", Digest::sha256(&bytes), tags.join(" ")),
        );
        self.inner
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
        self.note("put_blob", digest);
        self.inner.put_blob(context, repository, digest, body).await
    }

    async fn start_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.note("start_upload", repository);
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
        self.note("upload_status", repository);
        self.inner.upload_status(context, repository, id).await
    }

    async fn write_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        self.note("write_upload", &offset.unwrap_or_default());
        let Some(Fault::WriteBreaks(count)) =
            self.fault(|fault| matches!(fault, Fault::WriteBreaks(_)))
        else {
            return self
                .inner
                .write_upload(context, repository, id, offset, body)
                .await;
        };
        let bytes = body.collect(usize::MAX).await?;
        self.inner
            .write_upload(context, repository, id, offset, cut(&bytes, count))
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
        self.note("finish_upload", digest);
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
        self.note("cancel_upload", repository);
        self.inner.cancel_upload(context, repository, id).await
    }

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Mount> {
        let what = from.map_or_else(
            || digest.to_string(),
            |from| format!("{digest} from {from}"),
        );
        self.note("mount", &what);
        match from {
            Some(from) => {
                self.inner
                    .mount(context, repository, digest, Some(from))
                    .await
            }
            // As registries do that cannot search.
            None => self
                .inner
                .start_upload(context, repository, digest.algorithm())
                .await
                .map(Mount::Upload),
        }
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
        self.note("tags", repository);
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
        self.note("referrers", digest);
        self.inner
            .referrers(context, repository, digest, artifact_type, page)
            .await
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
}

/// A big blob in pieces, so that a break can come in its middle.
pub(super) fn pieces(content: &Bytes) -> Body {
    let content = content.clone();
    let count = content.len().div_ceil(PIECE);
    let piece =
        move |number| Ok(content.slice(number * PIECE..content.len().min((number + 1) * PIECE)));
    Body::stream(stream::iter(0..count).map(piece))
}

const PIECE: usize = 64 << 10;

pub(super) fn spies() -> (Arc<Spy>, Arc<Spy>) {
    (Arc::default(), Arc::default())
}
