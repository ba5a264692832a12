//! Layout in a folder: `oci-layout`, `index.json` and `blobs/ALGORITHM/ENCODED` (image-spec,
//! image-layout.md).

mod index_file;
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
use portolan_files::durable::{Durability, OnFailedSync, parent};
use portolan_files::lock::FolderLock;
use portolan_files::sessions::{Owner, SessionFolder, Sessions, StagedFile};
use portolan_files::{file_error, is_absent, run_blocking};
use portolan_model::Digest;
use portolan_registry::{Error, Kind, Result, UploadId};

use crate::files::{FOLDER_MODE, replace};
use crate::index::LayoutIndex;
use crate::layout::Orphan;
use index_file::CachedIndex;
use lock::lock;

pub(crate) use open::check_version;
pub(crate) use tree::FolderTree;

/// File that marks a folder as a layout, and has its version.
pub(crate) const LAYOUT_FILE: &str = "oci-layout";

pub(crate) const INDEX_FILE: &str = "index.json";

pub(crate) const BLOBS_FOLDER: &str = "blobs";

/// Prefix of the names of Portolan's own files. Other tools ignore them.
const OWN_FILE_PREFIX: &str = ".portolan-";

/// Content of [`LAYOUT_FILE`].
pub(crate) const LAYOUT_CONTENT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Layout in a folder. The first write locks the layout.
pub struct Folder {
    path: PathBuf,
    access: Access,
    /// Cached index.
    index: Mutex<Option<CachedIndex>>,
    writing: Mutex<Option<Arc<Writing>>>,
}

/// Permitted access to a layout.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access {
    Read,
    /// Each change is durable when it returns.
    Write,
    /// Pushes are durable after the next [`Storage::save`](crate::storage::Storage::save).
    Gather,
}

/// State of a layout that is open for writing. The order of the fields matters: the lock is dropped
/// last.
struct Writing {
    sessions: Sessions<SessionFolder>,
    /// Folder for temporary files.
    scratch: PathBuf,
    durability: Arc<Durability>,
    /// Folders that are known to survive a power cut.
    synced: Mutex<HashSet<PathBuf>>,
    _lock: FolderLock,
}

impl Drop for Writing {
    fn drop(&mut self) {
        // The layout is still locked. A folder that contains sessions is not removed, so that
        // another process can resume them.
        self.sessions.files().remove_if_unused();
    }
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

    /// Opens the layout in a folder for reading.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        open::check_layout(&path)?;
        Ok(Self::new(path, Access::Read))
    }

    /// Opens the layout in a folder for writing. Creates the layout if the folder is empty or does
    /// not exist.
    pub(crate) fn open_for_writing(path: PathBuf, access: Access) -> Result<Self> {
        open::check_for_writing(&path)?;
        let folder = Self::new(path, access);
        let writing = folder.writing()?;
        folder.create_layout_files(&writing)?;
        Ok(folder)
    }

    fn display_name(&self) -> String {
        format!("the layout {}", self.path.display())
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.path
            .join(BLOBS_FOLDER)
            .join(digest.algorithm().as_str())
            .join(digest.encoded_part())
    }

    fn check_access(&self) -> Result<()> {
        if self.access != Access::Read {
            return Ok(());
        }
        Err(Error::new(
            Kind::Unsupported,
            format!("{} is open for reading only", self.display_name()),
        ))
    }

    /// Returns the state for writing. Locks the layout if it is not locked yet.
    fn writing(&self) -> Result<Arc<Writing>> {
        self.check_access()?;
        let mut writing = lock_of(&self.writing);
        if let Some(writing) = writing.as_ref() {
            return Ok(Arc::clone(writing));
        }
        // If a sync fails, return an error: the tool that writes the layout reports it and exits,
        // and nothing else relies on the disk.
        let durability = Arc::new(Durability::new(OnFailedSync::ReturnError));
        durability.make_folder(&self.path, FOLDER_MODE)?;
        let lock = lock(&self.path)?;
        let new = Writing {
            sessions: uploads::open(&self.path, Arc::clone(&durability))?,
            scratch: uploads::folder(&self.path),
            durability,
            synced: Mutex::default(),
            _lock: lock,
        };
        Ok(Arc::clone(writing.insert(Arc::new(new))))
    }

    /// Returns the state for writing, because it has the sessions. If no session can exist, returns
    /// an error without locking the layout.
    async fn sessions(self: &Arc<Self>, owner: &Owner, id: &UploadId) -> Result<Arc<Writing>> {
        let (folder, repository, id) = (Arc::clone(self), owner.repository.clone(), id.clone());
        run_blocking(move || {
            if lock_of(&folder.writing).is_none() && !uploads::exists_in(&folder.path) {
                return Err(Error::upload_unknown(&repository, id));
            }
            folder.writing()
        })
        .await
    }

    /// Creates the files that make the folder a layout, unless they exist.
    fn create_layout_files(&self, writing: &Writing) -> Result<()> {
        for (file, bytes) in [
            (LAYOUT_FILE, Bytes::from(LAYOUT_CONTENT)),
            (INDEX_FILE, LayoutIndex::empty().to_bytes()),
        ] {
            let path = self.path.join(file);
            if !path.exists() {
                replace(&writing.durability, &path, &bytes, &writing.scratch)?;
            }
        }
        Ok(())
    }

    /// Returns the path of a blob. Creates its folder and the files of the layout durably, if they
    /// do not exist.
    fn prepare_blob_path(&self, writing: &Writing, digest: &Digest) -> Result<PathBuf> {
        let path = self.blob_path(digest);
        let folder = parent(&path);
        let mut synced = lock_of(&writing.synced);
        if !synced.contains(folder) {
            self.create_layout_files(writing)?;
            writing.durability.make_folder(folder, FOLDER_MODE)?;
            synced.insert(folder.to_owned());
        }
        Ok(path)
    }

    /// Returns all blobs, in any order.
    pub(crate) fn blobs(&self) -> Result<Vec<Orphan>> {
        let mut blobs = Vec::new();
        for algorithm in list_folder(&self.path.join(BLOBS_FOLDER))? {
            for path in list_folder(&algorithm)? {
                let Some(digest) = digest_from_path(&algorithm, &path) else {
                    continue;
                };
                let metadata = path.metadata().map_err(file_error("inspect", &path))?;
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
    /// Moves verified content to the path of its blob, durably. If this fails, the content remains in
    /// its session.
    fn commit_blob(&self, staged: StagedFile, digest: &Digest) -> Result<()> {
        let prepared = self.writing().and_then(|writing| {
            let path = self.prepare_blob_path(&writing, digest)?;
            Ok((writing, path))
        });
        match prepared {
            Ok((writing, path)) => staged.rename(&writing.durability, &path),
            Err(error) => {
                staged.put_back();
                Err(error)
            }
        }
    }
}

/// Returns the paths in a folder, or none if the folder does not exist.
fn list_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(file_error("read the folder", folder)(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths
        .collect::<io::Result<_>>()
        .map_err(file_error("read the folder", folder))
}

/// Returns the digest of the blob at `path`, or `None` if the path is not the path of a blob.
fn digest_from_path(algorithm: &Path, path: &Path) -> Option<Digest> {
    format!(
        "{}:{}",
        algorithm.file_name()?.to_str()?,
        path.file_name()?.to_str()?
    )
    .parse()
    .ok()
}

/// Locks a mutex. Ignores poisoning, because a panic in another thread does not leave the value
/// inconsistent.
fn lock_of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
