//! Exclusive lock on a folder: one process at a time.
//!
//! The lock (`flock`) is on the folder itself, not on a file in it: users remove lock files after a
//! crash. A second process would lock a new file while the first process still holds the lock on
//! the removed file. The kernel releases the lock when the process ends, even if it is killed, so a
//! crash leaves nothing to clean up.
//!
//! On network filesystems, the lock excludes only processes on the same host.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use portolan_registry::Result;

use crate::file_error;

/// Exclusive lock on a folder, held until this value is dropped or the process ends.
#[derive(Debug)]
pub struct FolderLock {
    /// Open descriptor of the folder. The lock belongs to it and is released when it is closed.
    /// Child processes do not inherit the descriptor.
    folder: File,
}

impl FolderLock {
    /// Locks `folder`, or returns `None` if another process has locked it. The folder must exist.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be opened, or if its filesystem does not support
    /// locks.
    pub fn try_acquire(folder: &Path) -> Result<Option<Self>> {
        loop {
            let file = File::open(folder).map_err(file_error("open the folder", folder))?;
            match file.try_lock() {
                Ok(()) => (),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => {
                    return Err(file_error("lock the folder", folder)(error));
                }
            }
            // Between opening and locking, the folder may have been moved and a new folder created
            // in its place. Retry until the lock is on the folder that is now at the path `folder`.
            if is_at(&file, folder) {
                return Ok(Some(Self { folder: file }));
            }
        }
    }

    /// Returns whether the locked folder is still at `path`.
    pub fn is_at(&self, path: &Path) -> bool {
        is_at(&self.folder, path)
    }
}

/// Returns whether the file or folder at `path` is the open `file`: both have the same device and
/// inode number.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let found = fs::metadata(path).map(identity).ok();
    found.is_some() && file.metadata().map(identity).ok() == found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_once_until_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::try_acquire(folder.path()).unwrap();
        assert!(lock.is_some());
        assert!(FolderLock::try_acquire(folder.path()).unwrap().is_none());
        drop(lock);
        assert!(FolderLock::try_acquire(folder.path()).unwrap().is_some());
    }

    #[test]
    fn removing_every_file_does_not_unlock() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("lock"), "").unwrap();
        let _lock = FolderLock::try_acquire(folder.path()).unwrap().unwrap();
        fs::remove_file(folder.path().join("lock")).unwrap();
        assert!(FolderLock::try_acquire(folder.path()).unwrap().is_none());
    }

    #[test]
    fn follows_the_folder_when_it_is_moved() {
        let above = tempfile::tempdir().unwrap();
        let (old, new) = (above.path().join("old"), above.path().join("new"));
        fs::create_dir(&old).unwrap();
        let lock = FolderLock::try_acquire(&old).unwrap().unwrap();
        assert!(lock.is_at(&old));
        fs::rename(&old, &new).unwrap();
        assert!(lock.is_at(&new) && !lock.is_at(&old));
        assert!(FolderLock::try_acquire(&new).unwrap().is_none());
        fs::create_dir(&old).unwrap();
        assert!(FolderLock::try_acquire(&old).unwrap().is_some());
    }

    #[test]
    fn an_absent_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(FolderLock::try_acquire(&folder.path().join("none")).is_err());
    }
}
