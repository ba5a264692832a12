//! Bodies of requests and responses.

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

/// Error with which the stream of a request body has ended. It is recorded here because hyper
/// returns a different error instead.
pub(super) type BodyError = Arc<Mutex<Option<Error>>>;

pub(super) fn take_error(broken: &BodyError) -> Option<Error> {
    broken.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Body of a request. It is sent with `Content-Length` if the length is known, and otherwise with
/// chunked encoding.
pub(super) struct OutgoingBody {
    body: Body,
    error: BodyError,
}

impl OutgoingBody {
    pub(super) fn new(body: Body, broken: BodyError) -> Self {
        Self {
            body,
            error: broken,
        }
    }
}

impl http_body::Body for OutgoingBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let chunk = ready!(Pin::new(&mut self.body).poll_next(context)).transpose();
        let frame = chunk.map(|chunk| chunk.map(Frame::data)).map_err(|error| {
            *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            io::Error::other("the request body failed")
        });
        Poll::Ready(frame.transpose())
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.body, Body::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .length()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Converts the body of a response into a stream.
pub(super) fn incoming_body(body: Incoming) -> Body {
    let failed = |error| {
        Error::new(Kind::BodyIncomplete, "the response body ended early").with_source(error)
    };
    Body::from_stream(
        body.into_data_stream()
            .map(move |chunk| chunk.map_err(|error: hyper::Error| failed(error))),
    )
}
