//! The end of the process, where going on could lose what was promised.

use std::fmt::Display;

/// Ends the process after a failed sync. The kernel may have dropped the pages that it could not
/// write and will call the next sync a success, so trying again would promise what is not there.
pub(crate) fn fatal(action: &str, error: &dyn Display) -> ! {
    tracing::error!(%error, "{action} failed; the process ends so that nothing is promised that is not on disk");
    std::process::abort()
}
