//! The lock on a layout: one process writes to it at a time. Who reads needs none.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use portolan_registry::{Error, Kind, Result};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::files::failed;

/// The file that is locked. Other tools pass over it.
const FILE: &str = ".portolan-lock";

/// A layout that is ours to write to until this is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct FolderLock {
    path: PathBuf,
    _file: File,
}

impl FolderLock {
    /// Locks the layout in `folder`.
    ///
    /// # Errors
    /// [`Kind::Denied`] when another process has it.
    pub(crate) fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        loop {
            let mut options = OpenOptions::new();
            let file = options
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path);
            let file = file.map_err(failed("opening the lock", &path))?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => (),
                Err(Errno::WOULDBLOCK) => return Err(locked(folder, &path)),
                Err(error) => return Err(failed("locking", &path)(error.into())),
            }
            // Whoever had it before may have removed the file between the opening and the locking.
            if is_at(&file, &path) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // While it is still locked, so that nobody else's file is removed.
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "the lock {} was not removed, which does no harm", self.path.display());
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let there = fs::metadata(path).map(identity).ok();
    there.is_some() && file.metadata().map(identity).ok() == there
}

fn locked(folder: &Path, path: &Path) -> Error {
    let message = format!(
        "another process is writing to the layout {} and has locked {}; wait until it has ended, or write to another folder",
        folder.display(),
        path.display()
    );
    Error::new(Kind::Denied, message)
}
