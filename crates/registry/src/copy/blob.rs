//! Transfer of one blob to the target. The blob is mounted if possible. Otherwise it is uploaded
//! through a session. After an interruption, the session resumes at its current offset.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use portolan_model::{ByteRange, RepositoryName};
use tokio::time::sleep;

use super::chunks::Chunks;
use super::plan::{Plan, PlannedAction, PlannedBlob};
use super::resolve::may_have_blob;
use super::sessions::{BlobSession, OpenSessions, cancel};
use super::upload_method::UploadMethod;
use super::{Copier, CopyEvent, CopyObserver, retry};
use crate::{Body, Error, Kind, MountOutcome, Repository, Result, Upload, UploadId, verify_digest};

/// Maximum number of bytes that are sent in a single request from memory.
const SMALL: usize = 1 << 20;

/// Outcome of the transfer of a blob.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TransferOutcome {
    Copied,
    Mounted,
    Present,
    /// The source does not have the blob, and the copy does not require it.
    Absent,
}

impl Copier {
    /// Transfers a blob to the target. Waits for other transfers of the same blob to the same
    /// registry.
    pub(super) async fn transfer_blob(
        &self,
        plan: &Plan,
        blob: &PlannedBlob,
        observer: &Arc<dyn CopyObserver>,
        open: &OpenSessions,
    ) -> Result<TransferOutcome> {
        let target = &plan.request.target;
        // Acquire the lock of the blob before the permit. Transfers that wait for the same blob
        // then hold no permits, and a transfer with a permit never waits for another transfer. So
        // there is no deadlock.
        let claim = self.in_flight.claim(&target.registry, &blob.digest);
        let mut brought_to = claim.lock().await;
        if brought_to.as_ref() == Some(&target.name) {
            return Ok(TransferOutcome::Present);
        }
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|error| Error::internal("failed to acquire a transfer permit", error))?;
        // If another request of this copier has transferred the blob to a different repository of
        // the same registry, mount it from there.
        let from = match &blob.action {
            PlannedAction::Mount { from } => Some(from.clone()),
            _ => brought_to.clone(),
        };
        let transfer = Transfer {
            copier: self,
            plan,
            blob,
            observer,
            open,
            mount_from: from,
        };
        let outcome = transfer.run().await.map_err(|error| {
            error.with_prefix(format!(
                "failed to copy blob {} from {} to {}",
                blob.digest, plan.request.source.display_name, target.display_name
            ))
        })?;
        if outcome != TransferOutcome::Absent {
            *brought_to = Some(target.name.clone());
        }
        Ok(outcome)
    }
}

struct Transfer<'a> {
    copier: &'a Copier,
    plan: &'a Plan,
    blob: &'a PlannedBlob,
    observer: &'a Arc<dyn CopyObserver>,
    open: &'a OpenSessions,
    /// Repository in the target registry to mount the blob from, if known.
    mount_from: Option<RepositoryName>,
}

/// Outcome of [`Transfer::resume_or_open`].
enum Start {
    /// The blob was mounted from another repository; nothing needs to be sent.
    Mounted,
    /// The blob must be uploaded through this session.
    Session(Upload),
}

