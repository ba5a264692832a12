//! Complete content that has not been moved to its final path yet.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use portolan_registry::Result;

use super::Completed;
use crate::durable::{Durability, remove};
use crate::file_error;

/// File of complete, verified content. Dropping this value removes the file and ends the session
/// that the content comes from, unless [`StagedFile::rename`] or [`StagedFile::place`] has moved the
/// file. Dropping and moving block on disk I/O.
pub struct StagedFile {
    file: Arc<File>,
    path: PathBuf,
    length: u64,
    is_placed: AtomicBool,
    /// Session that the content comes from. It is dropped after the file was moved or removed. If
    /// it were dropped earlier, a call would mistake the file for a session of an earlier process.
    session: Option<Completed>,
}

impl StagedFile {
    pub(super) fn new(file: Arc<File>, path: PathBuf, length: u64) -> Self {
        Self {
            file,
            path,
            length,
            is_placed: AtomicBool::new(false),
            session: None,
        }
    }

    pub(super) fn from_session(completed: Completed, path: PathBuf) -> Self {
        let (file, length) = (Arc::clone(&completed.file), completed.incoming.length());
        let mut staged = Self::new(file, path, length);
        staged.session = Some(completed);
        staged
    }

    /// Returns the number of bytes of the content.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns whether the file was moved to its final path.
    pub fn is_placed(&self) -> bool {
        self.is_placed.load(Ordering::Acquire)
    }

    /// Renames the file to `to`. A power cut cannot leave an incomplete file at `to`. The folder of
    /// `to` must exist.
    ///
    /// # Errors
    /// Returns the errors of [`Durability::rename`]. In these cases, the session continues.
    pub fn rename(self, durability: &Durability, to: &Path) -> Result<()> {
        // The sync uses the descriptor that wrote the content, because it reports every write-back
        // error.
        let renamed = durability.rename(&self.file, &self.path, to);
        self.set_placed(renamed.is_ok());
        if renamed.is_err() {
            self.put_back();
        }
        renamed
    }

    /// Renames the file to `to`, a name that nothing refers to before this call returns. The folder
    /// of `to` must exist.
    ///
    /// # Errors
    /// Returns the errors of [`Durability::place`].
    pub fn place(&self, durability: &Durability, to: &Path) -> Result<()> {
        let placed = durability.place(&self.file, &self.path, to);
        self.set_placed(placed.is_ok());
        placed
    }

    /// Moves the file back from `placed`, its final path. Nothing may refer to this path.
    ///
    /// # Errors
    /// Returns an error if the file cannot be moved.
    pub fn take_back(&self, placed: &Path) -> Result<()> {
        // No sync is needed, because no client relies on content that is not stored.
        fs::rename(placed, &self.path).map_err(file_error("move a file from", placed))?;
        self.set_placed(false);
        Ok(())
    }

    /// Returns the content to its session, which continues. Without a session, or if the file was
    /// moved or is lost, this only drops the value. Blocks on disk I/O.
    pub fn put_back(mut self) {
        // A failed sync removes the file.
        if !self.is_placed()
            && self.path.exists()
            && let Some(session) = self.session.take()
        {
            // The session needs the file, so dropping this value must not remove it.
            self.set_placed(true);
            session.put_back();
        }
    }

    fn set_placed(&self, is_placed: bool) {
        self.is_placed.store(is_placed, Ordering::Release);
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.is_placed()
            && let Err(error) = remove(&self.path)
        {
            tracing::error!(%error, "failed to remove the file of an upload");
        }
    }
}

impl fmt::Debug for StagedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StagedFile")
            .field("path", &self.path)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}
