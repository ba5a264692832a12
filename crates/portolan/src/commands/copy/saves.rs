//! Times at which a run writes the index files of the folders that it copies to.
//!
//! Writing an index takes time in proportion to its size. If it were written after each copy, the
//! time of a run would grow with the square of the number of images.

use std::time::Duration;

use tokio::time::Instant;

/// Minimum time between two saves.
const MIN_INTERVAL: Duration = Duration::from_millis(200);

/// Time between two saves, as a multiple of the duration of the last save. So saves take at most
/// about a tenth of the time of a run.
const INTERVAL_FACTOR: u32 = 10;

/// Schedule of the saves of a run.
#[derive(Debug, Default)]
pub(super) struct Saves {
    /// Earliest time of the next save. `None` before the first save.
    earliest: Option<Instant>,
    is_waiting: bool,
}

impl Saves {
    /// Records that a copy waits for a save.
    pub(super) fn request(&mut self) {
        self.is_waiting = true;
    }

    /// Records a save that began at `start`.
    pub(super) fn record(&mut self, start: Instant, end: Instant) {
        let interval = ((end - start) * INTERVAL_FACTOR).max(MIN_INTERVAL);
        self.earliest = Some(end + interval);
        self.is_waiting = false;
    }

    /// Returns the time of the next save, or `None` if no copy waits for one.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        self.is_waiting.then(|| self.earliest.unwrap_or(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saves_take_at_most_a_tenth_of_the_time() {
        let start = Instant::now();
        let mut saves = Saves::default();
        assert_eq!(saves.next(start), None);
        saves.request();
        assert_eq!(
            saves.next(start),
            Some(start),
            "the first copy does not wait"
        );
        for took in [Duration::from_millis(1), Duration::from_millis(100)] {
            saves.record(start, start + took);
            assert_eq!(saves.next(start), None);
            saves.request();
            let pause = saves.next(start).unwrap() - (start + took);
            assert_eq!(pause, (took * 10).max(MIN_INTERVAL));
        }
    }
}
