//! Request body, streamed to the registry.
//!
//! The stream ends with an error if the sender is idle for too long, disconnects, or sends a
//! different number of bytes than announced. The rest of a rejected request's body is drained: if
//! the server closed the connection while the client is still sending, the client would report a
//! broken pipe instead of the response. The drained amount is bounded. A client that sent `Expect:
//! 100-continue` and got no `100 Continue` sends no body, so nothing is drained.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, header};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use portolan_registry::{Body, Error, Kind, Result};
use serde_json::json;
use tokio::runtime::Handle;
use tower_http::timeout::{TimeoutBody, TimeoutError};

use crate::progress::Progress;
use crate::request_context::RequestContext;
use crate::segments::{SEGMENT, Segments};
use crate::settings::Settings;
use crate::shares::Share;

/// Idle timeout of a body, and limits on draining the body of a rejected request.
#[derive(Clone, Debug)]
pub(crate) struct BodyLimits {
    idle: Duration,
    drained_bytes: u64,
    drain_time: Duration,
}

impl BodyLimits {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            idle: settings.timeouts.body,
            drained_bytes: settings.limits.drained_bytes,
            drain_time: settings.timeouts.rejected_body,
        }
    }
}

type Frames = Pin<Box<TimeoutBody<axum_core::body::Body>>>;

/// Body of a client's request.
pub(crate) struct RequestBody {
    /// Frames of the body. `None` once the end was reached.
    frames: Option<Frames>,
    /// Number of bytes that have been read.
    received: u64,
    /// Length that the request announces.
    announced: Option<u64>,
    /// True if the client waits for `100 Continue`. The first read of the body sends it.
    awaits_continue: bool,
    progress: Arc<Progress>,
    limits: BodyLimits,
}

/// Body in memory.
pub(crate) struct Collected {
    pub(crate) bytes: Bytes,
    /// Share of the memory for manifests.
    pub(crate) memory: Share,
}

impl RequestBody {
    pub(crate) fn new(
        body: axum_core::body::Body,
        headers: &HeaderMap,
        limits: &BodyLimits,
    ) -> Self {
        let announced = body.size_hint().exact();
        let expect = headers.get(header::EXPECT);
        let pieces = (!body.is_end_stream()).then(|| Box::pin(TimeoutBody::new(limits.idle, body)));
        Self {
            frames: pieces,
            received: 0,
            announced,
            awaits_continue: expect
                .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")),
            progress: Arc::default(),
            limits: limits.clone(),
        }
    }

    /// Requires the body to have `length` bytes.
    ///
    /// # Errors
    /// Returns [`Kind::SizeInvalid`] if the request announces another length.
    pub(crate) fn with_length(mut self, length: u64) -> Result<Self> {
        if self.announced.is_some_and(|announced| announced != length) {
            return Err(wrong_length(length, self.announced.unwrap_or_default()));
        }
        self.announced = Some(length);
        Ok(self)
    }

    /// Converts the body to a registry body.
    pub(crate) fn into_stream(self) -> Body {
        if self.frames.is_none() && self.announced.unwrap_or_default() == 0 {
            return Body::empty();
        }
        Body::from_stream(self)
    }

