//! State of one connection, which its task writes and the table of all connections reads.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

/// Bytes of a request head that count for nothing: a connection has a buffer of this size anyway.
const FREE_HEAD_BYTES: usize = 8 << 10;

/// Size of the buffer of a request head, in relation to the bytes that it holds: hyper reserves as
/// much as it has read.
const BUFFER_FACTOR: usize = 2;

/// Mark of a connection whose progress is not measured.
const UNMARKED: u64 = u64::MAX;

/// Memory for the incomplete request heads of all connections.
pub(super) struct Heads {
    total: AtomicUsize,
    budget: usize,
    /// Maximum number of bytes of one head.
    largest: usize,
    /// Wakes the task that keeps connections within their limits.
    pub(super) attention: Notify,
}

/// State of one connection.
pub(crate) struct ConnectionState {
    heads: Arc<Heads>,
    /// Number of request and response bodies that are not complete.
    bodies: AtomicUsize,
    /// Bytes received since the last request began.
    head: AtomicUsize,
    /// True while the client does not accept what was written.
    is_writing: AtomicBool,
    is_http2: AtomicBool,
    /// Number of bytes received and sent.
    moved: AtomicU64,
    /// Value of `moved` when it was last marked, or [`UNMARKED`].
    mark: AtomicU64,
    open: Notify,
    close: Notify,
    abort: Notify,
}

/// Activity of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Activity {
    /// Between requests, or before the first byte.
    Idle,
    /// A request head has begun.
    Head,
    /// A request is in progress.
    Busy,
}

impl Heads {
    pub(super) fn new(budget: usize, largest: usize) -> Self {
        Self {
            total: AtomicUsize::new(0),
            budget,
            largest,
            attention: Notify::new(),
        }
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.total.load(Relaxed) > self.budget
    }

    /// Returns the memory for a head of `bytes` bytes. More bytes than a head can have are those of
    /// a rejected body.
    fn memory(&self, bytes: usize) -> usize {
        bytes.saturating_sub(FREE_HEAD_BYTES).min(self.largest) * BUFFER_FACTOR
    }
}

impl ConnectionState {
    pub(super) fn new(heads: Arc<Heads>) -> Self {
        Self {
            heads,
            bodies: AtomicUsize::new(0),
            head: AtomicUsize::new(0),
            is_writing: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
            moved: AtomicU64::new(0),
            mark: AtomicU64::new(UNMARKED),
            open: Notify::new(),
            close: Notify::new(),
            abort: Notify::new(),
        }
    }

    /// Adds `bytes` received bytes to the request head, unless they belong to a request in progress.
    pub(crate) fn add_received(&self, bytes: usize) {
        if self.bodies.load(Relaxed) > 0 {
            return;
        }
        let before = self.head.fetch_add(bytes, Relaxed);
        let memory = self.heads.memory(before + bytes) - self.heads.memory(before);
        if memory > 0 {
            self.heads.total.fetch_add(memory, Relaxed);
            if self.heads.is_exceeded() {
                self.heads.attention.notify_one();
            }
        }
    }

