//! Building answers, each with the length of its content.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body::{Frame, SizeHint};
use portolan_registry::{Error, Result};
use serde::Serialize;

use crate::error::Answer;

/// An answer in the making.
pub(crate) struct Reply(Response);

impl Reply {
    pub(crate) fn new(status: StatusCode) -> Self {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        Self(response)
    }

    /// Adds a header, which may stand there several times. A value that no header can hold is left
    /// out: names, digests and paths never are one.
    pub(crate) fn header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.0.headers_mut().append(name, value);
        }
        self
    }

    /// Without content.
    pub(crate) fn empty(self) -> Response {
        match self.0.status() {
            StatusCode::NO_CONTENT => self.0,
            _ => self.head(0),
        }
    }

    /// Without content, but with the length that it would have: the answer to HEAD, and to whoever
    /// has the content already.
    pub(crate) fn head(self, length: u64) -> Response {
        self.header(header::CONTENT_LENGTH, length).0
    }

    /// With content of this length.
    pub(crate) fn content(self, length: u64, body: portolan_registry::Body) -> Response {
        let mut response = self.head(length);
        *response.body_mut() = match body {
            portolan_registry::Body::Whole(bytes) if bytes.len() as u64 == length => {
                Body::from(bytes)
            }
            pieces => Body::new(Content {
                pieces,
                left: length,
            }),
        };
        response
    }

    /// With a JSON document of the media type that a header says, or else plainly JSON. It may hold
    /// what strangers wrote, so browsers are told to take it for nothing else.
    pub(crate) fn json(mut self, document: &impl Serialize) -> Answer {
        let plain = HeaderValue::from_static("application/json");
        let headers = self.0.headers_mut();
        headers.entry(header::CONTENT_TYPE).or_insert(plain);
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        let bytes =
            serde_json::to_vec(document).map_err(|error| Error::internal("writing JSON", error))?;
        Ok(self.content(bytes.len() as u64, Bytes::from(bytes).into()))
    }
}

/// A registry's content as the body of an answer: exactly as long as was said.
struct Content {
    pieces: portolan_registry::Body,
    left: u64,
}

impl Content {
    fn take(&mut self, piece: Option<Bytes>) -> Result<Option<Frame<Bytes>>, BrokenContent> {
        let Some(piece) = piece else {
            return if self.left == 0 {
                Ok(None)
            } else {
                Err(BrokenContent::Short(self.left))
            };
        };
        self.left = self
            .left
            .checked_sub(piece.len() as u64)
            .ok_or(BrokenContent::Long)?;
        Ok(Some(Frame::data(piece)))
    }
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = BrokenContent;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenContent>>> {
        let piece = ready!(Pin::new(&mut self.pieces).poll_next(context));
        let frame = piece
            .transpose()
            .map_err(BrokenContent::Failed)
            .and_then(|piece| self.take(piece));
        if let Err(error) = &frame {
            tracing::error!(error = %Causes(error), "an answer that had begun could not be finished");
        }
        Poll::Ready(frame.transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Why content could not be sent to its end. The connection is cut, so that nobody takes what was
/// sent for the whole.
#[derive(Debug, thiserror::Error)]
enum BrokenContent {
    #[error("the registry's stream failed")]
    Failed(#[source] Error),
    #[error("the registry's stream ended {0} bytes early")]
    Short(u64),
    #[error("the registry's stream is longer than it said")]
    Long,
}

/// An error with all that caused it, in one line.
pub(crate) struct Causes<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(formatter, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
