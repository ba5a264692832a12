//! Files of objects, checked before they are used: they exist and have the right size.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use portolan_files::{file_error, run_blocking};
use portolan_registry::{Error, Result};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

use super::Damage;

/// Opens a file of `size` bytes, on the current thread if the kernel has the path in its cache.
pub(super) async fn open(path: PathBuf, size: u64) -> Result<File> {
    let file = match open_cached(&path, OFlags::RDONLY) {
        Some(file) => file,
        None => {
            run_blocking(move || File::open(&path).map_err(|error| access_error(&path, error)))
                .await?
        }
    };
    check_size(&file, size)?;
    Ok(file)
}

/// Checks that a file exists and has `size` bytes. Does not read it, and uses the current thread if
/// the kernel has the path in its cache.
pub(super) async fn check(path: PathBuf, size: u64) -> Result<()> {
    if let Some(file) = open_cached(&path, OFlags::PATH) {
        return check_size(&file, size);
    }
    run_blocking(move || {
        let file = fs::metadata(&path).map_err(|error| access_error(&path, error))?;
        require_size(size, file.len())
    })
    .await
}

/// Returns the error for a read of `file` that found its end too early.
pub(super) fn end_error(file: &File, size: u64) -> Error {
    let end = || file_error("read", Path::new("a blob"))(io::ErrorKind::UnexpectedEof.into());
    check_size(file, size).err().unwrap_or_else(end)
}

/// Opens a file without waiting for the disk. Returns `None` if that is not possible.
fn open_cached(path: &Path, access: OFlags) -> Option<File> {
    let flags = access | OFlags::CLOEXEC;
    let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED);
    file.ok().map(File::from)
}

fn check_size(file: &File, size: u64) -> Result<()> {
    let metadata = file
        .metadata()
        .map_err(|error| Error::internal("failed to read the size of a blob's file", error))?;
    require_size(size, metadata.len())
}

fn require_size(expected: u64, actual: u64) -> Result<()> {
    if expected == actual {
        Ok(())
    } else {
        Err(Damage::Size { expected, actual }.into())
    }
}

/// Returns the error for a file that cannot be accessed. It is damage only if the folder of the
/// file is there: otherwise the disk may not be mounted, and the content is not lost.
fn access_error(path: &Path, error: io::Error) -> Error {
    let has_folder = || {
        let folder = path.parent().map(fs::metadata);
        folder.is_some_and(|folder| folder.is_ok_and(|folder| folder.is_dir()))
    };
    if error.kind() == io::ErrorKind::NotFound && has_folder() {
        return Damage::Missing.into();
    }
    file_error("open", path)(error)
}
