//! Conversion of times to their stored form. The clock is passed in, so that tests can step through
//! it.

#[cfg(test)]
mod manual;

use std::time::UNIX_EPOCH;

#[cfg(test)]
pub(crate) use manual::ManualRuntime;
pub(crate) use portolan_files::Runtime;

/// Stored form of a time: a Unix timestamp in milliseconds.
pub(crate) type Timestamp = i64;

/// Returns the time of the wall clock of `runtime` in its stored form.
pub(crate) fn timestamp(runtime: &dyn Runtime) -> Timestamp {
    let since = runtime.now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::try_from(since.as_millis()).unwrap_or(Timestamp::MAX)
}
