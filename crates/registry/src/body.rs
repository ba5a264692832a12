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
    Stream(BoxStream<'static, Result<Bytes>>),
}

impl Body {
    /// A body without bytes.
    pub fn empty() -> Self {
        Self::Whole(Bytes::new())
    }

    /// A body that comes piece by piece.
    pub fn stream(pieces: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Self::Stream(pieces.boxed())
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
            Self::Stream(pieces) => pieces,
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
            Self::Stream(pieces) => pieces.poll_next_unpin(context),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(formatter, "Body({} bytes)", bytes.len()),
            Self::Stream(_) => formatter.write_str("Body(stream)"),
        }
    }
}
