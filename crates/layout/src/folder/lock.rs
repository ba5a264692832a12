//! Lock of a layout: only one process at a time writes to it. Readers need no lock.

use std::path::Path;

use portolan_files::lock::FolderLock;
use portolan_registry::{Error, Kind, Result};

/// Locks the layout in `folder`.
///
/// # Errors
/// Returns [`Kind::Denied`] if another process has locked it.
pub(super) fn lock(folder: &Path) -> Result<FolderLock> {
    FolderLock::try_acquire(folder)?.ok_or_else(|| {
        let message = format!(
            "another process has locked the layout {} for writing",
            folder.display()
        );
        Error::new(Kind::Denied, message).with_help("wait until it ends, or use another folder")
    })
}
