//! Response to a request: status, headers, and a body that is streaming or in memory.

use std::str::FromStr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderName, StatusCode};
use portolan_registry::{Error, Kind};
use reqwest::{Response, Url};
use tokio::time::timeout;

use crate::failure::{Delivery, Failure, authority, causes};
use crate::limiter::RequestPermit;

/// Maximum number of bytes to read from a body that is not needed. A connection can be reused only
/// after the body was read to its end.
const MAX_DRAINED_BYTES: usize = 64 << 10;

/// Response with any status.
pub(crate) struct RegistryResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// URL of the response, after all redirects.
    pub(crate) url: Url,
    /// True if the response comes from the requested origin and no redirect passed through another
    /// origin.
    pub(crate) same_origin: bool,
    /// Number of attempts, including the attempt that returned this response.
    pub(crate) attempts: u32,
    content: ResponseBody,
    idle: Duration,
    permit: Option<RequestPermit>,
}

enum ResponseBody {
    Streaming(Response),
    Buffered(Bytes),
}

impl RegistryResponse {
    pub(crate) fn new(response: Response, url: Url, own: bool, idle: Duration) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            url,
            same_origin: own,
            attempts: 1,
            content: ResponseBody::Streaming(response),
            idle,
            permit: None,
        }
    }

    /// Attaches the permit of the request, to hold it while the body streams.
    pub(crate) fn with_permit(self, turn: RequestPermit) -> Self {
        Self {
            permit: Some(turn),
            ..self
        }
    }

    /// Marks the response as coming from an origin that must not receive the registry's
    /// credentials.
    pub(crate) fn into_foreign(self) -> Self {
        Self {
            same_origin: false,
            ..self
        }
    }

    /// Sets the number of attempts.
    pub(crate) fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// Returns the parsed value of a header, or `None` if it is missing or malformed.
    pub(crate) fn header<T: FromStr>(&self, name: &HeaderName) -> Option<T> {
        self.headers.get(name)?.to_str().ok()?.trim().parse().ok()
    }

    /// Reads the full body into memory.
    ///
    /// # Errors
    /// Returns [`Kind::TooLarge`] if the body exceeds `limit` bytes, and [`Kind::Unavailable`] if
    /// it ends early or the server is silent for too long.
    pub(crate) async fn read_body(mut self, limit: usize) -> Result<Self, Failure> {
        if let ResponseBody::Streaming(response) = self.content {
            self.content =
                ResponseBody::Buffered(read(response, &self.url, self.idle, limit).await?);
        }
        Ok(self)
    }

    /// Reads the body into memory. Replaces it with an empty body if it exceeds `limit` bytes, ends
    /// early, or takes longer in total than the idle timeout.
    ///
    /// This is for error bodies: their text is useful, but the status is sufficient.
    pub(crate) async fn read_or_discard(mut self, limit: usize) -> Self {
        if let ResponseBody::Streaming(response) = self.content {
            let bytes = timeout(self.idle, read(response, &self.url, self.idle, limit)).await;
            self.content =
                ResponseBody::Buffered(bytes.ok().and_then(Result::ok).unwrap_or_default());
        }
        self
    }

    /// Discards the body, after draining it to make the connection reusable.
    pub(crate) async fn discard_body(mut self) -> Self {
        if let ResponseBody::Streaming(response) = self.content {
            drain(response, self.idle).await;
            self.content = ResponseBody::Buffered(Bytes::new());
        }
        self
    }

    /// Returns the body in memory. It is empty if the body is still streaming (see
    /// [`RegistryResponse::read_body`]).
    pub(crate) fn bytes(&self) -> Bytes {
        match &self.content {
            ResponseBody::Streaming(_) => Bytes::new(),
            ResponseBody::Buffered(bytes) => bytes.clone(),
        }
    }

    /// Returns the body as a stream, and the permit that the caller must hold until the stream
    /// ends.
    pub(crate) fn into_stream(
        self,
    ) -> (
        impl Stream<Item = Result<Bytes, Failure>> + Send + use<>,
        Option<RequestPermit>,
    ) {
        let pieces = match self.content {
            ResponseBody::Streaming(response) => {
                body_stream(response, self.url, self.idle).left_stream()
            }
            ResponseBody::Buffered(bytes) => stream::iter([Ok(bytes)]).right_stream(),
        };
        (pieces, self.permit)
    }
}

/// Drains the rest of a body, to make its connection reusable. Gives up if more than
/// [`MAX_DRAINED_BYTES`] arrive or the time exceeds `idle`.
pub(crate) async fn drain(mut response: Response, idle: Duration) {
    let rest = async {
        let mut left = MAX_DRAINED_BYTES;
        while let Ok(Some(piece)) = response.chunk().await {
            match left.checked_sub(piece.len()) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // The outcome does not matter: if the body is not drained, the connection is closed.
    let _ = timeout(idle, rest).await;
}

async fn read(
    response: Response,
    url: &Url,
    idle: Duration,
    limit: usize,
) -> Result<Bytes, Failure> {
    let mut read = BytesMut::new();
    let mut pieces = std::pin::pin!(body_stream(response, url.clone(), idle));
    while let Some(piece) = pieces.next().await.transpose()? {
        if read.len() + piece.len() > limit {
            let predicate = format!("sent more than the limit of {limit} bytes");
            return Err(Error::from_host(Kind::TooLarge, authority(url), predicate).into());
        }
        read.extend_from_slice(&piece);
    }
    Ok(read.freeze())
}

fn body_stream(
    response: Response,
    url: Url,
    idle: Duration,
) -> impl Stream<Item = Result<Bytes, Failure>> + Send {
    // The timeout applies to each chunk, so it ends a stalled download but not a slow download.
    stream::try_unfold(response, move |mut response| {
        let url = url.clone();
        async move {
            match timeout(idle, response.chunk()).await {
                Ok(Ok(piece)) => Ok(piece.map(|piece| (piece, response))),
                Ok(Err(error)) => Err(incomplete_body(&url, error)),
                Err(_) => Err(Failure::timeout(&url, idle)),
            }
        }
    })
}

fn incomplete_body(url: &Url, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let predicate = format!("ended the response early: {}", causes(&error));
    let failure = Error::from_host(Kind::Unavailable, authority(url), predicate);
    Failure::new(failure.with_source(error), Delivery::Unknown)
}
