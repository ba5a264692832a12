//! The folder in which a layout keeps what is not content yet: upload sessions and temporary files.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use portolan_registry::{Body, Error, Result, UploadId};

use crate::files::{TEMPORARY, failed, make_folder, remove};
use crate::incoming::Incoming;
use crate::sessions::SessionFiles;

/// Its name. Other tools pass over it.
const FOLDER: &str = ".portolan-uploads";

/// The longest time after which somebody may still come back to a session.
const LONGEST_PAUSE: Duration = Duration::from_hours(7 * 24);

/// The files of sessions; their names are the sessions' ids.
#[derive(Debug)]
pub(crate) struct Uploads {
    folder: PathBuf,
}

impl Uploads {
    /// Makes the folder within `layout`, and removes what a process that has ended left half done, and
    /// sessions that nobody comes back to.
    pub(crate) fn open(layout: &Path) -> Result<Self> {
        let folder = layout.join(FOLDER);
        make_folder(&folder)?;
        for entry in fs::read_dir(&folder).map_err(failed("reading the folder", &folder))? {
            let path = entry.map_err(failed("reading the folder", &folder))?.path();
            let temporary = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY));
            if temporary || is_abandoned(&path) {
                remove(&path)?;
            }
        }
        Ok(Self { folder })
    }

    /// Whether a layout has sessions that may be gone on with.
    pub(crate) fn are_in(layout: &Path) -> bool {
        layout.join(FOLDER).is_dir()
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn path(&self, id: &UploadId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    fn open_file(&self, id: &UploadId, new: bool) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(new)
            .mode(0o666)
            .open(self.path(id))
    }
}

#[async_trait]
impl SessionFiles for Uploads {
    fn create(&self, id: &UploadId) -> Result<File> {
        self.open_file(id, true)
            .map_err(failed("making the upload", &self.path(id)))
    }

    fn recall(&self, id: &UploadId) -> Result<Option<File>> {
        if !is_random(id) {
            return Ok(None);
        }
        match self.open_file(id, false) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::internal(
                format!("opening the upload {}", self.path(id).display()),
                error,
            )),
        }
    }

    fn remove(&self, id: &UploadId) -> Result<()> {
        remove(&self.path(id))
    }

    async fn append(&self, incoming: Incoming, body: Body) -> (Option<Incoming>, Result<()>) {
        incoming.take(body).await
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        // What is left in it is gone on with by another process; then it stays.
        drop(fs::remove_dir(&self.folder));
    }
}

/// Whether a session has stood still for too long. A clock that was set back says no.
fn is_abandoned(path: &Path) -> bool {
    let modified = fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok();
    modified
        .and_then(|modified| modified.elapsed().ok())
        .is_some_and(|idle| idle > LONGEST_PAUSE)
}

/// Whether an id is one that [`UploadId::random`] gives out, and no path.
fn is_random(id: &UploadId) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    id.as_str().len() == 32 && id.as_str().bytes().all(digit)
}
