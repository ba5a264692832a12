//! The lock on a data folder: one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::net::SocketAddr;
use std::path::Path;

use portolan_registry::{Error, Kind, Result};

use crate::files::storage_error;

/// A data folder that is ours until this is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Locks `folder`.
    ///
    /// # Errors
    /// When another process has it; the message says where that one listens.
    pub(crate) fn acquire(folder: &Path) -> Result<Self> {
        let failed = |error| storage_error(error, "locking the data folder");
        let path = folder.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            // Where the last process listened is nobody's address now.
            Ok(()) => file.set_len(0).map(|()| Self { file }).map_err(failed),
            Err(TryLockError::WouldBlock) => Err(locked(folder, &mut file)),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Notes where this process listens, for whoever finds the folder locked.
    pub(crate) fn announce(&self, address: SocketAddr) -> Result<()> {
        let mut file = &self.file;
        let mut write = || {
            file.rewind()?;
            file.set_len(0)?;
            writeln!(file, "http://{address} (process {})", std::process::id())
        };
        write().map_err(|error| storage_error(error, "noting the address in the data folder"))
    }
}

fn locked(folder: &Path, file: &mut File) -> Error {
    let mut owner = String::new();
    let known = file.read_to_string(&mut owner).is_ok() && !owner.trim().is_empty();
    let owner = if known {
        format!(" at {}", owner.trim())
    } else {
        String::new()
    };
    let folder = folder.display();
    let message = format!(
        "the data folder {folder} is in use by another portolan{owner}; use that one, stop it, or choose another folder with --data"
    );
    Error::new(Kind::Denied, message)
}
