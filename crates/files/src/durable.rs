//! Syncs and renames, in an order that survives a power cut.
//!
//! A file whose name is known is stored in this order: sync the file, rename it into place, sync the
//! folder ([`Durability::rename`]). With a rename before the sync, a power cut could leave the final
//! name on a file whose bytes never reached the disk. Without a sync of the folder, a power cut could
//! undo the rename, and the content would be lost. If nothing refers to the name before both syncs
//! have ended, the rename comes first ([`Durability::place`]).

use std::fmt::Display;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use portolan_registry::{Error, Kind, Result};

use crate::file_error;

/// Reaction of [`Durability`] to a failed sync.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnFailedSync {
    /// Ends the process. For a server, because its other requests rely on the same disk.
    EndProcess,
    /// Returns an error, now and for every later write. For a command-line tool: it reports the
    /// error and exits.
    ReturnError,
}

/// Performs the syncs and renames of one folder tree. After a failed sync, it rejects all further
/// syncs, because the kernel may report success for pages that it has dropped.
#[derive(Debug)]
pub struct Durability {
    on_failed_sync: OnFailedSync,
    failed: AtomicBool,
}

impl Durability {
    /// Creates the value for a folder tree. Use one value for the entire tree, so that a failed
    /// sync is known everywhere in it.
    pub fn new(on_failed_sync: OnFailedSync) -> Self {
        Self {
            on_failed_sync,
            failed: AtomicBool::new(false),
        }
    }

    /// Syncs `file`, so that its bytes survive a power cut. Error messages refer to it as `path`.
    ///
    /// # Errors
    /// Returns an error if this or an earlier sync failed. With [`OnFailedSync::EndProcess`], a
    /// failed sync ends the process instead.
    pub fn sync_file(&self, file: &File, path: &Path) -> Result<()> {
        self.check()?;
        file.sync_all()
            .map_err(|error| self.sync_failed(path, error))
    }

    /// Syncs the bytes of `file` that were written so far, but not all of its metadata. Error messages
    /// refer to it as `path`.
    ///
    /// # Errors
    /// Returns the errors of [`Durability::sync_file`].
    pub fn sync_data(&self, file: &File, path: &Path) -> Result<()> {
        self.check()?;
        file.sync_data()
            .map_err(|error| self.sync_failed(path, error))
    }

    /// Syncs `folder`, so that creations, renames and removals in it survive a power cut.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be opened, and the errors of
    /// [`Durability::sync_file`].
    pub fn sync_folder(&self, folder: &Path) -> Result<()> {
        let file = File::open(folder).map_err(file_error("open the folder", folder))?;
        self.sync_file(&file, folder)
    }

