//! Work on files: off the async threads, with errors that tell a full disk from a broken one.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use portolan_registry::{Error, Kind, Result};

/// Runs `work` where it may wait for the disk.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("working on files", error))?
}

/// Makes a folder, and those above it that are not there, so that they survive a power cut.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    make_folder(above(folder))?;
    fs::create_dir(folder)?;
    sync_above(folder)
}

/// Has a folder survive a power cut that a process may have made and not synced.
pub(crate) fn sync_above(folder: &Path) -> io::Result<()> {
    File::open(above(folder))?.sync_all()
}

fn above(folder: &Path) -> &Path {
    folder
        .parent()
        .filter(|above| !above.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// What went wrong with a file, while doing what `action` says.
pub(crate) fn storage_error(error: io::Error, action: &'static str) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Error::new(
                Kind::StorageFull,
                "there is no room left for content; what was sent is not stored",
            )
            .with_source(error)
        }
        _ => Error::internal(action, error),
    }
}
