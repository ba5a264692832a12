//! Division of a stream into chunks of limited length.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::Mutex;

use crate::{Body, Result};

/// Stream of known length that is sent as a sequence of bodies.
///
/// Each body must be read to its end before the next body is read.
pub(super) struct Chunks {
    source: Arc<Mutex<Source>>,
    remaining: u64,
}

struct Source {
    body: Body,
    /// Bytes that were read from `body` but belong to the next chunk.
    rest: Bytes,
}

impl Chunks {
    /// Creates chunks from a body of `length` bytes.
    pub(super) fn new(body: Body, length: u64) -> Self {
        let rest = Bytes::new();
        Self {
            source: Arc::new(Mutex::new(Source { body, rest })),
            remaining: length,
        }
    }

    /// Returns the next chunk of up to `longest` bytes, or `None` at the end.
    pub(super) fn next(&mut self, longest: u64) -> Option<Body> {
        let length = self.remaining.min(longest);
        self.remaining -= length;
        let source = Arc::clone(&self.source);
        let pieces = stream::try_unfold((source, length), |(source, left)| async move {
            let piece = source.lock().await.next(left).await?;
            Ok(piece.map(|piece| {
                let left = left - piece.len() as u64;
                (piece, (source, left))
            }))
        });
        (length > 0).then(|| Body::with_length(length, pieces))
    }
}

impl Source {
    /// Returns the next piece of up to `longest` bytes, or `None` at the end.
    async fn next(&mut self, longest: u64) -> Result<Option<Bytes>> {
        while longest > 0 && self.rest.is_empty() {
            match self.body.next().await.transpose()? {
                Some(piece) => self.rest = piece,
                None => return Ok(None),
            }
        }
        let longest = usize::try_from(longest).unwrap_or(usize::MAX);
        let piece = self.rest.split_to(longest.min(self.rest.len()));
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn divides_a_stream_at_any_position() {
        let pieces = ["abc", "", "d", "efghij"].map(|piece| Ok(Bytes::from(piece)));
        let mut chunks = Chunks::new(Body::from_stream(stream::iter(pieces)), 10);
        let mut read = Vec::new();
        while let Some(chunk) = chunks.next(4) {
            assert_eq!(chunk.length(), Some(4.min(10 - 4 * read.len() as u64)));
            read.push(chunk.collect(4).await.unwrap());
        }
        assert_eq!(read, ["abcd", "efgh", "ij"]);
    }
}
