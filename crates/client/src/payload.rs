//! Body of a request, and the progress of sending it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Frame, SizeHint};
use portolan_registry::{Body, Error};
use tokio::time::Instant;

/// Body of a request. Bytes can be sent again. A stream can be sent again only if nothing was read
/// from it.
#[derive(Clone)]
pub(crate) enum Payload {
    Full(Bytes),
    Stream(Arc<StreamSource>),
}

/// Body that is a stream and can be sent once.
pub(crate) struct StreamSource {
    /// Stream, until the HTTP library reads from it for the first time.
    unsent: Mutex<Option<Body>>,
    /// Length of the stream, if known.
    length: Option<u64>,
    /// Number of bytes that the HTTP library has read.
    sent: AtomicU64,
    /// Error of the stream. It is recorded here, because the HTTP library returns a different
    /// error.
    error: Mutex<Option<Error>>,
}

impl Payload {
    pub(crate) fn empty() -> Self {
        Self::Full(Bytes::new())
    }

    /// Returns whether the body can be sent from its beginning.
    pub(crate) fn is_available(&self) -> bool {
        match self {
            Self::Full(_) => true,
            Self::Stream(source) => lock(&source.unsent).is_some(),
        }
    }

    /// Returns the number of bytes that the HTTP library has read from the body.
    pub(crate) fn sent_bytes(&self) -> u64 {
        match self {
            Self::Full(bytes) => bytes.len() as u64,
            Self::Stream(source) => source.sent.load(Ordering::Relaxed),
        }
    }

    /// Returns the error that ended the stream, and clears it.
    pub(crate) fn take_error(&self) -> Option<Error> {
        match self {
            Self::Full(_) => None,
            Self::Stream(source) => lock(&source.error).take(),
        }
    }

    /// Creates the body for the HTTP library, and the progress of sending it.
    pub(crate) fn start_sending(&self) -> (reqwest::Body, Arc<Progress>) {
        let progress = Arc::new(Progress::start());
        let body = match self {
            Self::Full(bytes) => bytes.clone().into(),
            Self::Stream(source) => reqwest::Body::wrap(OutgoingBody {
                source: Arc::clone(source),
                remaining: source.length,
                body: Mutex::new(None),
                progress: Arc::clone(&progress),
            }),
        };
        (body, progress)
    }
}

impl From<Body> for Payload {
    fn from(body: Body) -> Self {
        match body {
            Body::Full(bytes) => Self::Full(bytes),
            stream @ Body::Stream { .. } => Self::Stream(Arc::new(StreamSource {
                length: stream.length(),
                unsent: Mutex::new(Some(stream)),
                sent: AtomicU64::new(0),
                error: Mutex::new(None),
            })),
        }
    }
}

/// Progress of sending a request, to detect a server that does not respond.
pub(crate) struct Progress {
    /// Time when the HTTP library last read data to send.
    last: Mutex<Instant>,
    /// True while the HTTP library waits for the stream to produce more data.
    is_starving: AtomicBool,
}

impl Progress {
    fn start() -> Self {
        Self {
            last: Mutex::new(Instant::now()),
            is_starving: AtomicBool::new(false),
        }
    }

    fn record(&self) {
        *lock(&self.last) = Instant::now();
        self.is_starving.store(false, Ordering::Relaxed);
    }

    /// Returns the time when the request times out after `idle` without progress. While the stream
    /// has no data to send, the server is not the cause, so the deadline is always `idle` from now.
    fn deadline(&self, idle: Duration) -> Instant {
        let since = if self.is_starving.load(Ordering::Relaxed) {
            Instant::now()
        } else {
            *lock(&self.last)
        };
        since + idle
    }

    /// Returns the output of `future`, or `None` if the server makes no progress for `idle`.
    pub(crate) async fn unless_silent<F: Future>(
        &self,
        idle: Duration,
        future: F,
    ) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        loop {
            if let Ok(done) = tokio::time::timeout_at(self.deadline(idle), &mut future).await {
                return Some(done);
            }
            // The deadline has moved if data was sent in the meantime, or if the stream has no data
            // to send.
            if self.deadline(idle) <= Instant::now() {
                return None;
            }
        }
    }
}

/// Adapter from a [`StreamSource`] to the body type of the HTTP library. A body of known length is
/// sent with `Content-Length`, and any other body with chunked encoding.
struct OutgoingBody {
    source: Arc<StreamSource>,
    /// Number of bytes that are still to be sent, if known.
    remaining: Option<u64>,
    /// Stream, from the first poll on. The mutex is never contended: it only makes the body `Sync`,
    /// as the HTTP library requires.
    body: Mutex<Option<Body>>,
    progress: Arc<Progress>,
}

impl OutgoingBody {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        // The stream is removed from its source at the first poll and not earlier. If the request
        // fails before the first poll, for example to connect, it can be sent again.
        let body = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        if body.is_none() {
            *body = lock(&self.source.unsent).take();
        }
        let Some(stream) = body else {
            return Poll::Ready(Some(Err(io::Error::other("the body was already sent"))));
        };
        let Poll::Ready(piece) = Pin::new(stream).poll_next(context) else {
            self.progress.is_starving.store(true, Ordering::Relaxed);
            return Poll::Pending;
        };
        self.progress.record();
        Poll::Ready(piece.map(|piece| {
            piece.map_err(|error| {
                *lock(&self.source.error) = Some(error);
                io::Error::other("the body ended early")
            })
        }))
    }
}

impl http_body::Body for OutgoingBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Poll::Ready(piece) = self.poll(context) else {
            return Poll::Pending;
        };
        if let Some(Ok(piece)) = &piece {
            let length = piece.len() as u64;
            self.source.sent.fetch_add(length, Ordering::Relaxed);
            self.remaining = self.remaining.map(|left| left.saturating_sub(length));
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.remaining
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
