//! Frames of a body, gathered into batches.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use portolan_registry::{Body, Kind, Result};
use tokio::time::{Instant, timeout_at};

/// Number of bytes to gather before hashing and writing them together.
pub(super) const BATCH: usize = 1 << 20;
/// Maximum number of frames in a batch. It bounds the memory for tiny frames, because the
/// bookkeeping of a frame can be larger than its bytes.
pub(super) const MAX_FRAMES: usize = 1024;

/// Maximum time to gather a batch after its first frame. It bounds the memory for slow senders: what
/// has arrived is written, so only the bytes of this time are in memory.
const PATIENCE: Duration = Duration::from_millis(100);

/// Frames to write together. Empty frames are skipped.
pub(super) struct Batch {
    pub(super) frames: Vec<Bytes>,
    /// Outcome of the body, if this is its last batch.
    pub(super) end: Option<Result<()>>,
}

/// Gathers the next batch of `body`.
pub(super) async fn gather(body: &mut Body) -> Batch {
    let mut frames = Vec::new();
    let (mut length, mut count) = (0, 0);
    let mut deadline = None;
    while length < BATCH && count < MAX_FRAMES {
        let next = match deadline {
            None => body.next().await,
            Some(deadline) => match timeout_at(deadline, body.next()).await {
                Ok(next) => next,
                Err(_) => break,
            },
        };
        let end = match next {
            Some(Ok(frame)) => {
                count += 1;
                length += frame.len();
                if !frame.is_empty() {
                    frames.push(frame);
                    deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
                }
                continue;
            }
            Some(Err(error)) => {
                // A newer call continues at the current end of the content, so these frames must
                // not be written.
                if matches!(error.kind(), Kind::OutOfOrder { .. }) {
                    frames.clear();
                }
                Err(error)
            }
            None => Ok(()),
        };
        return Batch {
            frames,
            end: Some(end),
        };
    }
    Batch { frames, end: None }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_batch_ends_at_its_limits() {
        let tiny = stream::repeat_with(|| Ok(Bytes::from_static(b"x"))).take(2 * MAX_FRAMES);
        let batch = gather(&mut Body::from_stream(tiny)).await;
        assert_eq!(batch.frames.len(), MAX_FRAMES);
        assert!(batch.end.is_none());

        let frame = Bytes::from(vec![0; BATCH / 2 + 1]);
        let large = stream::iter([Ok(frame.clone()), Ok(frame.clone()), Ok(frame)]);
        let batch = gather(&mut Body::from_stream(large)).await;
        assert_eq!(batch.frames.len(), 2);
        assert!(batch.end.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_slow_sender_has_sent_is_not_held() {
        let frame = Bytes::from_static(b"x");
        let slow = stream::repeat(frame).then(async |frame| {
            tokio::time::sleep(PATIENCE / 4).await;
            Ok(frame)
        });
        let batch = gather(&mut Body::from_stream(slow.boxed())).await;
        assert!((3..=5).contains(&batch.frames.len()));
        assert!(batch.end.is_none());

        let silent = stream::iter([Ok(Bytes::from_static(b"x"))]).chain(stream::pending());
        let batch = gather(&mut Body::from_stream(silent)).await;
        assert_eq!(batch.frames.len(), 1);
    }

    #[tokio::test]
    async fn frames_without_bytes_are_dropped() {
        let empty = stream::repeat_with(|| Ok(Bytes::new())).take(2 * MAX_FRAMES);
        let mut body = Body::from_stream(empty);
        let batch = gather(&mut body).await;
        assert!(batch.frames.is_empty() && batch.end.is_none());
        gather(&mut body).await;
        assert!(gather(&mut body).await.end.is_some());
    }
}
