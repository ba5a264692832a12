//! Bodies on their way out and in.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use portolan_registry::{Body, Error, Kind};

/// The error that a body ended with, which hyper would bury under its own.
pub(super) type Broken = Arc<Mutex<Option<Error>>>;

pub(super) fn take(broken: &Broken) -> Option<Error> {
    broken.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The body of a request: with its length if that is known, else in chunks.
pub(super) struct Outgoing {
    body: Body,
    broken: Broken,
}

impl Outgoing {
    pub(super) fn new(body: Body, broken: Broken) -> Self {
        Self { body, broken }
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = ready!(Pin::new(&mut self.body).poll_next(context)).transpose();
        let frame = piece.map(|piece| piece.map(Frame::data)).map_err(|error| {
            *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            io::Error::other("the body broke off")
        });
        Poll::Ready(frame.transpose())
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.body, Body::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .length()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The body of an answer, piece by piece.
pub(super) fn incoming(body: Incoming) -> Body {
    let failed =
        |error| Error::new(Kind::BodyIncomplete, "the answer broke off").with_source(error);
    Body::stream(
        body.into_data_stream()
            .map(move |piece| piece.map_err(|error: hyper::Error| failed(error))),
    )
}
