//! Content in transit: one buffer, or a stream of chunks.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, Stream, StreamExt};

use crate::{Error, Kind, Result};

/// Bytes of a blob or manifest, in memory or as a stream. [`Body::collect`] reads all of them into
/// memory, up to a limit.
///
/// A stream that ends with an error has not delivered the full content.
pub enum Body {
    /// The full content in one buffer.
    Full(Bytes),
    /// The content in chunks.
    Stream {
        /// Chunks of the content, in order.
        pieces: BoxStream<'static, Result<Bytes>>,
        /// Total number of bytes in the remaining chunks, if known in advance.
        length: Option<u64>,
    },
}

impl Body {
    /// Creates an empty body.
    pub fn empty() -> Self {
        Self::Full(Bytes::new())
    }

    /// Creates a streamed body of unknown length.
    pub fn from_stream(pieces: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Self::Stream {
            pieces: pieces.boxed(),
            length: None,
        }
    }

    /// Creates a streamed body of `length` bytes. The stream has fewer bytes only if it ends with
    /// an error.
    pub fn with_length(
        length: u64,
        pieces: impl Stream<Item = Result<Bytes>> + Send + 'static,
    ) -> Self {
        Self::Stream {
            pieces: pieces.boxed(),
            length: Some(length),
        }
    }

    /// Returns the number of remaining bytes, if known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Stream { length, .. } => *length,
        }
    }

    /// Collects all bytes into one buffer.
    ///
    /// # Errors
    /// Returns [`Kind::TooLarge`] as soon as the body exceeds `limit` bytes, and the error of the
    /// stream if it fails.
    pub async fn collect(self, limit: usize) -> Result<Bytes> {
        let too_large = || Error::new(Kind::TooLarge, format!("the content exceeds {limit} bytes"));
        let mut pieces = match self {
            Self::Full(bytes) if bytes.len() <= limit => return Ok(bytes),
            Self::Full(_) => return Err(too_large()),
            Self::Stream { pieces, .. } => pieces,
        };
        let mut collected = BytesMut::new();
        while let Some(piece) = pieces.next().await.transpose()? {
            if collected.len() + piece.len() > limit {
                return Err(too_large());
            }
            collected.extend_from_slice(&piece);
        }
        Ok(collected.freeze())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Full(bytes)
    }
}

impl Stream for Body {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Self::Stream { pieces, length } => {
                let piece = pieces.poll_next_unpin(context);
                if let (Poll::Ready(Some(Ok(piece))), Some(length)) = (&piece, length) {
                    *length = length.saturating_sub(piece.len() as u64);
                }
                piece
            }
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(bytes) => write!(formatter, "Body({} bytes)", bytes.len()),
            Self::Stream {
                length: Some(length),
                ..
            } => write!(formatter, "Body(stream of {length} bytes)"),
            Self::Stream { length: None, .. } => formatter.write_str("Body(stream)"),
        }
    }
}
