//! A layout in a folder: `oci-layout`, `index.json` and `blobs/ALGORITHM/ENCODED` (image-spec, image-layout.md).

mod lock;
mod open;
mod storage;
mod tree;
mod uploads;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use portolan_model::{Digest, RepositoryName};
use portolan_registry::{Error, Kind, Result, UploadId};

use crate::files::{Stamp, above, blocking, failed, is_absence, make_folder, replace, sync_folder};
use crate::incoming::Incoming;
use crate::index::Index;
use crate::layout::Orphan;
use crate::sessions::Sessions;
use lock::FolderLock;
use uploads::Uploads;

pub(crate) use open::check_version;
pub(crate) use tree::Tree;

/// The file that says that a folder is a layout, and of which version.
pub(crate) const LAYOUT_FILE: &str = "oci-layout";

pub(crate) const INDEX_FILE: &str = "index.json";

pub(crate) const BLOBS_FOLDER: &str = "blobs";

/// How the names of files begin that are ours alone. Other tools pass over them.
const OWN_FILES: &str = ".portolan-";

/// What stands in [`LAYOUT_FILE`].
pub(crate) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// A layout in a folder. It is locked from the first write on.
pub struct Folder {
    path: PathBuf,
    access: Access,
    /// The index as it was read, and when; nothing if it was not there.
    index: Mutex<Option<(Option<Stamp>, Arc<Index>)>>,
    writing: Mutex<Option<Arc<Writing>>>,
}

/// What may be done with a layout.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// What a layout has while it is written to. The order matters: the lock goes last.
struct Writing {
    sessions: Sessions<Uploads>,
    scratch: PathBuf,
    /// Folders that survive a power cut for certain.
    synced: Mutex<HashSet<PathBuf>>,
    _lock: FolderLock,
}

impl Folder {
    pub(crate) fn new(path: PathBuf, access: Access) -> Self {
        Self {
            path,
            access,
            index: Mutex::default(),
            writing: Mutex::default(),
        }
    }

    /// The layout in a folder, to be read.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        open::check(&path)?;
        Ok(Self::new(path, Access::Read))
    }

    /// The layout in a folder, to be written to; an empty folder, or none, becomes one.
    pub(crate) fn open_for_writing(path: PathBuf) -> Result<Self> {
        open::check_for_writing(&path)?;
        let folder = Self::new(path, Access::Write);
        let writing = folder.writing()?;
        folder.make_layout(&writing)?;
        Ok(folder)
    }

    fn called(&self) -> String {
        format!("the layout {}", self.path.display())
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.path
            .join(BLOBS_FOLDER)
            .join(digest.algorithm().as_str())
            .join(digest.encoded())
    }

    fn check_access(&self) -> Result<()> {
        if self.access == Access::Write {
            return Ok(());
        }
        Err(Error::new(
            Kind::Unsupported,
            format!("{} was opened for reading only", self.called()),
        ))
    }

    /// Locks the layout if that is not done yet.
    fn writing(&self) -> Result<Arc<Writing>> {
        self.check_access()?;
        let mut writing = lock_of(&self.writing);
        if let Some(writing) = writing.as_ref() {
            return Ok(Arc::clone(writing));
        }
        make_folder(&self.path)?;
        let lock = FolderLock::acquire(&self.path)?;
        let uploads = Uploads::open(&self.path)?;
        let scratch = uploads.folder().to_owned();
        let new = Writing {
            sessions: Sessions::new(uploads),
            scratch,
            synced: Mutex::default(),
            _lock: lock,
        };
        Ok(Arc::clone(writing.insert(Arc::new(new))))
    }

    /// The sessions, where there may be one.
    async fn sessions(
        self: &Arc<Self>,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Arc<Writing>> {
        let (folder, repository, id) = (Arc::clone(self), repository.clone(), id.clone());
        blocking(move || {
            if lock_of(&folder.writing).is_none() && !Uploads::are_in(&folder.path) {
                return Err(Error::upload_unknown(&repository, id));
            }
            folder.writing()
        })
        .await
    }

    /// Makes the folder a layout, if it is none yet.
    fn make_layout(&self, writing: &Writing) -> Result<()> {
        for (file, bytes) in [
            (LAYOUT_FILE, Bytes::from(LAYOUT)),
            (INDEX_FILE, Index::empty().bytes()),
        ] {
            let path = self.path.join(file);
            if !path.exists() {
                replace(&path, &bytes, &writing.scratch)?;
            }
        }
        Ok(())
    }

    /// The place of a blob, whose folder is there and stays.
    fn place(&self, writing: &Writing, digest: &Digest) -> Result<PathBuf> {
        let path = self.blob_path(digest);
        let folder = above(&path);
        let mut synced = lock_of(&writing.synced);
        if !synced.contains(folder) {
            self.make_layout(writing)?;
            make_folder(folder)?;
            sync_folder(above(folder))?;
            synced.insert(folder.to_owned());
        }
        Ok(path)
    }

    /// Every blob, in any order.
    pub(crate) fn blobs(&self) -> Result<Vec<Orphan>> {
        let mut blobs = Vec::new();
        for algorithm in entries(&self.path.join(BLOBS_FOLDER))? {
            for path in entries(&algorithm)? {
                let Some(digest) = digest_of(&algorithm, &path) else {
                    continue;
                };
                let metadata = path.metadata().map_err(failed("looking at", &path))?;
                if metadata.is_file() {
                    blobs.push(Orphan {
                        digest,
                        size: metadata.len(),
                    });
                }
            }
        }
        Ok(blobs)
    }
}

impl Folder {
    /// Moves what has come, and is known to be right, from `file` to its place as a blob.
    fn keep(self: &Arc<Self>, incoming: &Incoming, digest: &Digest, file: &Path) -> Result<()> {
        let path = self.place(&*self.writing()?, digest)?;
        incoming.file.sync_all().map_err(failed("syncing", file))?;
        fs::rename(file, &path).map_err(failed("moving into place", &path))?;
        sync_folder(above(&path))
    }
}

/// What lies in a folder; nothing if there is no such folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absence(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failed("reading the folder", folder)(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths
        .collect::<io::Result<_>>()
        .map_err(failed("reading the folder", folder))
}

/// The digest that a blob's path stands for, if it stands for one.
fn digest_of(algorithm: &Path, path: &Path) -> Option<Digest> {
    format!(
        "{}:{}",
        algorithm.file_name()?.to_str()?,
        path.file_name()?.to_str()?
    )
    .parse()
    .ok()
}

/// A panic elsewhere leaves what is locked as it was.
fn lock_of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
