//! How long to wait before a blob is tried again.

use std::time::Duration;

use crate::{Error, Kind};

/// How often a blob is tried without any progress.
pub(super) const ATTEMPTS: u32 = 5;

const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The longest that anybody is kept waiting.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// The wait before the attempt behind `failures` in a row: doubled each time, or what the registry
/// asks for, but none if that is more than anybody waits. The client below has waited before its own
/// attempts, with jitter.
pub(super) fn wait(error: &Error, failures: u32) -> Option<Duration> {
    let wait = match error.kind() {
        Kind::TooManyRequests { retry_after } => {
            Duration::from_secs((*retry_after).into()).max(FIRST_WAIT)
        }
        _ => FIRST_WAIT * 2_u32.saturating_pow(failures.saturating_sub(1)),
    };
    (wait <= LONGEST_WAIT).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_an_hour() {
        let busy = |retry_after| Error::new(Kind::TooManyRequests { retry_after }, "busy");
        assert_eq!(wait(&busy(3600), 1), None);
        assert_eq!(wait(&busy(5), 1), Some(Duration::from_secs(5)));
        assert_eq!(
            wait(&Error::new(Kind::Unavailable, "gone"), 3),
            Some(FIRST_WAIT * 4)
        );
    }
}
