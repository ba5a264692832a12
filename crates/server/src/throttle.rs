//! Limit on the rate of log lines about one condition.

use std::time::{Duration, Instant};

/// Minimum time between two lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// Permits one log line per 10 seconds, and counts the others.
#[derive(Default)]
pub(crate) struct Throttle {
    last: Option<Instant>,
    skipped: u64,
}

impl Throttle {
    /// Returns the number of lines that were skipped since the last one, if a line is due.
    pub(crate) fn permit(&mut self, now: Instant) -> Option<u64> {
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < INTERVAL)
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
        let start = Instant::now();
        let mut throttle = Throttle::default();
        let permits =
            [0, 1, 9, 10, 11, 20].map(|s| throttle.permit(start + Duration::from_secs(s)));
        assert_eq!(permits, [Some(0), None, None, Some(2), None, Some(1)],);
    }
}
