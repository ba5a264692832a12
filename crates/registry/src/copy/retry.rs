//! Delay before a retry of the transfer of a blob.

use std::time::Duration;

use crate::{Error, Kind};

/// Maximum number of consecutive attempts without progress.
pub(super) const ATTEMPTS: u32 = 5;

const FIRST_DELAY: Duration = Duration::from_millis(200);

/// Maximum delay. If a registry requests a longer delay, the transfer fails.
const MAX_DELAY: Duration = Duration::from_mins(2);

/// Returns the delay after `failures` consecutive failures, or `None` if it exceeds [`MAX_DELAY`].
///
/// The delay doubles with each failure, unless the registry requests a certain delay. It has no
/// jitter, because the HTTP client has already retried the request with jitter.
pub(super) fn delay(error: &Error, failures: u32) -> Option<Duration> {
    let wait = match error.kind() {
        Kind::TooManyRequests { retry_after } => {
            Duration::from_secs((*retry_after).into()).max(FIRST_DELAY)
        }
        _ => FIRST_DELAY * 2_u32.saturating_pow(failures.saturating_sub(1)),
    };
    (wait <= MAX_DELAY).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_the_delay() {
        let busy = |retry_after| Error::new(Kind::TooManyRequests { retry_after }, "busy");
        assert_eq!(delay(&busy(3600), 1), None);
        assert_eq!(delay(&busy(5), 1), Some(Duration::from_secs(5)));
        assert_eq!(
            delay(&Error::new(Kind::Unavailable, "gone"), 3),
            Some(FIRST_DELAY * 4)
        );
    }
}