    /// Creates a folder and its missing parents with `mode`, so that all of them survive a power
    /// cut.
    ///
    /// Accepts a folder that exists already or that another process creates at the same time, and
    /// still syncs its parent: the other process may have ended before its own sync. Each level is
    /// synced before the next level is created, so the parent of an existing folder is the only
    /// level that must be synced.
    ///
    /// # Errors
    /// Returns an error if a folder cannot be created, and the errors of [`Durability::sync_file`].
    pub fn make_folder(&self, folder: &Path, mode: u32) -> Result<()> {
        let parent = parent(folder);
        if folder.is_dir() {
            return self.sync_existing(folder, parent);
        }
        self.make_folder(parent, mode)?;
        // Open the parent first: a folder must not be created if its entry cannot be synced.
        let opened = File::open(parent).map_err(file_error("open the folder", parent))?;
        match DirBuilder::new().mode(mode).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => (),
            created => created.map_err(file_error("create the folder", folder))?,
        }
        self.sync_file(&opened, parent)
    }

    /// Syncs the parent of an existing folder, unless this program cannot have created the folder.
    fn sync_existing(&self, folder: &Path, parent: &Path) -> Result<()> {
        self.check()?;
        let device = |path| fs::metadata(path).map(|metadata| metadata.dev());
        if device(folder).ok() != device(parent).ok() {
            // `folder` is a mount point. The parent may be on a read-only filesystem, and such a
            // filesystem cannot be synced.
            return Ok(());
        }
        let synced = match File::open(parent) {
            // This program creates folders only in parents that it can read, so someone else
            // created this folder.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
            opened => opened
                .map_err(file_error("open the folder", parent))?
                .sync_all(),
        };
        match synced {
            // The filesystem does not support syncs of folders, or is read-only: nothing can be
            // pending.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput
                        | io::ErrorKind::Unsupported
                        | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                Ok(())
            }
            synced => synced.map_err(|error| self.sync_failed(parent, error)),
        }
    }

    /// Syncs `file`, renames it from `from` to `to`, and syncs the folder of `to`. This folder must
    /// exist. Replaces a file at `to` atomically. After success, the file at `to` survives a power
    /// cut.
    ///
    /// # Errors
    /// Returns an error if the rename fails, and the errors of [`Durability::sync_file`]. If the
    /// sync of `file` fails, the file is removed.
    pub fn rename(&self, file: &File, from: &Path, to: &Path) -> Result<()> {
        self.check()?;
        // Open the folder before anything is synced. If the process has no file descriptor left,
        // opening fails with an ordinary error, and not with a failed sync.
        let folder = parent(to);
        let opened = File::open(folder).map_err(file_error("open the folder", folder))?;
        if let Err(error) = file.sync_all() {
            // If the file stayed, the upload could be resumed: its bytes would be read from the
            // page cache and have the right digest, and the next sync would succeed although they
            // are not on disk.
            drop(fs::remove_file(from));
            return Err(self.sync_failed(from, error));
        }
        fs::rename(from, to).map_err(file_error("move a file to", to))?;
        self.sync_file(&opened, folder)
    }

    /// Renames `file` from `from` to `to`, then syncs the file and the folder of `to`. This folder
    /// must exist. After success, the file at `to` survives a power cut. Until then, a power cut may
    /// leave an incomplete file at `to`, so nothing may refer to this name yet.
    ///
    /// A filesystem with a journal needs only one commit of it, because the sync of the file records
    /// the rename too. [`Durability::rename`] needs two.
    ///
    /// # Errors
    /// Returns an error if the rename fails, and the errors of [`Durability::sync_file`]. If the
    /// sync of `file` fails, the file is removed.
    pub fn place(&self, file: &File, from: &Path, to: &Path) -> Result<()> {
        self.check()?;
        let folder = parent(to);
        let opened = File::open(folder).map_err(file_error("open the folder", folder))?;
        fs::rename(from, to).map_err(file_error("move a file to", to))?;
        if let Err(error) = file.sync_all() {
            drop(fs::remove_file(to));
            return Err(self.sync_failed(to, error));
        }
        self.sync_file(&opened, folder)
    }

    /// Returns an error if an earlier sync failed.
    fn check(&self) -> Result<()> {
        if self.failed.load(Ordering::Acquire) {
            let message = "an earlier sync failed, so nothing more is written; check the disk";
            return Err(Error::new(Kind::Internal, message));
        }
        Ok(())
    }

    /// Records that the sync of `path` failed. Returns the error or, with
    /// [`OnFailedSync::EndProcess`], ends the process.
    fn sync_failed(&self, path: &Path, error: io::Error) -> Error {
        self.failed.store(true, Ordering::Release);
        if self.on_failed_sync == OnFailedSync::EndProcess {
            end_process(&format!("syncing {}", path.display()), &error);
        }
        file_error("sync", path)(error)
    }
}

/// Ends the process because `action` failed, and continuing could confirm content that is not on
/// disk.
pub fn end_process(action: &str, error: &dyn Display) -> ! {
    tracing::error!(
        name: "fatal",
        %error,
        "{action} failed; the process ends so that nothing is promised that is not on disk"
    );
    std::process::abort()
}

/// Returns the parent folder of a path: `.` for a name without a folder, and the path itself for
/// `/`.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        None => path,
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
    }
}

/// Removes a file, if it exists.
///
/// # Errors
/// Returns an error if the file exists and cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(file_error("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
