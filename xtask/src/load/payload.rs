//! Request bodies: bytes, a repeated frame for large layers, or a body that breaks off halfway.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Body of known length that repeats `frame` until the length is reached, without copying it.
pub struct Payload {
    frame: Bytes,
    remaining: u64,
    breaks_at: u64,
}

impl Payload {
    /// Creates an empty body.
    pub fn empty() -> Self {
        Self::repeat(Bytes::new(), 0)
    }

    /// Creates a body of `bytes`.
    pub fn from_bytes(bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        Self::repeat(bytes, length)
    }

    /// Creates a body of `length` bytes that repeats `frame`.
    pub fn repeat(frame: Bytes, length: u64) -> Self {
        Self {
            frame,
            remaining: length,
            breaks_at: 0,
        }
    }

    /// Creates a body that announces the length of `bytes` and fails after half of them.
    pub fn broken_halfway(bytes: &Bytes) -> Self {
        let half = bytes.len() / 2;
        let length = bytes.len() as u64;
        Self {
            frame: bytes.slice(..half),
            remaining: length,
            breaks_at: length - half as u64,
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.remaining == self.breaks_at {
            // An error in the body makes hyper close the connection before the announced end.
            let torn = self.breaks_at > 0;
            return Poll::Ready(torn.then(|| Err(io::Error::other("broken off on purpose"))));
        }
        let length = self.remaining.min(self.frame.len() as u64);
        self.remaining -= length;
        let end = usize::try_from(length).unwrap_or(usize::MAX);
        Poll::Ready(Some(Ok(Frame::data(self.frame.slice(..end)))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn read(payload: Payload) -> Option<Vec<u8>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let collected = runtime.block_on(payload.collect()).ok()?;
        Some(collected.to_bytes().to_vec())
    }

    #[test]
    fn repeats_frame_to_the_announced_length() {
        assert_eq!(
            read(Payload::repeat(Bytes::from_static(b"abc"), 7)).unwrap(),
            b"abcabca"
        );
        assert_eq!(read(Payload::empty()).unwrap(), b"");
        assert_eq!(
            read(Payload::from_bytes(Bytes::from_static(b"xyz"))).unwrap(),
            b"xyz"
        );
    }

    #[test]
    fn torn_body_announces_full_length_and_fails() {
        let torn = Payload::broken_halfway(&Bytes::from_static(b"abcdef"));
        assert_eq!(torn.size_hint().exact(), Some(6));
        assert_eq!(read(torn), None);
    }
}