impl Transfer<'_> {
    async fn run(&self) -> Result<TransferOutcome> {
        let optional = !self.blob.required && self.blob.descriptor.data.is_none();
        if optional && !may_have_blob(&self.plan.request.source, &self.blob.digest).await? {
            return Ok(TransferOutcome::Absent);
        }
        self.observer.on_event(CopyEvent::BlobStarted {
            digest: &self.blob.digest,
            size: self.blob.size,
        });
        let outcome = self.retry().await?;
        self.observer.on_event(CopyEvent::BlobDone {
            digest: &self.blob.digest,
            mounted: outcome == TransferOutcome::Mounted,
        });
        Ok(outcome)
    }

    /// Repeats the transfer until it succeeds, fails permanently, or makes no progress in several
    /// attempts.
    async fn retry(&self) -> Result<TransferOutcome> {
        let worthwhile = self.blob.size.is_none_or(|size| size > SMALL as u64);
        let target = &self.plan.request.target.display_name;
        let mut memory = BlobSession::load(
            self.open,
            &*self.copier.sessions,
            target,
            &self.blob.digest,
            worthwhile,
        );
        let mut progress = Progress {
            session: memory.session().cloned(),
            method: self
                .copier
                .upload_methods
                .get(&self.plan.request.target.registry),
            ..Progress::default()
        };
        loop {
            let error = match self.attempt(&mut progress, &mut memory).await {
                Ok(outcome) => {
                    memory.remove();
                    return Ok(outcome);
                }
                Err(error) => error,
            };
            let wait = if std::mem::take(&mut progress.has_new_method) {
                Some(Duration::ZERO)
            } else if progress.can_retry(&error) {
                retry::delay(&error, progress.failures)
            } else {
                None
            };
            let Some(wait) = wait else { return Err(error) };
            self.observer.on_event(CopyEvent::Retried {
                digest: &self.blob.digest,
                error: &error,
            });
            sleep(wait).await;
        }
    }

    /// Transfers the blob once: mounts it, resumes a session, or uploads it in a new session.
    async fn attempt(
        &self,
        progress: &mut Progress,
        memory: &mut BlobSession<'_>,
    ) -> Result<TransferOutcome> {
        let upload = match self.resume_or_open(progress.session.as_ref()).await? {
            Start::Mounted => return Ok(TransferOutcome::Mounted),
            Start::Session(upload) => upload,
        };
        let is_new = progress.session.is_none();
        let min_chunk = upload.min_chunk_length.unwrap_or_default();
        // Store the session before the first byte is sent, so that another process can resume it if
        // this process is interrupted.
        progress.record_offset(upload.offset);
        progress.session = Some(upload.id.clone());
        memory.save(&upload.id);
        self.observer.on_event(CopyEvent::BlobResumed {
            digest: &self.blob.digest,
            offset: upload.offset,
        });
        let sent = self.send(upload, progress, memory).await;
        if let Err(error) = &sent
            && matches!(error.kind(), Kind::DigestInvalid | Kind::UploadUnknown)
        {
            // The session no longer exists or has received wrong content. The next attempt must
            // open a new session.
            self.cancel_session(progress, memory).await;
        }
        if let Err(error) = &sent
            && !progress.source_failed.load(Ordering::Relaxed)
            && let Some(method) =
                progress
                    .method
                    .next_after(error, progress.sending, is_new, min_chunk)
        {
            self.change_method(method, error, progress, memory).await;
        }
        sent.map(|()| TransferOutcome::Copied)
    }

    /// Selects another upload method for the next attempt. Cancels the session, because the next
    /// attempt uses a new one.
    async fn change_method(
        &self,
        method: UploadMethod,
        error: &Error,
        progress: &mut Progress,
        memory: &mut BlobSession<'_>,
    ) {
        progress.method = method;
        progress.has_new_method = true;
        // An unknown session may have expired, so this error does not apply to other blobs.
        if *error.kind() != Kind::UploadUnknown {
            let registry = &self.plan.request.target.registry;
            self.copier.upload_methods.set(registry, method);
        }
        self.cancel_session(progress, memory).await;
    }

    async fn cancel_session(&self, progress: &mut Progress, memory: &mut BlobSession<'_>) {
        if let Some(session) = progress.session.take() {
            cancel(&self.plan.request.target, &session).await;
        }
        memory.remove();
    }

    /// Resumes a session that still exists. Otherwise mounts the blob, or opens a session if it
    /// cannot be mounted.
    async fn resume_or_open(&self, session: Option<&UploadId>) -> Result<Start> {
        let Repository {
            registry,
            context,
            name: repository,
            ..
        } = &self.plan.request.target;
        if let Some(id) = session {
            // After a transient error, the session may still exist. Return the error, so that the
            // next attempt can resume the session.
            match registry.upload_status(context, repository, id).await {
                Ok(upload) => return Ok(Start::Session(upload)),
                Err(error) if error.is_transient() => return Err(error),
                // The session will never work again. Open a new session.
                Err(_) => (),
            }
        }
        if self.blob.is_damaged {
            let algorithm = self.blob.digest.algorithm();
            let upload = registry.open_upload(context, repository, algorithm).await?;
            return Ok(Start::Session(upload));
        }
        match registry
            .mount(
                context,
                repository,
                &self.blob.digest,
                self.mount_from.as_ref(),
            )
            .await?
        {
            MountOutcome::Mounted => Ok(Start::Mounted),
            MountOutcome::Upload(upload) => Ok(Start::Session(upload)),
        }
    }

    /// Sends the remaining bytes of the blob to a session and finishes it.
    async fn send(
        &self,
        upload: Upload,
        progress: &mut Progress,
        memory: &mut BlobSession<'_>,
    ) -> Result<()> {
        let Repository {
            registry,
            context,
            name: repository,
            ..
        } = &self.plan.request.target;
        let digest = &self.blob.digest;
        let body = self.read_from(upload.offset, progress).await?;
        progress.sending = body.length().unwrap_or(u64::MAX);
        // A small remainder is sent with the request that finishes the session, which saves a
        // request.
        let small = match progress.method {
            UploadMethod::Chunks(longest) => longest.min(SMALL as u64),
            UploadMethod::Stream | UploadMethod::Single => SMALL as u64,
        };
        let in_memory = progress.sending <= small;
        if in_memory || progress.method == UploadMethod::Single {
            let body = if in_memory {
                body.collect(SMALL).await?.into()
            } else {
                body
            };
            let offset = chunk_offset(upload.offset);
            return registry
                .finish_upload(context, repository, &upload.id, offset, body, digest)
                .await;
        }
        let id = self.append(upload, body, progress, memory).await?;
        registry
            .finish_upload(context, repository, &id, None, Body::empty(), digest)
            .await
    }

    /// Sends the remaining bytes of the blob to a session, in one or several chunks, and returns
    /// the id of the session.
    async fn append(
        &self,
        mut upload: Upload,
        body: Body,
        progress: &mut Progress,
        memory: &mut BlobSession<'_>,
    ) -> Result<UploadId> {
        let Repository {
            registry,
            context,
            name: repository,
            ..
        } = &self.plan.request.target;
        let UploadMethod::Chunks(longest) = progress.method else {
            let offset = chunk_offset(upload.offset);
            let upload = registry
                .append_upload(context, repository, &upload.id, offset, body)
                .await?;
            progress.session = Some(upload.id.clone());
            memory.save(&upload.id);
            return Ok(upload.id);
        };
        let longest = longest.max(upload.min_chunk_length.unwrap_or_default());
        let mut chunks = Chunks::new(body, progress.sending);
        while let Some(chunk) = chunks.next(longest) {
            let end = upload.offset + chunk.length().unwrap_or_default();
            upload = registry
                .append_upload(context, repository, &upload.id, Some(upload.offset), chunk)
                .await?;
            progress.record_offset(upload.offset);
            progress.session = Some(upload.id.clone());
            memory.save(&upload.id);
            if upload.offset != end {
                return Err(Error::out_of_order(upload.offset, end));
            }
        }
        Ok(upload.id)
    }

    /// Returns the bytes of the blob from `offset` to the end. Reports each chunk to the observer, and
    /// an error of the source to `progress`.
    async fn read_from(&self, offset: u64, progress: &Progress) -> Result<Body> {
        let failed = Arc::clone(&progress.source_failed);
        failed.store(true, Ordering::Relaxed);
        let body = match self.embedded_content() {
            Some(bytes) => skip_bytes(&bytes, offset).into(),
            None => self.read_source(offset).await?,
        };
        failed.store(false, Ordering::Relaxed);
        let (observer, digest) = (Arc::clone(self.observer), self.blob.digest.clone());
        let length = body.length();
        let observed = body.inspect(move |piece| match piece {
            Ok(piece) => observer.on_event(CopyEvent::BlobMoved {
                digest: &digest,
                bytes: piece.len() as u64,
            }),
            Err(_) => failed.store(true, Ordering::Relaxed),
        });
        Ok(match length {
            Some(length) => Body::with_length(length, observed),
            None => Body::from_stream(observed),
        })
    }

    async fn read_source(&self, offset: u64) -> Result<Body> {
        let source = &self.plan.request.source;
        let range = (offset > 0).then_some(ByteRange::From(offset));
        let read = match source
            .get_described_blob(&self.blob.descriptor, range)
            .await
        {
            Err(error) if *error.kind() == Kind::BlobUnknown => {
                return Err(Self::missing_blob_error(&error));
            }
            // The session already has all bytes and only needs to be finished.
            Err(error) if matches!(error.kind(), Kind::RangeUnsatisfiable { size } if *size == offset) =>
            {
                return Ok(Body::empty());
            }
            read => read?,
        };
        // A source that ignores the range sends the wrong bytes. Retry instead of uploading them.
        if read.range.start != offset {
            let message = format!(
                "requested the bytes from offset {offset}, but received those from offset {}",
                read.range.start
            );
            return Err(Error::new(Kind::Unavailable, message));
        }
        let length = read.range.end - read.range.start;
        // If the body does not report its length, derive the length from the range, so that the
        // upload request can declare its size.
        Ok(if read.body.length().is_some() {
            read.body
        } else {
            Body::with_length(length, read.body)
        })
    }

    fn missing_blob_error(error: &Error) -> Error {
        let message = "a manifest references it, but it does not exist";
        Error::new(Kind::BlobUnknown, message)
            .with_detail(error.detail())
            .with_help("add `--sparse` to copy without it")
    }

    /// Returns the content that the descriptor embeds (image-spec, descriptor.md, "Embedded
    /// Content").
    fn embedded_content(&self) -> Option<Bytes> {
        let bytes = Bytes::from(
            BASE64_STANDARD
                .decode(self.blob.descriptor.data.as_ref()?)
                .ok()?,
        );
        verify_digest(&bytes, Some(&self.blob.digest))
            .is_ok()
            .then_some(bytes)
    }
}

