//! Work on files: off the async threads, with errors that name the file and tell a full disk from a broken one.

use std::fs::{self, File, Permissions};
use std::future::Future;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use portolan_registry::{Error, Kind, Result};
use tempfile::NamedTempFile;

/// Everybody may read what is written here, as far as the umask allows.
const MODE: u32 = 0o666;

/// Runs `work` where it may wait for the disk.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("working on files", error))?
}

/// Runs `work` to its end even if the caller goes away.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work)
        .await
        .map_err(|error| Error::internal("a write was broken off", error))?
}

/// What went wrong while doing what `action` says to a path.
pub(crate) fn failed(action: &str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let message = format!("{action} {}", path.display());
    move |error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            let message = format!("{message}: there is no room left; nothing of it is kept");
            Error::new(Kind::StorageFull, message).with_source(error)
        }
        io::ErrorKind::PermissionDenied => {
            Error::new(Kind::Denied, format!("{message}: permission denied")).with_source(error)
        }
        _ => {
            let message = format!("{message}: {error}");
            Error::internal(message, error)
        }
    }
}

/// Makes a folder, and those above it that are not there, so that they survive a power cut.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    make_folder(above(folder))?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed("making the folder", folder)(error));
        }
        _ => (),
    }
    sync_folder(above(folder))
}

/// Has what was made, renamed or removed in a folder survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed("syncing the folder", folder))
}

/// The folder that a path lies in.
pub(crate) fn above(path: &Path) -> &Path {
    path.parent()
        .filter(|above| !above.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// A new file in `folder` that is removed unless it is kept.
pub(crate) fn temporary(folder: &Path, prefix: &str) -> Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(prefix)
        .permissions(Permissions::from_mode(MODE));
    builder
        .tempfile_in(folder)
        .map_err(failed("making a temporary file in", folder))
}

/// The file that `path` leads to, even if nothing is there yet.
pub(crate) fn followed(path: &Path) -> Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(error) if is_absence(&error) => match fs::read_link(path) {
            Ok(target) => followed(&above(path).join(target)),
            Err(_) => Ok(path.to_owned()),
        },
        Err(error) => Err(failed("looking at", path)(error)),
    }
}

/// Gives `file` the permissions of what is at `path`, if anything is, since it will replace that.
pub(crate) fn keep_permissions(file: &File, path: &Path) -> Result<()> {
    let kept = match fs::metadata(path) {
        Ok(metadata) => file.set_permissions(Permissions::from_mode(metadata.mode() & 0o777)),
        Err(error) if is_absence(&error) => Ok(()),
        Err(error) => Err(error),
    };
    kept.map_err(failed("keeping the permissions of", path))
}

/// Puts `bytes` at `path` in one step that lasts, by way of a temporary file in `scratch` on the same
/// filesystem, and answers the stamp of what is there then. Permissions stay as they were.
pub(crate) fn replace(path: &Path, bytes: &[u8], scratch: &Path) -> Result<Stamp> {
    let mut file = temporary(scratch, TEMPORARY)?;
    keep_permissions(file.as_file(), path)?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed("writing", path))?;
    let stamp = file
        .as_file()
        .metadata()
        .map_err(failed("looking at", path))?;
    file.persist(path)
        .map_err(|error| failed("moving into place", path)(error.error))?;
    sync_folder(above(path))?;
    Ok(Stamp::of(&stamp))
}

/// Removes a file; one that is not there is no error.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("removing", path)(error))
        }
        _ => Ok(()),
    }
}

/// How the names of temporary files begin: nobody needs one whose process has ended.
pub(crate) const TEMPORARY: &str = "temporary-";

/// What changes with a file when somebody writes it or puts another in its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stamp {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

impl Stamp {
    /// That of the file at `path`; nothing if there is none.
    pub(crate) fn at(path: &Path) -> Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self::of(&metadata))),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(failed("looking at", path)(error)),
        }
    }

    fn of(metadata: &fs::Metadata) -> Self {
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

/// Whether there is nothing at a path.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
