//! Function that ends the process. Used where continuing could confirm content that is not on disk.

use std::fmt::Display;

/// Ends the process because `action` failed: a sync failed, or another process uses the same data.
///
/// After a failed sync, the kernel may have dropped the pages that it could not write, and reports
/// success for the next sync. A retry would confirm content that is not on disk.
pub(crate) fn fatal(action: &str, error: &dyn Display) -> ! {
    // In a test, panic instead: the end of one store must not end the other tests of the process.
    #[cfg(test)]
    panic!("{action} failed: {error}");
    #[cfg(not(test))]
    portolan_files::durable::end_process(action, error)
}
