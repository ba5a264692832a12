//! The body of a request, on its way to the registry.
//!
//! It ends with an error when its sender stands still for too long, hangs up, or sends another
//! number of bytes than was announced. A body that nobody reads to its end, because the request was
//! refused, is drained: closing a connection while the client sends lets it see a broken pipe
//! instead of the answer. The amount is bounded, and a client that asked with
//! `Expect: 100-continue` and was not told to go on sends nothing that would have to be drained.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, header};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use portolan_registry::{Body, Error, Kind, Result};
use serde_json::json;
use tokio::runtime::Handle;
use tower_http::timeout::{TimeoutBody, TimeoutError};

use crate::settings::Settings;

/// How long a body may stand still, and how much of a refused one is read.
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
            drain_time: settings.timeouts.refused_body,
        }
    }
}

type Pieces = Pin<Box<TimeoutBody<axum::body::Body>>>;

/// The bytes that a client sends with a request.
pub(crate) struct RequestBody {
    /// Nothing once the end was reached.
    pieces: Option<Pieces>,
    taken: u64,
    announced: Option<u64>,
    /// The client waits to be told to go on, which reading the body does.
    awaits_continue: bool,
    limits: BodyLimits,
}

impl RequestBody {
    pub(crate) fn new(body: axum::body::Body, headers: &HeaderMap, limits: &BodyLimits) -> Self {
        let announced = body.size_hint().exact();
        let expect = headers.get(header::EXPECT);
        let pieces = (!body.is_end_stream()).then(|| Box::pin(TimeoutBody::new(limits.idle, body)));
        Self {
            pieces,
            taken: 0,
            announced,
            awaits_continue: expect
                .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")),
            limits: limits.clone(),
        }
    }

    /// The same body, which must have this number of bytes.
    ///
    /// # Errors
    /// [`Kind::SizeInvalid`] when another number is announced.
    pub(crate) fn of_length(mut self, length: u64) -> Result<Self> {
        if self.announced.is_some_and(|announced| announced != length) {
            return Err(wrong_length(length, self.announced.unwrap_or_default()));
        }
        self.announced = Some(length);
        Ok(self)
    }

    /// The body as a registry takes it.
    pub(crate) fn into_stream(self) -> Body {
        if self.pieces.is_none() && self.announced.unwrap_or_default() == 0 {
            return Body::empty();
        }
        Body::stream(self)
    }

    /// All of it in one piece.
    ///
    /// # Errors
    /// [`Kind::TooLarge`] over `limit` bytes, before anything is read if the length is announced;
    /// [`Kind::BodyTimeout`], [`Kind::BodyIncomplete`].
    pub(crate) async fn collect(mut self, limit: usize) -> Result<Bytes> {
        let announced = self
            .announced
            .map_or(Ok(0), usize::try_from)
            .unwrap_or(usize::MAX);
        if announced > limit {
            return Err(too_large(limit));
        }
        let mut collected = BytesMut::with_capacity(announced);
        while let Some(piece) = self.next().await.transpose()? {
            if collected.len() + piece.len() > limit {
                return Err(too_large(limit));
            }
            collected.extend_from_slice(&piece);
        }
        Ok(collected.freeze())
    }

    /// Counts a piece, or finds that the body is at its end.
    fn received(&mut self, frame: Option<Frame<Bytes>>) -> Option<Result<Bytes>> {
        let Some(frame) = frame else {
            self.pieces = None;
            return self.check_end().err().map(Err);
        };
        let bytes = frame.into_data().unwrap_or_default();
        self.taken += bytes.len() as u64;
        match self.announced {
            Some(announced) if self.taken > announced => {
                Some(Err(wrong_length(announced, self.taken)))
            }
            _ => Some(Ok(bytes)),
        }
    }

    fn check_end(&self) -> Result<()> {
        match self.announced {
            Some(announced) if self.taken < announced => Err(wrong_length(announced, self.taken)),
            _ => Ok(()),
        }
    }

    fn broken(&mut self, error: Box<dyn std::error::Error + Send + Sync>) -> Error {
        self.pieces = None;
        if error.is::<TimeoutError>() {
            let message = format!(
                "no more of the request's body came within {} seconds",
                self.limits.idle.as_secs_f64()
            );
            let detail =
                json!({"received": self.taken, "idleSeconds": self.limits.idle.as_secs_f64()});
            return Error::new(Kind::BodyTimeout, message).with_detail(detail);
        }
        Error::new(
            Kind::BodyIncomplete,
            "the request's body ended before it was complete",
        )
        .with_detail(json!({"received": self.taken, "announced": self.announced}))
        .with_source(error)
    }
}

impl Stream for RequestBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.awaits_continue = false;
        let Some(pieces) = &mut self.pieces else {
            return Poll::Ready(None);
        };
        match ready!(pieces.as_mut().poll_frame(context)).transpose() {
            Ok(frame) => Poll::Ready(self.received(frame)),
            Err(error) => Poll::Ready(Some(Err(self.broken(error)))),
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(pieces) = self.pieces.take().filter(|_| !self.awaits_continue) else {
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(drain(pieces, self.limits.clone()));
        }
    }
}

/// Reads on until the end, the limit or the time is reached.
async fn drain(mut pieces: Pieces, limits: BodyLimits) {
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

fn too_large(limit: usize) -> Error {
    let message = format!("a manifest may have at most {limit} bytes here");
    Error::new(Kind::TooLarge, message).with_detail(json!({"limit": limit}))
}

fn wrong_length(announced: u64, received: u64) -> Error {
    let message = format!("the request's body was to have {announced} bytes, it has {received}");
    Error::new(Kind::SizeInvalid, message)
        .with_detail(json!({"announced": announced, "received": received}))
}
