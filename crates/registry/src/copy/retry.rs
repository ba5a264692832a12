//! How long to wait before a blob is tried again.

use std::time::Duration;

use crate::{Error, Kind};

/// How often a blob is tried without any progress.
pub(super) const ATTEMPTS: u32 = 5;

const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The wait before the attempt behind `failures` in a row: doubled each time, or what the registry
/// asks for. The client below has waited before its own attempts, with jitter.
pub(super) fn wait(error: &Error, failures: u32) -> Duration {
    match error.kind() {
        Kind::TooManyRequests { retry_after } => Duration::from_secs((*retry_after).into()).max(FIRST_WAIT),
        _ => FIRST_WAIT * 2_u32.saturating_pow(failures.saturating_sub(1)),
    }
}
