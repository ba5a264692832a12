//! What a request brings along, and how far that has come.

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

/// The body of a request: one that is at hand can be sent again, a stream only while it is untouched.
#[derive(Clone)]
pub(crate) enum Payload {
    Whole(Bytes),
    Stream(Arc<Source>),
}

/// A stream, until somebody sends it.
pub(crate) struct Source {
    untouched: Mutex<Option<Body>>,
    length: Option<u64>,
    sent: AtomicU64,
    /// The error that the stream ended with, which the HTTP library would bury under its own.
    broken: Mutex<Option<Error>>,
}

impl Payload {
    pub(crate) fn empty() -> Self {
        Self::Whole(Bytes::new())
    }

    /// Whether all of it is still there to be sent.
    pub(crate) fn is_there(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Stream(source) => lock(&source.untouched).is_some(),
        }
    }

    /// Number of bytes that were handed to the HTTP library.
    pub(crate) fn sent(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Stream(source) => source.sent.load(Ordering::Relaxed),
        }
    }

    /// The error that the stream ended with, told once.
    pub(crate) fn take_error(&self) -> Option<Error> {
        match self {
            Self::Whole(_) => None,
            Self::Stream(source) => lock(&source.broken).take(),
        }
    }

    /// As the HTTP library takes it; the second value tells how it goes.
    pub(crate) fn open(&self) -> (reqwest::Body, Arc<Progress>) {
        let progress = Arc::new(Progress::begin());
        let body = match self {
            Self::Whole(bytes) => bytes.clone().into(),
            Self::Stream(source) => reqwest::Body::wrap(Outgoing {
                source: Arc::clone(source),
                left: source.length,
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
            Body::Whole(bytes) => Self::Whole(bytes),
            stream @ Body::Stream { .. } => Self::Stream(Arc::new(Source {
                length: stream.length(),
                untouched: Mutex::new(Some(stream)),
                sent: AtomicU64::new(0),
                broken: Mutex::new(None),
            })),
        }
    }
}

/// When something last went out, and whether there was anything to send.
pub(crate) struct Progress {
    last: Mutex<Instant>,
    starving: AtomicBool,
}

impl Progress {
    fn begin() -> Self {
        Self {
            last: Mutex::new(Instant::now()),
            starving: AtomicBool::new(false),
        }
    }

    fn moved(&self) {
        *lock(&self.last) = Instant::now();
        self.starving.store(false, Ordering::Relaxed);
    }

    /// When a silence of `idle` will be the other side's: not before there is something to send.
    fn deadline(&self, idle: Duration) -> Instant {
        let since = if self.starving.load(Ordering::Relaxed) {
            Instant::now()
        } else {
            *lock(&self.last)
        };
        since + idle
    }

    /// What comes of `future`, or nothing if the other side is silent for as long as `idle`.
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
            if self.deadline(idle) <= Instant::now() {
                return None;
            }
        }
    }
}

/// A stream on its way: with its length if that is known, else in chunks.
struct Outgoing {
    source: Arc<Source>,
    left: Option<u64>,
    /// Never locked by two: it makes the stream one that threads may share, as the library wants it.
    body: Mutex<Option<Body>>,
    progress: Arc<Progress>,
}

impl Outgoing {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let body = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        if body.is_none() {
            *body = lock(&self.source.untouched).take();
        }
        let Some(stream) = body else {
            return Poll::Ready(Some(Err(io::Error::other("the body was sent before"))));
        };
        let Poll::Ready(piece) = Pin::new(stream).poll_next(context) else {
            self.progress.starving.store(true, Ordering::Relaxed);
            return Poll::Pending;
        };
        self.progress.moved();
        Poll::Ready(piece.map(|piece| {
            piece.map_err(|error| {
                *lock(&self.source.broken) = Some(error);
                io::Error::other("the body broke off")
            })
        }))
    }
}

impl http_body::Body for Outgoing {
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
            self.left = self.left.map(|left| left.saturating_sub(length));
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