/// Returns the offset to send with a chunk. The first chunk does not need an offset, and some
/// registries reject an offset there.
fn chunk_offset(offset: u64) -> Option<u64> {
    (offset > 0).then_some(offset)
}

fn skip_bytes(bytes: &Bytes, offset: u64) -> Bytes {
    bytes.slice(usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()))..)
}

/// State of a transfer across its attempts.
#[derive(Default)]
struct Progress {
    session: Option<UploadId>,
    method: UploadMethod,
    /// True if the last attempt failed because of its method, and the next attempt uses another
    /// method.
    has_new_method: bool,
    /// True if the source failed in the last attempt. Then, the error is not a rejection of the
    /// upload method by the target.
    source_failed: Arc<AtomicBool>,
    /// Number of bytes that the last attempt had to send, or `u64::MAX` if the number is unknown.
    sending: u64,
    /// Highest offset that a session at the target has reached.
    max_offset: u64,
    /// Number of consecutive attempts that have not increased `max_offset`.
    failures: u32,
    /// Number of attempts that ended with a digest mismatch.
    mismatches: u32,
}

impl Progress {
    /// Records the offset of the session. If the offset has increased, resets the number of
    /// failures.
    fn record_offset(&mut self, offset: u64) {
        if offset > self.max_offset {
            (self.max_offset, self.failures) = (offset, 0);
        }
    }

    /// Counts a failed attempt, and returns whether another attempt, with the same or a new
    /// session, may succeed.
    ///
    /// A digest mismatch may be caused by a session with unexpected content, so it is retried once.
    /// A second mismatch is final.
    fn can_retry(&mut self, error: &Error) -> bool {
        self.failures += 1;
        let mismatch = *error.kind() == Kind::DigestInvalid;
        self.mismatches += u32::from(mismatch);
        let may_pass = error.is_transient()
            || matches!(error.kind(), Kind::UploadUnknown | Kind::OutOfOrder { .. });
        self.failures < retry::ATTEMPTS && self.mismatches < 2 && (may_pass || mismatch)
    }
}
