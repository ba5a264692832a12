//! File operations of layouts: temporary files, the replacement of files, and stamps. A stamp shows
//! whether a file has changed. Operations that the store needs too are in [`portolan_files`].

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use portolan_files::durable::{Durability, parent};
use portolan_files::{file_error, is_absent};
use portolan_registry::Result;
use tempfile::NamedTempFile;

/// Mode of files, before the system applies the umask. Other tools have to read layouts.
pub(crate) const FILE_MODE: u32 = 0o666;

/// Mode of folders, before the system applies the umask.
pub(crate) const FOLDER_MODE: u32 = 0o777;

/// Creates a temporary file in `folder`. Dropping the value removes the file, unless it was
/// renamed.
pub(crate) fn temporary(folder: &Path, prefix: &str) -> Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(prefix)
        .permissions(Permissions::from_mode(FILE_MODE));
    builder
        .tempfile_in(folder)
        .map_err(file_error("create a temporary file in", folder))
}

/// Returns `path` with symbolic links resolved, even if no file exists at the target yet.
pub(crate) fn resolve_links(path: &Path) -> Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(error) if is_absent(&error) => match fs::read_link(path) {
            Ok(target) => resolve_links(&parent(path).join(target)),
            Err(_) => Ok(path.to_owned()),
        },
        Err(error) => Err(file_error("inspect", path)(error)),
    }
}

/// Gives `file` the permissions of the file at `path`, because `file` will replace it. Does nothing
/// if no file exists at `path`.
pub(crate) fn keep_permissions(file: &File, path: &Path) -> Result<()> {
    let kept = match fs::metadata(path) {
        Ok(metadata) => file.set_permissions(Permissions::from_mode(metadata.mode() & 0o777)),
        Err(error) if is_absent(&error) => Ok(()),
        Err(error) => Err(error),
    };
    kept.map_err(file_error("preserve the permissions of", path))
}

/// Replaces the content of the file at `path`, atomically and durably, and returns its new stamp.
/// Creates the temporary file in `scratch`. This folder must be on the same filesystem. Preserves
/// permissions.
pub(crate) fn replace(
    durability: &Durability,
    path: &Path,
    bytes: &[u8],
    scratch: &Path,
) -> Result<Stamp> {
    let mut file = temporary(scratch, TEMPORARY)?;
    keep_permissions(file.as_file(), path)?;
    file.write_all(bytes).map_err(file_error("write", path))?;
    let metadata = file
        .as_file()
        .metadata()
        .map_err(file_error("inspect", path))?;
    durability.rename(file.as_file(), file.path(), path)?;
    Ok(Stamp::from_metadata(&metadata))
}

/// Prefix of the names of temporary files. A file whose process has ended can be removed.
pub(crate) const TEMPORARY: &str = "temporary-";

/// Properties of a file that change when its content changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stamp {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

impl Stamp {
    /// Returns the stamp of the file at `path`, or `None` if it does not exist.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self::from_metadata(&metadata))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(file_error("inspect", path)(error)),
        }
    }

    fn from_metadata(metadata: &fs::Metadata) -> Self {
        Self {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.size(),
            inode: metadata.ino(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.size == 0
    }
}
