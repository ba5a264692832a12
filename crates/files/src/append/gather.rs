//! Frames of a body, gathered into batches.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use portolan_registry::{Body, Kind, Result};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// Number of bytes to gather before hashing and writing them together.
pub(super) const BATCH: usize = 1 << 20;
/// Maximum number of frames in a batch. It bounds the memory for tiny frames, because the
/// bookkeeping of a frame can be larger than its bytes.
pub(super) const MAX_FRAMES: usize = 1024;

/// Maximum time to gather a batch after its first frame. It bounds the memory for slow senders: what
/// has arrived is written, so only the bytes of this time are in memory.
const PATIENCE: Duration = Duration::from_millis(100);

/// Size in bytes below which a frame is copied: it may be a slice of a buffer that is many times
/// larger.
const SMALL_FRAME: usize = 16 << 10;

/// Memory for the batches of all bodies in bytes, without the last frame of each batch.
pub(super) static MEMORY: Semaphore = Semaphore::const_new(24 << 20);

/// Frames to write together. Empty frames are skipped.
pub(super) struct Batch {
    pub(super) frames: Vec<Bytes>,
    /// Memory that the frames use, until they are written.
    pub(super) memory: Option<SemaphorePermit<'static>>,
    /// Outcome of the body, if this is its last batch.
    pub(super) end: Option<Result<()>>,
}

/// Gathers the next batch of `body`. The batch ends early if `memory` has no room for more.
pub(super) async fn gather(body: &mut Body, memory: &'static Semaphore) -> Batch {
    let (mut frames, mut used) = (Vec::new(), None);
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
                    let has_room = reserve(memory, &mut used, frame.len());
                    frames.push(compact(frame));
                    if !has_room {
                        break;
                    }
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
            memory: used,
            end: Some(end),
        };
    }
    Batch {
        frames,
        memory: used,
        end: None,
    }
}

/// Adds `bytes` bytes of `memory` to `used`. Returns false if there are not that many.
fn reserve(
    memory: &'static Semaphore,
    used: &mut Option<SemaphorePermit<'static>>,
    bytes: usize,
) -> bool {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    let Ok(more) = memory.try_acquire_many(bytes) else {
        return false;
    };
    match used {
        Some(used) => used.merge(more),
        None => *used = Some(more),
    }
    true
}

/// Returns a small frame as a copy, so that it does not hold the buffer that it is a slice of.
fn compact(frame: Bytes) -> Bytes {
    if frame.len() < SMALL_FRAME {
        Bytes::copy_from_slice(&frame)
    } else {
        frame
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_batch_ends_at_its_limits() {
        let tiny = stream::repeat_with(|| Ok(Bytes::from_static(b"x"))).take(2 * MAX_FRAMES);
        let batch = gather(&mut Body::from_stream(tiny), &MEMORY).await;
        assert_eq!(batch.frames.len(), MAX_FRAMES);
        assert!(batch.end.is_none());

        let frame = Bytes::from(vec![0; BATCH / 2 + 1]);
        let large = stream::iter([Ok(frame.clone()), Ok(frame.clone()), Ok(frame)]);
        let batch = gather(&mut Body::from_stream(large), &MEMORY).await;
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
        let batch = gather(&mut Body::from_stream(slow.boxed()), &MEMORY).await;
        assert!((3..=5).contains(&batch.frames.len()));
        assert!(batch.end.is_none());

        let silent = stream::iter([Ok(Bytes::from_static(b"x"))]).chain(stream::pending());
        let batch = gather(&mut Body::from_stream(silent), &MEMORY).await;
        assert_eq!(batch.frames.len(), 1);
    }

    #[tokio::test]
    async fn batches_share_their_memory() {
        static FEW: Semaphore = Semaphore::const_new(5 << 10);
        let frames = || stream::repeat_with(|| Ok(Bytes::from(vec![0; 1 << 10]))).take(100);
        let first = gather(&mut Body::from_stream(frames()), &FEW).await;
        assert_eq!(first.frames.len(), 6, "all of the memory, and one frame");
        let second = gather(&mut Body::from_stream(frames()), &FEW).await;
        assert_eq!(second.frames.len(), 1);
        drop(first);
        let third = gather(&mut Body::from_stream(frames()), &FEW).await;
        assert_eq!(third.frames.len(), 6);
    }

    #[tokio::test]
    async fn small_frames_do_not_hold_the_buffer_of_their_connection() {
        let buffer = Bytes::from(vec![0; 64 << 10]);
        let small = stream::iter([Ok(buffer.slice(..1)), Ok(buffer.slice(1..9))]);
        let batch = gather(&mut Body::from_stream(small), &MEMORY).await;
        assert_eq!(batch.frames.len(), 2);
        assert!(buffer.is_unique());
    }

    #[tokio::test]
    async fn frames_without_bytes_are_dropped() {
        let empty = stream::repeat_with(|| Ok(Bytes::new())).take(2 * MAX_FRAMES);
        let mut body = Body::from_stream(empty);
        let batch = gather(&mut body, &MEMORY).await;
        assert!(batch.frames.is_empty() && batch.end.is_none());
        gather(&mut body, &MEMORY).await;
        assert!(gather(&mut body, &MEMORY).await.end.is_some());
    }
}
