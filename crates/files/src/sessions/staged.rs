//! Complete content that has not been moved to its final path yet.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portolan_registry::Result;

use super::Registration;
use crate::durable::{Durability, remove};

/// File of complete, verified content. Dropping this value removes the file, unless
/// [`StagedFile::rename`] or [`StagedFile::place`] has moved it. Dropping and moving block on disk I/O.
pub struct StagedFile {
    file: Arc<File>,
    path: PathBuf,
    length: u64,
    is_placed: bool,
    /// Entry in the table of sessions, if the content comes from a session. It is dropped after the
    /// file was moved or removed. If it were dropped earlier, a call would mistake the file for a
    /// session of an earlier process.
    _registration: Option<Registration>,
}

impl StagedFile {
    pub(super) fn new(
        file: Arc<File>,
        path: PathBuf,
        length: u64,
        registration: Option<Registration>,
    ) -> Self {
        Self {
            file,
            path,
            length,
            is_placed: false,
            _registration: registration,
        }
    }

    /// Returns the number of bytes of the content.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Renames the file to `to`. A power cut cannot leave an incomplete file at `to`. The folder of
    /// `to` must exist.
    ///
    /// # Errors
    /// Returns the errors of [`Durability::rename`]. In these cases, the content is removed.
    pub fn rename(mut self, durability: &Durability, to: &Path) -> Result<()> {
        // The sync uses the descriptor that wrote the content, because it reports every write-back
        // error.
        let renamed = durability.rename(&self.file, &self.path, to);
        self.is_placed = renamed.is_ok();
        renamed
    }

    /// Renames the file to `to`, a name that nothing refers to before this call returns. The folder
    /// of `to` must exist.
    ///
    /// # Errors
    /// Returns the errors of [`Durability::place`]. In these cases, the content is removed.
    pub fn place(mut self, durability: &Durability, to: &Path) -> Result<()> {
        let placed = durability.place(&self.file, &self.path, to);
        self.is_placed = placed.is_ok();
        placed
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.is_placed
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