    /// Waits for a slot for the push of this body.
    ///
    /// # Errors
    /// Returns the errors of [`Shares::acquire`](crate::shares::Shares::acquire).
    pub(crate) fn acquire_slot<'a>(
        &self,
        call: &'a RequestContext,
    ) -> impl Future<Output = Result<Share>> + use<'a> {
        let progress = self.progress();
        async move {
            let mut slot = call.app.uploads.acquire(call.client(), 1).await?;
            slot.register_body(progress);
            Ok(slot)
        }
    }

    /// Reads the full body of a manifest into memory. Acquires the memory in steps, because a client
    /// may announce more than it sends.
    ///
    /// # Errors
    /// Returns [`Kind::TooLarge`] if the body exceeds the limit for manifests (before reading
    /// anything if the request announces the length), [`Kind::BodyTimeout`] or
    /// [`Kind::BodyIncomplete`] if the body ends early, and the errors of
    /// [`Shares::acquire`](crate::shares::Shares::acquire).
    pub(crate) async fn collect(mut self, call: &RequestContext) -> Result<Collected> {
        let limit = call.app.limits.manifest_bytes;
        let announced = self
            .announced
            .map_or(Ok(limit), usize::try_from)
            .unwrap_or(usize::MAX);
        if announced > limit {
            return Err(too_large(limit));
        }
        let first = announced.min(SEGMENT);
        let mut memory = call
            .app
            .manifests
            .acquire(call.client(), first as u64)
            .await?;
        memory.register_body(self.progress());
        let mut collected = Segments::new(first);
        while let Some(piece) = self.next().await.transpose().map_err(incomplete_manifest)? {
            let length = collected.length() + piece.len();
            if length > limit {
                return Err(too_large(limit));
            }
            if length > first {
                let needed = length.next_multiple_of(SEGMENT).min(announced);
                memory.grow_to(needed as u64).await?;
            }
            collected.append(&piece);
        }
        Ok(Collected {
            bytes: collected.concat(),
            memory,
        })
    }

    /// Returns the progress of the body, unless all of it has been received.
    fn progress(&self) -> Option<Arc<Progress>> {
        self.frames.as_ref().map(|_| Arc::clone(&self.progress))
    }

    /// Counts the bytes of a frame, or checks the total length at the end of the body.
    fn accept_frame(&mut self, frame: Option<Frame<Bytes>>) -> Option<Result<Bytes>> {
        let Some(frame) = frame else {
            self.frames = None;
            return self.check_end().err().map(Err);
        };
        let bytes = frame.into_data().unwrap_or_default();
        self.progress.receive(bytes.len());
        self.received += bytes.len() as u64;
        match self.announced {
            Some(announced) if self.received > announced => {
                Some(Err(wrong_length(announced, self.received)))
            }
            _ => Some(Ok(bytes)),
        }
    }

    fn check_end(&self) -> Result<()> {
        match self.announced {
            Some(announced) if self.received < announced => {
                Err(wrong_length(announced, self.received))
            }
            _ => Ok(()),
        }
    }

    fn fail(&mut self, error: Box<dyn std::error::Error + Send + Sync>) -> Error {
        self.frames = None;
        if error.is::<TimeoutError>() {
            let message = format!(
                "timed out: no data of the request body arrived within {} seconds",
                self.limits.idle.as_secs_f64()
            );
            let detail =
                json!({"received": self.received, "idleSeconds": self.limits.idle.as_secs_f64()});
            return Error::new(Kind::BodyTimeout, message).with_detail(detail);
        }
        Error::new(Kind::BodyIncomplete, "the request body ended early")
            .with_detail(json!({"received": self.received, "announced": self.announced}))
            .with_source(error)
    }

    fn fail_slow(&mut self) -> Error {
        self.frames = None;
        let message =
            "the request body arrived too slowly while other clients or a shutdown waited";
        Error::new(Kind::BodyTimeout, message).with_detail(json!({"received": self.received}))
    }
}

impl Stream for RequestBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.awaits_continue = false;
        let Some(pieces) = &mut self.frames else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = pieces.as_mut().poll_frame(context) else {
            return if self.progress.wait(context) {
                Poll::Ready(Some(Err(self.fail_slow())))
            } else {
                Poll::Pending
            };
        };
        match frame.transpose() {
            Ok(frame) => Poll::Ready(self.accept_frame(frame)),
            Err(error) => Poll::Ready(Some(Err(self.fail(error)))),
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(pieces) = self.frames.take().filter(|_| !self.awaits_continue) else {
            return;
        };
        // `drop` cannot wait, so a task drains the rest. Outside of a runtime, no connection is
        // open, so there is nothing to drain.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(drain(pieces, self.limits.clone()));
        }
    }
}

/// Discards the rest of a body until its end, the size limit or the time limit.
async fn drain(mut pieces: Frames, limits: BodyLimits) {
    let reading = async {
        let mut drained = 0;
        while drained < limits.drained_bytes {
            let Some(Ok(frame)) = pieces.frame().await else {
                return;
            };
            drained += frame.data_ref().map_or(0, Bytes::len) as u64;
        }
    };
    let _ = tokio::time::timeout(limits.drain_time, reading).await;
}

/// Converts the error of a manifest that ended early. The error code of an incomplete body is that of
/// an upload of a blob.
fn incomplete_manifest(error: Error) -> Error {
    if *error.kind() != Kind::BodyIncomplete {
        return error;
    }
    Error::new(Kind::MANIFEST_INVALID, error.message())
        .with_detail(error.detail())
        .with_source(error)
}

fn too_large(limit: usize) -> Error {
    let message = format!("the manifest exceeds the limit of {limit} bytes");
    Error::new(Kind::TooLarge, message).with_detail(json!({"limit": limit}))
}

fn wrong_length(announced: u64, received: u64) -> Error {
    let message =
        format!("the request body has {received} bytes, but {announced} bytes were announced");
    Error::new(Kind::SizeInvalid, message)
        .with_detail(json!({"announced": announced, "received": received}))
}
