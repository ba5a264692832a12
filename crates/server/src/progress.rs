//! Progress of a body: how fast the client sends its request, or reads its response.
//!
//! Only the time in which the server waits for the client counts. A body that waits for the disk,
//! for memory or for the lane is not slow.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

/// Time over which the rate of a body is averaged.
const WINDOW: Duration = Duration::from_secs(30);

/// Minimum time between two marks.
const STEP: Duration = Duration::from_secs(1);

/// Progress of one body. The body and the [`Shares`](crate::shares::Shares) of its request refer to
/// it.
#[derive(Default)]
pub(crate) struct Progress {
    clock: Mutex<Clock>,
    ended: AtomicBool,
    reader: AtomicWaker,
}

#[derive(Default)]
struct Clock {
    received: u64,
    /// Time in which the server waited for the client, without the wait that `waits_since` began.
    waited: Duration,
    waits_since: Option<Instant>,
    /// Earlier states, oldest first. Only the first may be older than the window.
    marks: VecDeque<Mark>,
}

#[derive(Clone, Copy, Default)]
struct Mark {
    received: u64,
    waited: Duration,
}

impl Progress {
    /// Records that the reader waits for the client. Returns true if the body has been ended.
    pub(crate) fn wait(&self, context: &Context<'_>) -> bool {
        self.begin_wait();
        self.reader.register(context.waker());
        self.is_ended()
    }

    /// Records that the client has to accept the next bytes of a response.
    pub(crate) fn begin_wait(&self) {
        self.clock().waits_since.get_or_insert_with(Instant::now);
    }

    /// Waits until the body is ended.
    pub(crate) async fn wait_end(&self) {
        poll_fn(|context| {
            self.reader.register(context.waker());
            if self.is_ended() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Records that `bytes` bytes have arrived.
    pub(crate) fn receive(&self, bytes: usize) {
        let mut clock = self.clock();
        clock.received += bytes as u64;
        if let Some(since) = clock.waits_since.take() {
            clock.waited += since.elapsed();
            clock.mark();
        }
    }

    /// Returns whether the body has been received for longer than the window, and slower than
    /// `rate` bytes per second.
    pub(crate) fn is_below(&self, rate: u64) -> bool {
        self.is_below_for(WINDOW, rate)
    }

    /// Returns whether the body has been received for longer than `time`, and slower than `rate` bytes
    /// per second within the window.
    pub(crate) fn is_below_for(&self, time: Duration, rate: u64) -> bool {
        let mut clock = self.clock();
        clock.waited_until_now() >= time && clock.rate() < rate
    }

    /// Returns the bytes per second within the window.
    pub(crate) fn rate(&self) -> u64 {
        self.clock().rate()
    }

    /// Returns whether the server waits for the client.
    pub(crate) fn is_waiting(&self) -> bool {
        self.clock().waits_since.is_some()
    }

    /// Returns whether the server has waited for the client for longer than `time` now.
    pub(crate) fn waits_for(&self, time: Duration) -> bool {
        let since = self.clock().waits_since;
        since.is_some_and(|since| since.elapsed() > time)
    }

    /// Ends the body: its reader gets an error instead of waiting for further bytes.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.reader.wake();
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock {
    fn waited_until_now(&self) -> Duration {
        let current = self.waits_since.map(|since| since.elapsed());
        self.waited + current.unwrap_or_default()
    }

    fn mark(&mut self) {
        let last = self.marks.back().copied().unwrap_or_default();
        if self.waited >= last.waited + STEP {
            self.marks.push_back(Mark {
                received: self.received,
                waited: self.waited,
            });
            self.forget_old_marks(self.waited);
        }
    }

    /// Drops the marks before the newest one that is older than the window.
    fn forget_old_marks(&mut self, waited: Duration) {
        let is_old = |mark: &Mark| waited >= mark.waited + WINDOW;
        while self.marks.get(1).is_some_and(is_old) {
            self.marks.pop_front();
        }
    }

    fn rate(&mut self) -> u64 {
        let waited = self.waited_until_now();
        self.forget_old_marks(waited);
        let is_old = |mark: &&Mark| waited >= mark.waited + WINDOW;
        let first = self.marks.front().filter(is_old).copied();
        let first = first.unwrap_or_default();
        let milliseconds = waited.saturating_sub(first.waited).as_millis().max(1);
        let bytes = u128::from(self.received - first.received);
        u64::try_from(bytes * 1000 / milliseconds).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::time::advance;

    use super::*;

    /// Receives `bytes` bytes in each of `seconds` seconds.
    async fn receive(progress: &Progress, seconds: u64, bytes: usize) {
        for _ in 0..seconds {
            progress.wait(&Context::from_waker(Waker::noop()));
            advance(Duration::from_secs(1)).await;
            progress.receive(bytes);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_an_average_of_the_window() {
        let progress = Progress::default();
        receive(&progress, 29, 10).await;
        assert!(!progress.is_below(1000));
        receive(&progress, 1, 10).await;
        assert!(progress.is_below(11));
        assert!(!progress.is_below(10));
        receive(&progress, 1, 600).await;
        assert_eq!(progress.rate(), (29 * 10 + 600) / 30);
        receive(&progress, 40, 10).await;
        assert_eq!(progress.rate(), 10);
        assert!(progress.clock().marks.len() < 35);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_the_server_does_not_count() {
        let progress = Progress::default();
        receive(&progress, 10, 100).await;
        advance(WINDOW).await;
        assert!(!progress.is_below(1000));
        assert_eq!(progress.rate(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_slow() {
        let progress = Progress::default();
        receive(&progress, 40, 100).await;
        progress.wait(&Context::from_waker(Waker::noop()));
        advance(WINDOW).await;
        assert_eq!(progress.rate(), 0);
    }

    #[test]
    fn an_ended_body_stays_ended() {
        let progress = Progress::default();
        let context = Context::from_waker(Waker::noop());
        assert!(!progress.wait(&context));
        progress.end();
        assert!(progress.wait(&context));
    }
}
