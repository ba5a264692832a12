//! Lock on a data folder, and the address of the process that holds it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use portolan_files::durable::remove;
use portolan_files::{file_error, lock};
use portolan_registry::{Error, Kind, Result};

/// File with the listen address of the process that holds the lock. It only serves error messages:
/// the lock is on the folder itself.
const ADDRESS_FILE: &str = "address";

/// Exclusive lock on a data folder, held until this value is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    folder: PathBuf,
    address: PathBuf,
    lock: lock::FolderLock,
}

impl FolderLock {
    /// Locks `folder`.
    ///
    /// # Errors
    /// Returns [`Kind::Denied`] if another process holds the lock. The message contains the address
    /// of that process, if it has announced one.
    pub(crate) fn acquire(folder: &Path) -> Result<Self> {
        let address = folder.join(ADDRESS_FILE);
        let lock =
            lock::FolderLock::try_acquire(folder)?.ok_or_else(|| locked_error(folder, &address))?;
        // An earlier process may have left the file. Nothing listens at its address now.
        remove(&address)?;
        Ok(Self {
            folder: folder.to_owned(),
            address,
            lock,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Checks that the locked folder is still at its path. Another process may use a new folder
    /// there.
    ///
    /// # Errors
    /// Returns [`Kind::Internal`] if the folder was moved or replaced.
    pub(crate) fn check_place(&self) -> Result<()> {
        if self.lock.is_at(&self.folder) {
            return Ok(());
        }
        let message = format!(
            "the data folder {} was moved or replaced while it is in use",
            self.folder.display()
        );
        let help = "move it back, or stop the server before moving its folder";
        Err(Error::new(Kind::Internal, message).with_help(help))
    }

    /// Writes the address of this process to the folder. Another process that finds the folder
    /// locked prints the address in its error message.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub(crate) fn announce(&self, address: SocketAddr) -> Result<()> {
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&self.address)?;
            writeln!(file, "http://{address} (process {})", std::process::id())
        };
        write().map_err(file_error("write", &self.address))
    }
}

fn locked_error(folder: &Path, address: &Path) -> Error {
    let owner = fs::read_to_string(address).unwrap_or_default();
    let owner = match owner.trim() {
        "" => String::new(),
        owner => format!(" at {owner}"),
    };
    let folder = folder.display();
    let message = format!("the data folder {folder} is in use by another portolan{owner}");
    Error::new(Kind::Denied, message)
        .with_help("use that one, stop it, or choose another folder with `--data DIR`")
}
