//! A body on its way through the proxy, with harm done to it at one position.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::task::JoinHandle;

use super::BodyFault;
use super::record::Record;

type Step = Poll<Option<io::Result<Frame<Bytes>>>>;

/// What is passed on of a body.
pub(super) struct Passing {
    body: Incoming,
    fault: Option<BodyFault>,
    /// Bytes passed on.
    passed: Arc<AtomicU64>,
    /// Whether the body has come to where it is to break or stop, and what is before that was sent.
    flushed: bool,
    record: Arc<Record>,
    /// The connection that the body comes from, ended together with it.
    _upstream: Option<Upstream>,
}

/// A connection to the registry; dropped, it breaks.
pub(super) struct Upstream(pub(super) JoinHandle<()>);

impl Drop for Upstream {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Passing {
    pub(super) fn new(
        body: Incoming,
        fault: Option<BodyFault>,
        passed: Arc<AtomicU64>,
        record: &Arc<Record>,
        upstream: Option<Upstream>,
    ) -> Self {
        let length = body.size_hint().exact();
        let fault = fault
            .filter(|_| length != Some(0))
            .map(|fault| fault.within(length));
        Self {
            body,
            fault,
            passed,
            flushed: false,
            record: Arc::clone(record),
            _upstream: upstream,
        }
    }

    /// The length that a body has which is cut short as though that were all.
    pub(super) fn truncated_length(&self) -> Option<u64> {
        match self.fault {
            Some(BodyFault::Truncate(position)) => Some(position),
            _ => None,
        }
    }

    /// At the position where the body goes no further.
    fn end(&mut self, fault: BodyFault, context: &mut Context<'_>) -> Step {
        if !self.flushed {
            // Whoever writes this body sends what it has before it asks again.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        match fault {
            BodyFault::Cut(_) => {
                Poll::Ready(Some(Err(io::Error::other("the proxy cuts the connection"))))
            }
            BodyFault::Truncate(_) => Poll::Ready(None),
            BodyFault::Stall(_) | BodyFault::Flip(_) => self.stall(context),
        }
    }

    /// Reads on, so that the end of whoever sends is noticed, and passes nothing on.
    fn stall(&mut self, context: &mut Context<'_>) -> Step {
        self.record.stall();
        while let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) {
            if let Err(error) = frame {
                return Poll::Ready(Some(Err(io::Error::other(error))));
            }
        }
        Poll::Pending
    }

    /// What of a piece that begins at `begin` is passed on.
    fn piece(&self, begin: u64, piece: Bytes) -> Bytes {
        let place =
            |position: u64| usize::try_from(position.saturating_sub(begin)).unwrap_or(usize::MAX);
        match self.fault {
            None => piece,
            Some(BodyFault::Flip(position))
                if position < begin || place(position) >= piece.len() =>
            {
                piece
            }
            Some(BodyFault::Flip(position)) => {
                let mut bytes = piece.to_vec();
                bytes[place(position)] ^= 1;
                bytes.into()
            }
            Some(BodyFault::Cut(end) | BodyFault::Truncate(end) | BodyFault::Stall(end)) => {
                piece.slice(..piece.len().min(place(end)))
            }
        }
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Step {
        let passed = self.passed.load(Ordering::Relaxed);
        if let Some(fault) = self.fault.filter(|fault| fault.end() == Some(passed)) {
            return self.end(fault, context);
        }
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else {
            return Poll::Ready(None);
        };
        let frame = frame.map_err(io::Error::other)?;
        Poll::Ready(Some(Ok(frame.map_data(|piece| {
            let piece = self.piece(passed, piece);
            self.passed.fetch_add(piece.len() as u64, Ordering::Relaxed);
            piece
        }))))
    }

    fn is_end_stream(&self) -> bool {
        self.fault.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.truncated_length() {
            Some(length) => SizeHint::with_exact(length - self.passed.load(Ordering::Relaxed)),
            None => self.body.size_hint(),
        }
    }
}

impl BodyFault {
    /// The same within a body of that length.
    fn within(self, length: Option<u64>) -> Self {
        let place = |position: u64| length.map_or(position, |length| position % length);
        match self {
            Self::Cut(position) => Self::Cut(place(position)),
            Self::Truncate(position) => Self::Truncate(place(position)),
            Self::Stall(position) => Self::Stall(place(position)),
            Self::Flip(position) => Self::Flip(place(position)),
        }
    }

    /// Where nothing more is passed on.
    fn end(self) -> Option<u64> {
        match self {
            Self::Cut(position) | Self::Truncate(position) | Self::Stall(position) => {
                Some(position)
            }
            Self::Flip(_) => None,
        }
    }
}
