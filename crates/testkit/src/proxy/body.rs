//! Body that the proxy forwards, with an optional fault at one position.

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

type FramePoll = Poll<Option<io::Result<Frame<Bytes>>>>;

/// Forwarded body of a request or a response.
pub(super) struct FaultyBody {
    body: Incoming,
    fault: Option<BodyFault>,
    /// Number of forwarded bytes.
    passed: Arc<AtomicU64>,
    /// True once the body was polled at the position of its fault. At the next poll, hyper has sent
    /// the bytes before the fault.
    flushed: bool,
    record: Arc<Record>,
    /// Connection from which a response body is read. It ends together with the body.
    _upstream: Option<UpstreamConnection>,
}

/// Task that drives a connection to the registry. Dropping it breaks the connection.
pub(super) struct UpstreamConnection(pub(super) JoinHandle<()>);

impl Drop for UpstreamConnection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl FaultyBody {
    pub(super) fn new(
        body: Incoming,
        fault: Option<BodyFault>,
        passed: Arc<AtomicU64>,
        record: &Arc<Record>,
        upstream: Option<UpstreamConnection>,
    ) -> Self {
        let length = body.size_hint().exact();
        let fault = fault
            .filter(|_| length != Some(0))
            .map(|fault| fault.wrap_position(length));
        Self {
            body,
            fault,
            passed,
            flushed: false,
            record: Arc::clone(record),
            _upstream: upstream,
        }
    }

    /// Returns the length of the body after truncation if its fault is [`BodyFault::Truncate`].
    pub(super) fn truncated_length(&self) -> Option<u64> {
        match self.fault {
            Some(BodyFault::Truncate(position)) => Some(position),
            _ => None,
        }
    }

    /// Applies the fault when the body has reached its position.
    fn reach_fault(&mut self, fault: BodyFault, context: &mut Context<'_>) -> FramePoll {
        if !self.flushed {
            // Hyper sends the buffered bytes before it polls the body again, so the fault is
            // applied at the next poll.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        match fault {
            BodyFault::Cut(_) => {
                Poll::Ready(Some(Err(io::Error::other("connection cut by the proxy"))))
            }
            BodyFault::Truncate(_) => Poll::Ready(None),
            BodyFault::Stall(_) | BodyFault::Flip(_) => self.stall(context),
        }
    }

    /// Reads the rest of the body without forwarding it, so that a disconnect of the sender is
    /// detected. Never ends the body.
    fn stall(&mut self, context: &mut Context<'_>) -> FramePoll {
        self.record.report_stall();
        while let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) {
            if let Err(error) = frame {
                return Poll::Ready(Some(Err(io::Error::other(error))));
            }
        }
        Poll::Pending
    }

    /// Returns the bytes to forward for a chunk that begins at offset `begin`: truncated at the
    /// position of the fault, or with a flipped bit.
    fn forwarded_part(&self, begin: u64, chunk: Bytes) -> Bytes {
        let place =
            |position: u64| usize::try_from(position.saturating_sub(begin)).unwrap_or(usize::MAX);
        match self.fault {
            None => chunk,
            Some(BodyFault::Flip(position))
                if position < begin || place(position) >= chunk.len() =>
            {
                chunk
            }
            Some(BodyFault::Flip(position)) => {
                let mut bytes = chunk.to_vec();
                bytes[place(position)] ^= 1;
                bytes.into()
            }
            Some(BodyFault::Cut(end) | BodyFault::Truncate(end) | BodyFault::Stall(end)) => {
                chunk.slice(..chunk.len().min(place(end)))
            }
        }
    }
}

impl Body for FaultyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> FramePoll {
        let passed = self.passed.load(Ordering::Relaxed);
        if let Some(fault) = self
            .fault
            .filter(|fault| fault.end_position() == Some(passed))
        {
            return self.reach_fault(fault, context);
        }
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else {
            return Poll::Ready(None);
        };
        let frame = frame.map_err(io::Error::other)?;
        Poll::Ready(Some(Ok(frame.map_data(|chunk| {
            let chunk = self.forwarded_part(passed, chunk);
            self.passed.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            chunk
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
    /// Reduces the position modulo the length of the body, if the length is known.
    fn wrap_position(self, length: Option<u64>) -> Self {
        let place = |position: u64| length.map_or(position, |length| position % length);
        match self {
            Self::Cut(position) => Self::Cut(place(position)),
            Self::Truncate(position) => Self::Truncate(place(position)),
            Self::Stall(position) => Self::Stall(place(position)),
            Self::Flip(position) => Self::Flip(place(position)),
        }
    }

    /// Returns the position after which no bytes are forwarded, if there is one.
    fn end_position(self) -> Option<u64> {
        match self {
            Self::Cut(position) | Self::Truncate(position) | Self::Stall(position) => {
                Some(position)
            }
            Self::Flip(_) => None,
        }
    }
}