    /// Counts bytes that were received or sent.
    pub(crate) fn add_moved(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Relaxed);
    }

    /// Begins to measure the progress of the connection.
    pub(super) fn mark(&self) {
        self.mark.store(self.moved.load(Relaxed), Relaxed);
    }

    /// Returns the number of bytes moved since the mark, or `None` without a mark.
    pub(super) fn progress(&self) -> Option<u64> {
        let mark = self.mark.load(Relaxed);
        (mark != UNMARKED).then(|| self.moved.load(Relaxed) - mark)
    }

    pub(crate) fn set_writing(&self, is_writing: bool) {
        self.is_writing.store(is_writing, Relaxed);
    }

    /// Records that the connection uses HTTP/2, where every connection receives bytes between
    /// requests.
    pub(crate) fn set_http2(&self) {
        self.is_http2.store(true, Relaxed);
    }

    /// Returns whether no request is in progress, so that closing the connection breaks none.
    pub(crate) fn is_quiet(&self) -> bool {
        self.bodies.load(Relaxed) == 0 && !self.is_writing.load(Relaxed)
    }

    pub(super) fn activity(&self) -> Activity {
        if !self.is_quiet() {
            Activity::Busy
        } else if self.head.load(Relaxed) == 0 || self.is_http2.load(Relaxed) {
            Activity::Idle
        } else {
            Activity::Head
        }
    }

    /// Returns the memory for the incomplete head.
    pub(super) fn head(&self) -> usize {
        self.heads.memory(self.head.load(Relaxed))
    }

    /// Forgets the bytes of the head.
    pub(super) fn take_head(&self) {
        let memory = self.heads.memory(self.head.swap(0, Relaxed));
        if memory > 0 {
            self.heads.total.fetch_sub(memory, Relaxed);
        }
    }

    /// Lets a waiting connection begin.
    pub(super) fn open(&self) {
        self.open.notify_one();
    }

    /// Requests the end of the connection.
    pub(super) fn close(&self) {
        self.close.notify_one();
    }

    /// Ends the connection, and breaks off its requests in progress.
    pub(super) fn abort(&self) {
        self.abort.notify_one();
    }

    /// Waits until the connection has to end without its requests in progress.
    pub(crate) async fn wait_abort(&self) {
        self.abort.notified().await;
    }

    pub(super) async fn wait_open(&self) {
        self.open.notified().await;
    }

    /// Waits until the end of the connection is requested.
    pub(crate) async fn closing(&self) {
        self.close.notified().await;
    }
}

/// Request or response in progress. The connection is not quiet before all of its guards are
/// dropped.
pub(crate) struct RequestGuard(Arc<ConnectionState>);

impl RequestGuard {
    /// Begins a request, whose head is complete.
    pub(crate) fn begin(state: &Arc<ConnectionState>) -> Self {
        let guard = Self::add(state.clone());
        state.take_head();
        guard
    }

    /// Returns a body that counts as in progress until it is dropped.
    pub(crate) fn count<B>(&self, body: B) -> Counted<B> {
        Counted {
            inner: body,
            _guard: self.clone(),
        }
    }

    fn add(state: Arc<ConnectionState>) -> Self {
        state.bodies.fetch_add(1, Relaxed);
        Self(state)
    }
}

impl Clone for RequestGuard {
    fn clone(&self) -> Self {
        Self::add(self.0.clone())
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.bodies.fetch_sub(1, Relaxed);
    }
}

/// Body that counts as a request in progress until it is dropped. It has the length of `inner`.
pub(crate) struct Counted<B> {
    inner: B,
    _guard: RequestGuard,
}

impl<B: Body + Unpin> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGEST: usize = 64 << 10;

    fn state(heads: &Arc<Heads>) -> Arc<ConnectionState> {
        Arc::new(ConnectionState::new(heads.clone()))
    }

    #[test]
    fn a_connection_is_busy_from_the_end_of_the_head_to_the_end_of_the_bodies() {
        let state = state(&Arc::new(Heads::new(0, LARGEST)));
        assert_eq!(state.activity(), Activity::Idle);
        state.add_received(10);
        assert_eq!(state.activity(), Activity::Head);
        let request = RequestGuard::begin(&state);
        let response = request.clone();
        drop(request);
        state.add_received(10);
        assert_eq!(state.activity(), Activity::Busy);
        drop(response);
        assert_eq!(state.activity(), Activity::Idle);
        state.set_writing(true);
        assert_eq!(state.activity(), Activity::Busy);
    }

    #[test]
    fn the_memory_for_heads_is_counted() {
        let heads = Arc::new(Heads::new(2 * LARGEST, LARGEST));
        let (first, second) = (state(&heads), state(&heads));
        first.add_received(FREE_HEAD_BYTES);
        assert_eq!(first.head(), 0, "an ordinary head");
        first.add_received(LARGEST);
        second.add_received(FREE_HEAD_BYTES);
        assert!(!heads.is_exceeded());
        second.add_received(1);
        assert!(heads.is_exceeded());
        first.add_received(2 * LARGEST);
        assert_eq!(first.head(), 2 * LARGEST, "no head is larger");
        drop(RequestGuard::begin(&first));
        assert!(!heads.is_exceeded());
        second.take_head();
        assert_eq!(heads.total.load(Relaxed), 0);
    }
}
