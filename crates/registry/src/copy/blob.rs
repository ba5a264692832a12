//! Bringing one blob to the target: mounted where that can be, else through an upload session that
//! goes on where it stood whenever something breaks off.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use portolan_model::{ByteRange, RepositoryName};
use tokio::time::sleep;

use super::plan::{Action, Plan, PlannedBlob};
use super::sessions::Memory;
use super::visit::has_blob;
use super::{Copier, Event, Observer, Place, retry};
use crate::{Body, Error, Kind, Mount, Result, Upload, UploadId, verified_digest};

/// Up to this size a blob is sent in one request out of memory, in bytes.
const SMALL: usize = 1 << 20;

/// How a blob came to the target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Brought {
    Copied,
    Mounted,
    There,
    /// The source has none, and need not.
    Absent,
}

impl Copier {
    /// Brings a blob to the target, after anybody else who is bringing it to the same registry.
    pub(super) async fn bring(
        &self,
        plan: &Plan,
        blob: &PlannedBlob,
        observer: &Arc<dyn Observer>,
    ) -> Result<Brought> {
        let target = &plan.request.target;
        let claim = self.claims.of(&target.registry, &blob.digest);
        let mut brought_to = claim.lock().await;
        if brought_to.as_ref() == Some(&target.repository) {
            return Ok(Brought::There);
        }
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|error| Error::internal("waiting for a turn", error))?;
        let from = match &blob.action {
            Action::Mount { from } => Some(from.clone()),
            _ => brought_to.clone(),
        };
        let transfer = Transfer {
            copier: self,
            plan,
            blob,
            observer,
            from,
        };
        let brought = transfer.run().await.map_err(|error| {
            error.while_doing(format!(
                "copying the blob {} from {} to {}",
                blob.digest, plan.request.source.name, target.name
            ))
        })?;
        if brought != Brought::Absent {
            *brought_to = Some(target.repository.clone());
        }
        Ok(brought)
    }
}

struct Transfer<'a> {
    copier: &'a Copier,
    plan: &'a Plan,
    blob: &'a PlannedBlob,
    observer: &'a Arc<dyn Observer>,
    /// A repository of the target's registry that has the blob.
    from: Option<RepositoryName>,
}

/// How an upload begins.
enum Begun {
    Mounted,
    At(Upload),
}

