//! Limit on the rate of log lines about one condition.

use std::time::{Duration, Instant};

/// Permits one log line per interval, and counts the others.
pub(crate) struct Throttle {
    interval: Duration,
    last: Option<Instant>,
    skipped: u64,
}

impl Throttle {
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            last: None,
            skipped: 0,
        }
    }

    /// Returns the number of lines that were skipped since the last one, if a line is due.
    pub(crate) fn permit(&mut self, now: Instant) -> Option<u64> {
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < self.interval)
        {
            self.skipped += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_interval_has_the_number_of_the_others() {
        let (interval, start) = (Duration::from_secs(10), Instant::now());
        let mut throttle = Throttle::new(interval);
        let permits =
            [0, 1, 9, 10, 11, 20].map(|s| throttle.permit(start + Duration::from_secs(s)));
        assert_eq!(permits, [Some(0), None, None, Some(2), None, Some(1)],);
    }
}
