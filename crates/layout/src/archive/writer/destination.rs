//! Destination of an archive: a path or a stream. A file at the path is replaced when the archive
//! is complete.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use portolan_files::durable::{Durability, OnFailedSync, parent};
use portolan_files::{file_error, is_absent};
use portolan_registry::{Error, Kind, Result};

use crate::files::{FOLDER_MODE, Stamp, keep_permissions, resolve_links, temporary};

/// Prefix of the names of unfinished archives.
const TEMPORARY: &str = ".portolan-archive-";

/// Destination of an archive.
pub(super) enum Destination {
    Path(TargetPath),
    Stream(OutputStream),
}

/// Path of an archive. The file at the path is replaced when the archive is complete.
pub(super) struct TargetPath {
    path: PathBuf,
    /// Stamp of the file at the creation of the archive.
    initial_stamp: Option<Stamp>,
}

/// Stream to which an archive is written when it is complete.
pub(super) struct OutputStream {
    name: String,
    output: Mutex<Option<Box<dyn Write + Send>>>,
}

impl Destination {
    pub(super) fn stream(name: String, output: Box<dyn Write + Send>) -> Self {
        Self::Stream(OutputStream {
            name,
            output: Mutex::new(Some(output)),
        })
    }

    /// Calls `write` with the output, and completes the archive.
    ///
    /// # Errors
    /// Returns the errors of `write`. In this case, the file at the path is unchanged.
    pub(super) fn write(&self, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
        match self {
            Self::Path(target) => target.replace(write),
            Self::Stream(stream) => {
                let taken = stream.output.lock().unwrap_or_else(PoisonError::into_inner);
                match { taken }.take() {
                    Some(mut output) => write(&mut output),
                    None => Ok(()),
                }
            }
        }
    }
}

impl TargetPath {
    /// Records the current state of the file at `path`, and creates its folder. If `path` is a
    /// symbolic link, the file that it points to will be replaced.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if something other than a regular file exists at the path.
    pub(super) fn open(path: &Path) -> Result<Self> {
        check_regular_file(path)?;
        let path = resolve_links(path)?;
        let initial_stamp = Stamp::read(&path)?;
        durability().make_folder(parent(&path), FOLDER_MODE)?;
        Ok(Self {
            path,
            initial_stamp,
        })
    }

    /// Returns the existing archive, if it is not empty.
    pub(super) fn existing(&self) -> Option<&Path> {
        let stamp = self.initial_stamp.as_ref();
        stamp
            .is_some_and(|stamp| !stamp.is_empty())
            .then_some(&*self.path)
    }

    pub(super) fn folder(&self) -> &Path {
        parent(&self.path)
    }

    /// Replaces the file, atomically and durably.
    fn replace(&self, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
        let (mut file, temporary) = temporary(self.folder(), TEMPORARY)?.into_parts();
        keep_permissions(&file, &self.path)?;
        write(&mut file)?;
        self.check_unchanged()?;
        sync(&file)?;
        temporary
            .persist(&self.path)
            .map_err(|error| file_error("move the archive to", &self.path)(error.error))?;
        durability().sync_folder(self.folder())
    }

    /// Returns an error if the file has changed since the creation of the archive. A change between
    /// this check and the rename is lost.
    fn check_unchanged(&self) -> Result<()> {
        if Stamp::read(&self.path)? == self.initial_stamp {
            return Ok(());
        }
        let message = format!(
            "{} was changed by another process in the meantime, so it was not replaced; \
             try again",
            self.path.display()
        );
        Err(Error::new(Kind::PreconditionFailed, message))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(target) => target.path.display().fmt(formatter),
            Self::Stream(stream) => stream.name.fmt(formatter),
        }
    }
}

fn durability() -> Durability {
    Durability::new(OnFailedSync::ReturnError)
}

fn sync(file: &File) -> Result<()> {
    durability().sync_file(file, "the archive".as_ref())
}

/// Returns an error if the target is something other than a regular file, such as a device. It must
/// not be replaced.
fn check_regular_file(target: &Path) -> Result<()> {
    match fs::metadata(target) {
        Ok(metadata) if !metadata.is_file() => {
            let message = format!(
                "{} is not a regular file, as an archive must be",
                target.display()
            );
            Err(Error::new(Kind::Unsupported, message).with_help("use another path"))
        }
        Err(error) if !is_absent(&error) => Err(file_error("inspect", target)(error)),
        _ => Ok(()),
    }
}
