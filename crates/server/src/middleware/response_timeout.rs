//! End of HTTP/2 responses that their clients do not read.
//!
//! While the flow control window of a response is closed, hyper polls at most two chunks of its body,
//! and polls the next one when the client has accepted them. So a timeout in the body would never
//! end it, and chunks are small. On HTTP/1.1, the timeout of the socket ends it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::Response;
use bytes::{Buf, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// Maximum size of a chunk of an HTTP/2 response in bytes. A client that accepts one within the time
/// limit is fast enough.
const CHUNK: usize = 16 << 10;

/// Drops the content of an HTTP/2 response, with everything that it holds, if the client accepts
/// none of it for the time `limit`.
pub(crate) fn limit_response_time(response: Response, limit: Duration) -> Response {
    // A body of one chunk is read at once.
    let size = response.body().size_hint().upper();
    if size.is_some_and(|size| size <= CHUNK as u64) {
        return response;
    }
    response.map(|body| Body::new(TimedBody::new(body, limit)))
}

/// Body whose content is dropped if it is not read in time.
struct TimedBody {
    content: Arc<Mutex<Content>>,
    timer: JoinHandle<()>,
}

struct Content {
    /// `None` once the client took too long.
    body: Option<Body>,
    /// Rest of the last frame of `body`.
    rest: Bytes,
    read: Instant,
    /// True if the client has to wait for the content.
    is_pending: bool,
}

/// The client did not read the response in time.
#[derive(Debug, thiserror::Error)]
#[error("the client did not read the response in time")]
struct Unread;

impl TimedBody {
    fn new(body: Body, limit: Duration) -> Self {
        let content = Arc::new(Mutex::new(Content {
            body: Some(body),
            rest: Bytes::new(),
            read: Instant::now(),
            is_pending: false,
        }));
        let timer = tokio::spawn(drop_unread(Arc::clone(&content), limit));
        Self { content, timer }
    }
}

async fn drop_unread(content: Arc<Mutex<Content>>, limit: Duration) {
    loop {
        let deadline = lock(&content).deadline(limit);
        let Some(deadline) = deadline else {
            return;
        };
        sleep_until(deadline).await;
    }
}

impl Content {
    /// Returns the time at which the content has to be read. Drops the content and returns `None` if
    /// this time is over.
    fn deadline(&mut self, limit: Duration) -> Option<Instant> {
        let now = Instant::now();
        if self.is_pending {
            return Some(now + limit);
        }
        let deadline = self.read + limit;
        if deadline <= now {
            self.clear();
            return None;
        }
        Some(deadline)
    }

    fn clear(&mut self) {
        self.body = None;
        self.rest = Bytes::new();
    }

    /// Returns the next chunk of the frame. The chunks are copies: a slice that waits in a buffer of
    /// the connection would hold the frame, even after the content was dropped.
    fn next_chunk(&mut self) -> Bytes {
        let length = self.rest.len().min(CHUNK);
        let chunk = Bytes::copy_from_slice(&self.rest[..length]);
        self.rest.advance(length);
        if self.rest.is_empty() {
            self.rest = Bytes::new();
        }
        chunk
    }

    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum_core::BoxError>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(Some(Err(Unread.into())));
        };
        if self.rest.is_empty() {
            match ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other.map(|frame| frame.map_err(Into::into))),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(self.next_chunk()))))
    }
}

fn lock(content: &Mutex<Content>) -> MutexGuard<'_, Content> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}

impl http_body::Body for TimedBody {
    type Data = Bytes;
    type Error = axum_core::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum_core::BoxError>>> {
        let mut content = lock(&self.content);
        let frame = content.poll_frame(context);
        content.read = Instant::now();
        content.is_pending = frame.is_pending();
        frame
    }

    fn is_end_stream(&self) -> bool {
        let content = lock(&self.content);
        let is_end = content.body.as_ref().is_some_and(Body::is_end_stream);
        is_end && content.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let content = lock(&self.content);
        let further = content
            .body
            .as_ref()
            .and_then(|body| body.size_hint().exact());
        further.map_or_else(SizeHint::default, |further| {
            SizeHint::with_exact(further + content.rest.len() as u64)
        })
    }
}

impl Drop for TimedBody {
    fn drop(&mut self) {
        self.timer.abort();
        lock(&self.content).clear();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::BodyExt;
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_mins(1);

    /// Returns a body of `frames` frames of which each takes `pause`, and a value that is shared
    /// until the content is dropped.
    fn body(frames: usize, pause: Duration) -> (TimedBody, Arc<()>) {
        let held = Arc::new(());
        let parts = stream::unfold((0, Arc::clone(&held)), move |(sent, held)| async move {
            sleep(pause).await;
            let frame = Ok::<_, Unread>(Bytes::from_static(b"frame"));
            (sent < frames).then_some((frame, (sent + 1, held)))
        });
        (TimedBody::new(Body::from_stream(parts), LIMIT), held)
    }

    #[tokio::test(start_paused = true)]
    async fn content_that_is_not_read_is_dropped() {
        for read in [0, 2] {
            let (mut body, held) = body(10, Duration::ZERO);
            for _ in 0..read {
                body.frame().await.unwrap().unwrap();
            }
            sleep(LIMIT / 2).await;
            assert_eq!(Arc::strong_count(&held), 2);
            sleep(LIMIT).await;
            assert_eq!(Arc::strong_count(&held), 1);
            assert!(body.frame().await.unwrap().is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_gets_everything() {
        let (mut body, _) = body(10, Duration::ZERO);
        for _ in 0..10 {
            sleep(LIMIT * 9 / 10).await;
            body.frame().await.unwrap().unwrap();
        }
        assert!(body.frame().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_of_a_large_frame_needs_only_one_chunk_in_time() {
        let content: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        let mut body = TimedBody::new(Body::from(content.clone()), LIMIT);
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            read.extend(frame.unwrap().into_data().unwrap());
            let left = content.len() - read.len();
            assert_eq!(body.size_hint().exact(), Some(left as u64));
            sleep(LIMIT * 9 / 10).await;
        }
        assert!(read == content);
        assert!(read.len().div_ceil(CHUNK) > 2);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_content_is_not_dropped() {
        let (body, _) = body(3, LIMIT * 3);
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), 15);
    }
}