impl Transfer<'_> {
    async fn run(&self) -> Result<Brought> {
        let optional = !self.blob.required && self.blob.descriptor.data.is_none();
        if optional && !has_blob(&self.plan.request.source, &self.blob.digest).await? {
            return Ok(Brought::Absent);
        }
        self.observer.notice(Event::BlobStarted {
            digest: &self.blob.digest,
            size: self.blob.size,
        });
        let brought = self.persist().await?;
        self.observer.notice(Event::BlobDone {
            digest: &self.blob.digest,
            mounted: brought == Brought::Mounted,
        });
        Ok(brought)
    }

    /// Tries until it works, fails for good, or makes no progress for a number of attempts.
    async fn persist(&self) -> Result<Brought> {
        let worthwhile = self.blob.size.is_none_or(|size| size > SMALL as u64);
        let target = &self.plan.request.target.name;
        let mut memory = Memory::of(
            &*self.copier.sessions,
            target,
            &self.blob.digest,
            worthwhile,
        );
        let mut progress = Progress {
            session: memory.kept().cloned(),
            ..Progress::default()
        };
        loop {
            let error = match self.attempt(&mut progress, &mut memory).await {
                Ok(brought) => {
                    memory.forget();
                    return Ok(brought);
                }
                Err(error) => error,
            };
            let wait = if progress.may_go_on(&error) {
                retry::wait(&error, progress.failures)
            } else {
                None
            };
            let Some(wait) = wait else { return Err(error) };
            self.observer.notice(Event::Retried {
                digest: &self.blob.digest,
                error: &error,
            });
            sleep(wait).await;
        }
    }

    async fn attempt(&self, progress: &mut Progress, memory: &mut Memory<'_>) -> Result<Brought> {
        let upload = match self.begin(progress.session.as_ref()).await? {
            Begun::Mounted => return Ok(Brought::Mounted),
            Begun::At(upload) => upload,
        };
        progress.stands_at(upload.offset);
        progress.session = Some(upload.id.clone());
        memory.keep(&upload.id);
        self.observer.notice(Event::BlobResumed {
            digest: &self.blob.digest,
            offset: upload.offset,
        });
        let sent = self.send(upload, progress, memory).await;
        if let Err(error) = &sent
            && matches!(error.kind(), Kind::DigestInvalid | Kind::UploadUnknown)
        {
            // The session is gone, or holds something else: only a new one can help.
            memory.forget();
            progress.session = None;
        }
        sent.map(|()| Brought::Copied)
    }

    /// Goes on with a session that is still there, or opens one where the blob cannot be mounted.
    async fn begin(&self, session: Option<&UploadId>) -> Result<Begun> {
        let Place {
            registry,
            context,
            repository,
            ..
        } = &self.plan.request.target;
        if let Some(id) = session {
            match registry.upload_status(context, repository, id).await {
                Ok(upload) => return Ok(Begun::At(upload)),
                Err(error) if error.is_transient() => return Err(error),
                // Whatever is wrong with it, another one will do.
                Err(_) => (),
            }
        }
        match registry
            .mount(context, repository, &self.blob.digest, self.from.as_ref())
            .await?
        {
            Mount::Mounted => Ok(Begun::Mounted),
            Mount::Upload(upload) => Ok(Begun::At(upload)),
        }
    }

    async fn send(
        &self,
        upload: Upload,
        progress: &mut Progress,
        memory: &mut Memory<'_>,
    ) -> Result<()> {
        let Place {
            registry,
            context,
            repository,
            ..
        } = &self.plan.request.target;
        let Upload { id, offset } = upload;
        let digest = &self.blob.digest;
        let body = self.content(offset).await?;
        if body.length().is_some_and(|length| length <= SMALL as u64) {
            let bytes = body.collect(SMALL).await?;
            return registry
                .finish_upload(context, repository, &id, at(offset), bytes.into(), digest)
                .await;
        }
        let upload = registry
            .write_upload(context, repository, &id, at(offset), body)
            .await?;
        progress.session = Some(upload.id.clone());
        memory.keep(&upload.id);
        registry
            .finish_upload(context, repository, &upload.id, None, Body::empty(), digest)
            .await
    }

    /// The blob's bytes from `offset` on, each piece told to the observer.
    async fn content(&self, offset: u64) -> Result<Body> {
        let body = match self.embedded() {
            Some(bytes) => behind(&bytes, offset).into(),
            None => self.read(offset).await?,
        };
        let (observer, digest) = (Arc::clone(self.observer), self.blob.digest.clone());
        let length = body.length();
        let told = body.inspect(move |piece| {
            if let Ok(piece) = piece {
                observer.notice(Event::BlobMoved {
                    digest: &digest,
                    bytes: piece.len() as u64,
                });
            }
        });
        Ok(match length {
            Some(length) => Body::sized(length, told),
            None => Body::stream(told),
        })
    }

    async fn read(&self, offset: u64) -> Result<Body> {
        let Place {
            registry,
            context,
            repository,
            ..
        } = &self.plan.request.source;
        let range = (offset > 0).then_some(ByteRange::From(offset));
        let read = match registry
            .get_blob(context, repository, &self.blob.digest, range)
            .await
        {
            Err(error) if *error.kind() == Kind::BlobUnknown => return Err(self.gone(&error)),
            Err(error) if matches!(error.kind(), Kind::RangeUnsatisfiable { size } if *size == offset) =>
            {
                return Ok(Body::empty());
            }
            read => read?,
        };
        if read.range.start != offset {
            let message = format!(
                "bytes from {offset} on were asked for, those from {} on came",
                read.range.start
            );
            return Err(Error::new(Kind::Unavailable, message));
        }
        let length = read.range.end - read.range.start;
        Ok(if read.body.length().is_some() {
            read.body
        } else {
            Body::sized(length, read.body)
        })
    }

    fn gone(&self, error: &Error) -> Error {
        let message = format!(
            "{} is named by a manifest, but is not there; copy what there is with --sparse",
            self.plan.request.source.at(&self.blob.digest)
        );
        Error::new(Kind::BlobUnknown, message).with_detail(error.detail().clone())
    }

    /// The content that the descriptor holds itself (image-spec, descriptor.md, "Embedded Content").
    fn embedded(&self) -> Option<Bytes> {
        let bytes = Bytes::from(
            BASE64_STANDARD
                .decode(self.blob.descriptor.data.as_ref()?)
                .ok()?,
        );
        verified_digest(&bytes, Some(&self.blob.digest))
            .is_ok()
            .then_some(bytes)
    }
}

/// Where a piece begins need not be said of the first one, and some registries take it amiss.
fn at(offset: u64) -> Option<u64> {
    (offset > 0).then_some(offset)
}

fn behind(bytes: &Bytes, offset: u64) -> Bytes {
    bytes.slice(usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()))..)
}

/// What earlier attempts have come to.
#[derive(Default)]
struct Progress {
    session: Option<UploadId>,
    /// Most bytes that the target has had.
    most: u64,
    /// Attempts in a row that have not added to them.
    failures: u32,
    mismatches: u32,
}

impl Progress {
    fn stands_at(&mut self, offset: u64) {
        if offset > self.most {
            (self.most, self.failures) = (offset, 0);
        }
    }

    /// Whether another attempt may help: the session is looked at again then, or another one opened.
    /// Wrong content may come of a session that was not what it seemed, but not twice.
    fn may_go_on(&mut self, error: &Error) -> bool {
        self.failures += 1;
        let mismatch = *error.kind() == Kind::DigestInvalid;
        self.mismatches += u32::from(mismatch);
        let may_pass = error.is_transient()
            || matches!(error.kind(), Kind::UploadUnknown | Kind::OutOfOrder { .. });
        self.failures < retry::ATTEMPTS && self.mismatches < 2 && (may_pass || mismatch)
    }
}
