//! Content on its way: one piece that is at hand, or a stream of pieces.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, Stream, StreamExt};

use crate::{Error, Kind, Result};

/// The bytes of a blob or manifest, never collected unless somebody asks for it with a limit.
///
/// A stream that ends with an error has not given all of the content.
pub enum Body {
    /// All of it, at hand.
    Whole(Bytes),
    /// Piece by piece.
    Stream {
        /// The pieces, in order.
        pieces: BoxStream<'static, Result<Bytes>>,
        /// Number of bytes that they have together, where that is known before they come.
        length: Option<u64>,
    },
}

impl Body {
    /// A body without bytes.
    pub fn empty() -> Self {
        Self::Whole(Bytes::new())
    }

    /// A body that comes piece by piece, nobody knows how many.
    pub fn stream(pieces: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Self::Stream {
            pieces: pieces.boxed(),
            length: None,
        }
    }

    /// A body that comes piece by piece and has `length` bytes, unless it ends with an error.
    pub fn sized(length: u64, pieces: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Self::Stream {
            pieces: pieces.boxed(),
            length: Some(length),
        }
    }

    /// Number of bytes that are still to come, where that is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Stream { length, .. } => *length,
        }
    }

    /// All of the bytes in one piece.
    ///
    /// # Errors
    /// [`Kind::TooLarge`] as soon as there are more than `limit` bytes, and whatever error the
    /// stream ends with.
    pub async fn collect(self, limit: usize) -> Result<Bytes> {
        let too_large = || Error::new(Kind::TooLarge, format!("more than {limit} bytes"));
        let mut pieces = match self {
            Self::Whole(bytes) if bytes.len() <= limit => return Ok(bytes),
            Self::Whole(_) => return Err(too_large()),
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
        Self::Whole(bytes)
    }
}

impl Stream for Body {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
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
            Self::Whole(bytes) => write!(formatter, "Body({} bytes)", bytes.len()),
            Self::Stream {
                length: Some(length),
                ..
            } => write!(formatter, "Body(stream of {length} bytes)"),
            Self::Stream { length: None, .. } => formatter.write_str("Body(stream)"),
        }
    }
}
