//! Builder for responses. It sets the length of the content.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::body::Body;
use axum_core::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body::{Frame, SizeHint};
use portolan_registry::{self as registry, Error, Result};
use serde::Serialize;
use tracing::field::display;

use crate::client_address::Client;
use crate::error::HandlerResult;
use crate::held_content::HeldBody;
use crate::request_context::RequestContext;
use crate::response_memory::{ReservedMemory, SHORT_RESPONSE};

/// Maximum size of the head of a response, in bytes. A proxy in front of the server buffers the
/// entire head: by default, nginx rejects a head above 4 KiB and returns 502, although the push
/// succeeded.
const MAX_HEAD_BYTES: usize = 3_500;

/// Bytes of the head that are reserved for the status line and for the headers that are added after
/// the headers of a handler: `Content-Length`, `Date`, `Connection` and `X-Request-Id`.
const RESERVED_HEAD_BYTES: usize = 250;

/// Maximum number of header lines in a response before optional headers are skipped. Clients limit
/// the header lines of a response, for example hyper to 100, and other headers follow.
const MAX_OPTIONAL_LINES: usize = 64;

/// Response under construction.
pub(crate) struct ResponseBuilder(Response);

impl ResponseBuilder {
    pub(crate) fn new(status: StatusCode) -> Self {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        Self(response)
    }

    /// Appends a header, even if the response has a header with this name already. Skips an invalid
    /// header value. Names, digests and paths are always valid.
    pub(crate) fn header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.0.headers_mut().append(name, value);
        }
        self
    }

    /// Appends a header if it fits into the head of the response and leaves room for `reserve`
    /// further bytes. Otherwise, skips it.
    pub(crate) fn header_if_room(self, name: HeaderName, value: &str, reserve: usize) -> Self {
        let fits = header_bytes(&name, value.len()) + reserve <= self.room()
            && self.0.headers().len() < MAX_OPTIONAL_LINES;
        if fits { self.header(name, value) } else { self }
    }

    /// Returns the number of bytes that further headers may have.
    pub(crate) fn room(&self) -> usize {
        let lines = self.0.headers().iter();
        let used: usize = lines
            .map(|(name, value)| header_bytes(name, value.len()))
            .sum();
        (MAX_HEAD_BYTES - RESERVED_HEAD_BYTES).saturating_sub(used)
    }

    /// Builds a response without content.
    pub(crate) fn empty(self) -> Response {
        match self.0.status() {
            StatusCode::NO_CONTENT => self.0,
            _ => self.head(0),
        }
    }

    /// Builds a response without content that states the length of the content. For HEAD, and for a
    /// client that already has the content.
    pub(crate) fn head(self, length: u64) -> Response {
        self.header(header::CONTENT_LENGTH, length).0
    }

    /// Builds a response with short content.
    pub(crate) fn content(self, content: impl Into<Bytes>) -> Response {
        let bytes = content.into();
        let mut response = self.head(bytes.len() as u64);
        *response.body_mut() = Body::from(bytes);
        response
    }

    /// Builds the response to `call` with content of this length from the registry. Content in memory
    /// uses `memory`.
    pub(crate) fn stream(
        self,
        call: &RequestContext,
        length: u64,
        body: registry::Body,
        memory: ReservedMemory,
    ) -> Response {
        match body {
            registry::Body::Full(bytes) if bytes.len() as u64 == length => {
                self.content_in(bytes, memory, call.client())
            }
            chunks => {
                let mut response = self.head(length);
                *response.body_mut() = Body::new(SizedBody {
                    chunks,
                    remaining: length,
                    context: call.context.clone(),
                });
                response
            }
        }
    }

    /// Builds a response with a JSON document. Sets the media type `application/json`, unless a
    /// media type is already set.
    ///
    /// The document may contain text from untrusted users, so `nosniff` prevents browsers from
    /// interpreting it as another type.
    pub(crate) fn json(self, document: &impl Serialize) -> HandlerResult {
        Ok(self.json_headers().content(to_json(document)?))
    }

    /// Builds a response like [`ResponseBuilder::json`] for `client`, which uses `memory` until the
    /// content has been sent, or until the client has disconnected.
    pub(crate) fn json_in(
        self,
        document: &impl Serialize,
        mut memory: ReservedMemory,
        client: Client,
    ) -> HandlerResult {
        let bytes = to_json(document)?;
        memory.shrink_to(bytes.len());
        Ok(self.json_headers().content_in(bytes.into(), memory, client))
    }

    /// Builds a response to `client` with content that uses `memory`.
    pub(crate) fn content_in(
        self,
        content: Bytes,
        memory: ReservedMemory,
        client: Client,
    ) -> Response {
        if content.len() <= SHORT_RESPONSE {
            // A copy does not hold the manifest that the content may be a slice of.
            return self.content(Bytes::copy_from_slice(&content));
        }
        let mut response = self.head(content.len() as u64);
        *response.body_mut() = Body::new(HeldBody::new(content, memory, client));
        response
    }

    fn json_headers(mut self) -> Self {
        let plain = HeaderValue::from_static("application/json");
        let headers = self.0.headers_mut();
        headers.entry(header::CONTENT_TYPE).or_insert(plain);
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        self
    }
}

fn to_json(document: &impl Serialize) -> Result<Vec<u8>> {
    let bytes = serde_json::to_vec(document)
        .map_err(|error| Error::internal("failed to serialize JSON", error))?;
    // The vector may be twice as large as its content.
    Ok(bytes.into_boxed_slice().into_vec())
}

/// Returns the size of a header line with its colon, space and end.
fn header_bytes(name: &HeaderName, value: usize) -> usize {
    name.as_str().len() + value + ": \r\n".len()
}

/// Registry content as a response body of exactly the announced length.
struct SizedBody {
    chunks: registry::Body,
    remaining: u64,
    /// Context of the request, for the log.
    context: registry::Context,
}

impl SizedBody {
    fn log(&self, error: &BodyError) {
        let request = self.context.request_id().map(display);
        let client = self.context.client_address().map(display);
        let error = ErrorChain(error);
        tracing::error!(request, client, %error, "a response ended before its content was complete");
    }

    fn accept_chunk(&mut self, piece: Option<Bytes>) -> Result<Option<Frame<Bytes>>, BodyError> {
        let Some(piece) = piece else {
            return if self.remaining == 0 {
                Ok(None)
            } else {
                Err(BodyError::Short(self.remaining))
            };
        };
        self.remaining = self
            .remaining
            .checked_sub(piece.len() as u64)
            .ok_or(BodyError::Long)?;
        Ok(Some(Frame::data(piece)))
    }
}

impl http_body::Body for SizedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let chunk = ready!(Pin::new(&mut self.chunks).poll_next(context));
        let frame = chunk
            .transpose()
            .map_err(BodyError::Failed)
            .and_then(|chunk| self.accept_chunk(chunk));
        if let Err(error) = &frame {
            self.log(error);
        }
        Poll::Ready(frame.transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// Error while streaming content. It closes the connection, so that the client does not mistake
/// partial content for the full content.
#[derive(Debug, thiserror::Error)]
enum BodyError {
    #[error("the registry's stream failed")]
    Failed(#[source] Error),
    #[error("the registry's stream ended {0} bytes early")]
    Short(u64),
    #[error("the registry's stream is longer than announced")]
    Long,
}

/// Formatter of an error with all of its causes, on one line.
pub(crate) struct ErrorChain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl fmt::Display for ErrorChain<'_> {
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
