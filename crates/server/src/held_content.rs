//! Large content of a response. It is dropped with the memory that it uses when the client has
//! received it, and when the client reads it too slowly while another client waits.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use tokio::spawn;
use tokio::task::AbortHandle;

use crate::client_address::Client;
use crate::progress::Progress;
use crate::response_memory::ReservedMemory;
use crate::shares::WatchedBody;

/// Maximum size of a chunk in bytes.
const CHUNK: usize = 64 << 10;

/// Content in memory as a response body.
///
/// The chunks are copies. A slice of the content that waits in a buffer of the connection would hold
/// all of the content, even after the content was dropped.
pub(crate) struct HeldBody {
    content: Arc<Mutex<Option<Held>>>,
    progress: Arc<Progress>,
    /// Size of the chunk that the client has to accept, in bytes.
    sent: usize,
    /// Number of bytes that follow.
    left: u64,
    watcher: AbortHandle,
}

struct Held {
    rest: Bytes,
    _memory: (ReservedMemory, Option<WatchedBody>),
}

/// The client read the response too slowly while other clients waited.
#[derive(Debug, thiserror::Error)]
#[error("the client read the response too slowly while other clients waited")]
pub(crate) struct TooSlow;

impl HeldBody {
    /// Creates a body for `client` from content that uses `memory`.
    pub(crate) fn new(content: Bytes, memory: ReservedMemory, client: Client) -> Self {
        let progress = Arc::new(Progress::default());
        let watched = memory.watch(client, Arc::clone(&progress));
        progress.begin_wait();
        let left = content.len() as u64;
        let content = Arc::new(Mutex::new(Some(Held {
            rest: content,
            _memory: (memory, watched),
        })));
        let (ended, held) = (Arc::clone(&progress), Arc::clone(&content));
        // A client that reads nothing never polls the body.
        let watcher = spawn(async move {
            ended.wait_end().await;
            *lock(&held) = None;
        });
        Self {
            content,
            progress,
            sent: 0,
            left,
            watcher: watcher.abort_handle(),
        }
    }
}

impl Held {
    fn next_chunk(&mut self) -> Bytes {
        let length = self.rest.len().min(CHUNK);
        let chunk = Bytes::copy_from_slice(&self.rest[..length]);
        self.rest.advance(length);
        chunk
    }
}

fn lock(content: &Mutex<Option<Held>>) -> MutexGuard<'_, Option<Held>> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}

impl http_body::Body for HeldBody {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        let sent = std::mem::take(&mut self.sent);
        self.progress.receive(sent);
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let chunk = {
            let mut content = lock(&self.content);
            let Some(held) = &mut *content else {
                return Poll::Ready(Some(Err(TooSlow)));
            };
            let chunk = held.next_chunk();
            if held.rest.is_empty() {
                *content = None;
            }
            chunk
        };
        self.sent = chunk.len();
        self.left -= chunk.len() as u64;
        self.progress.begin_wait();
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Drop for HeldBody {
    fn drop(&mut self) {
        self.watcher.abort();
        *lock(&self.content) = None;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use futures_util::FutureExt;
    use http_body_util::BodyExt;

    use super::*;
    use crate::response_memory::ResponseMemory;
    use crate::settings::Settings;

    const SIZE: usize = 150_000;

    fn client(number: u8) -> Client {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)).into()
    }

    /// Returns memory for one response of `SIZE` bytes, and the body of such a response.
    async fn body() -> (ResponseMemory, HeldBody) {
        let mut settings = Settings::default();
        settings.limits.response_memory = SIZE;
        let memory = ResponseMemory::new(&settings);
        let reserved = memory.reserve(client(1), SIZE).await.unwrap();
        let body = HeldBody::new(vec![7; SIZE].into(), reserved, client(1));
        (memory, body)
    }

    #[tokio::test(start_paused = true)]
    async fn content_is_dropped_with_its_last_chunk() {
        let (memory, mut body) = body().await;
        let mut read = Vec::new();
        while read.len() < SIZE {
            assert!(memory.reserve(client(1), SIZE).now_or_never().is_none());
            read.extend(body.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        assert!(memory.reserve(client(1), SIZE).now_or_never().is_some());
        assert!(body.frame().await.is_none());
        assert!(read == vec![7; SIZE]);
    }

    #[tokio::test(start_paused = true)]
    async fn content_that_is_not_read_is_dropped_if_another_client_waits() {
        for read in [0, 1] {
            let (memory, mut body) = body().await;
            for _ in 0..read {
                body.frame().await.unwrap().unwrap();
            }
            memory.reserve(client(1), SIZE).await.err().unwrap();
            memory.reserve(client(2), SIZE).await.unwrap();
            assert!(body.frame().await.unwrap().is_err());
        }
    }
}
