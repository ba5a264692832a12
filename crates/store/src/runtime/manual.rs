//! A runtime that tests step by hand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use portolan_registry::Result;

use super::Runtime;

/// Runtime whose clock stands still until a test moves it, and whose random bytes are a fixed sequence.
#[derive(Debug)]
pub(crate) struct ManualRuntime {
    now: Mutex<SystemTime>,
    drawn: AtomicU64,
}

impl ManualRuntime {
    /// Returns a runtime whose clock shows the Unix timestamp `seconds`.
    pub(crate) fn new(seconds: u64) -> Self {
        Self {
            now: Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
            drawn: AtomicU64::new(0),
        }
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, duration: Duration) {
        *self.now.lock().unwrap() += duration;
    }

    /// Rewinds the sequence of random bytes to its state after the first `count` draws, so that the
    /// following bytes repeat.
    pub(crate) fn rewind_random(&self, count: u64) {
        self.drawn.store(count, Ordering::Relaxed);
    }
}

impl Runtime for ManualRuntime {
    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn now(&self) -> SystemTime {
        *self.now.lock().unwrap()
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<()> {
        // One step of SplitMix64 for each eight bytes.
        for chunk in bytes.chunks_mut(8) {
            let seed = self.drawn.fetch_add(1, Ordering::Relaxed) + 1;
            let mut value = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(value ^ (value >> 31)).to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::timestamp;
    use super::*;

    #[test]
    fn clock_moves_only_by_hand() {
        let runtime = ManualRuntime::new(5);
        assert_eq!(timestamp(&runtime), 5_000);
        runtime.advance(Duration::from_millis(1_500));
        assert_eq!(timestamp(&runtime), 6_500);
    }

    #[test]
    fn random_bytes_repeat_after_a_rewind() {
        let runtime = ManualRuntime::new(0);
        let draw = || {
            let mut bytes = [0; 16];
            runtime.fill_random(&mut bytes).unwrap();
            bytes
        };
        let first = draw();
        assert_ne!(draw(), first);
        runtime.rewind_random(0);
        assert_eq!(draw(), first);
    }
}
