//! Work on files: off the async threads, with errors that tell a full disk from a broken one.

use std::io;

use portolan_registry::{Error, Kind, Result};

/// Runs `work` where it may wait for the disk.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal("working on files", error))?
}

/// What went wrong with a file, while doing what `action` says.
pub(crate) fn storage_error(error: io::Error, action: &'static str) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Error::new(Kind::StorageFull, "there is no room left for content; what was sent is not stored")
                .with_source(error)
        }
        _ => Error::internal(action, error),
    }
}
