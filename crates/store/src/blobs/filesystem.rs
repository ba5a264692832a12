//! Objects as files, spread over 256 folders.

use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use portolan_files::durable::{Durability, remove};
use portolan_files::{file_error, run_blocking};
use portolan_model::Digest;
use portolan_registry::{Body, Error, Kind, Result};

use super::file;
use super::stream::read_file;
use super::{ObjectKey, Objects, Staged};
use crate::lock::FolderLock;

/// Mode of the folders: only the user of the process can read blobs.
const FOLDER_MODE: u32 = 0o700;

/// Storage of objects as files below one folder.
pub(crate) struct Filesystem {
    folders: Arc<Folders>,
}

/// Folders that contain objects. A folder is created for its first object.
struct Folders {
    root: PathBuf,
    lock: Arc<FolderLock>,
    durability: Arc<Durability>,
    /// Folders that are known to survive a power cut. A folder that only exists may not survive it:
    /// a call in progress or a killed process may have created the folder without a sync.
    synced: Mutex<HashSet<PathBuf>>,
}

impl Filesystem {
    /// Creates the storage below `folder`, which is in the folder of `lock`. The folder must exist
    /// and survive a power cut.
    pub(crate) fn new(folder: &Path, lock: Arc<FolderLock>, durability: Arc<Durability>) -> Self {
        Self {
            folders: Arc::new(Folders {
                root: folder.into(),
                lock,
                durability,
                synced: Mutex::default(),
            }),
        }
    }

    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.folders.path(key).join(key.to_string())
    }

    /// Returns the result of an access to a file. No file is damaged because another folder is at
    /// the path of the data folder.
    fn confirm<T>(&self, accessed: Result<T>) -> Result<T> {
        if accessed.is_err() {
            self.folders.lock.check_place()?;
        }
        accessed
    }
}

impl Folders {
    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(key.folder())
    }

    /// Creates the folder for an object, if it does not exist. The folder survives a power cut when
    /// this returns.
    fn create(&self, key: &ObjectKey) -> Result<()> {
        let path = self.path(key);
        // Hold the lock during the sync, so that no other call uses the folder before it survives a
        // power cut. Ignore poisoning, because a panic leaves the set intact.
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if !synced.contains(&path) || !path.is_dir() {
            self.check_root(&synced)?;
            self.durability.make_folder(&path, FOLDER_MODE)?;
            synced.insert(path);
        }
        Ok(())
    }

    /// Checks that the folders of `synced` can still be in the root. A folder that is created in
    /// another root, for example while the disk is not mounted, would make the blobs of the missing
    /// folders look lost.
    fn check_root(&self, synced: &HashSet<PathBuf>) -> Result<()> {
        self.lock.check_place()?;
        let mut entries = fs::read_dir(&self.root).map_err(file_error("read", &self.root))?;
        if synced.is_empty() || entries.next().is_some() {
            return Ok(());
        }
        let message = format!("{} has lost its content", self.root.display());
        let help = "mount its disk, or restore it from a backup";
        Err(Error::new(Kind::Internal, message).with_help(help))
    }
}

#[async_trait]
impl Objects for Filesystem {
    async fn install(&self, staged: &Staged, key: &ObjectKey) -> Result<()> {
        let Staged::File(file) = staged.clone();
        let (to, folders, key) = (self.path(key), Arc::clone(&self.folders), *key);
        run_blocking(move || {
            folders.create(&key)?;
            file.place(&folders.durability, &to)?;
            // If another process uses a new folder at this path, the object is in that folder.
            folders
                .lock
                .check_place()
                .inspect_err(|_| drop(remove(&to)))
        })
        .await
    }

    async fn take_back(&self, staged: &Staged, key: &ObjectKey) -> Result<()> {
        let Staged::File(file) = staged.clone();
        if !file.is_placed() {
            return Ok(());
        }
        let (path, folders) = (self.path(key), Arc::clone(&self.folders));
        run_blocking(move || {
            folders.lock.check_place()?;
            file.take_back(&path)
        })
        .await
    }

    async fn read(
        &self,
        key: &ObjectKey,
        size: u64,
        range: Range<u64>,
        digest: Option<&Digest>,
    ) -> Result<Body> {
        self.confirm(read_file(self.path(key), size, range, digest).await)
    }

    async fn check(&self, key: &ObjectKey, size: u64) -> Result<()> {
        self.confirm(file::check(self.path(key), size).await)
    }

    fn location(&self, key: &ObjectKey) -> String {
        self.path(key).display().to_string()
    }

    async fn delete(&self, key: &ObjectKey) -> Result<()> {
        let (path, folders) = (self.path(key), Arc::clone(&self.folders));
        run_blocking(move || {
            folders.lock.check_place()?;
            remove(&path)
        })
        .await
    }
}
