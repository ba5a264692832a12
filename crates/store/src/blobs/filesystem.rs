//! Objects as files, spread over 256 folders.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use portolan_registry::{Body, Error, Result};

use super::stream::read_file;
use super::{ObjectKey, Objects, Staged};
use crate::fatal::fatal;
use crate::files::{blocking, make_folder, storage_error, sync_above};

/// Objects as files below one folder.
pub(crate) struct Filesystem {
    folders: Arc<Folders>,
}

/// The folders that objects lie in, each made when the first one comes.
struct Folders {
    above: PathBuf,
    /// Those that survive a power cut for certain. That a folder is there does not say so: another
    /// object may have made it just now, or a process that was killed.
    synced: Mutex<HashSet<PathBuf>>,
}

impl Filesystem {
    /// Uses `folder`, which is made if it is not there.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let made = make_folder(folder).and_then(|()| sync_above(folder));
        made.map_err(|error| storage_error(error, "making the folder for blobs"))?;
        Ok(Self {
            folders: Arc::new(Folders {
                above: folder.into(),
                synced: Mutex::default(),
            }),
        })
    }

    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.folders.path(key).join(key.as_str())
    }
}

impl Folders {
    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.above.join(&key.as_str()[..2])
    }

    /// The folder for an object, which is there and stays.
    fn open(&self, key: &ObjectKey) -> io::Result<File> {
        let path = self.path(key);
        // A panic elsewhere leaves the set as it was. It is held, so that nobody goes on before the sync.
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if !synced.contains(&path) {
            fs::create_dir_all(&path)?;
            let above = File::open(&self.above)?;
            above
                .sync_all()
                .unwrap_or_else(|error| fatal("syncing the folder of all blobs", &error));
            synced.insert(path.clone());
        }
        drop(synced);
        File::open(path)
    }
}

#[async_trait]
impl Objects for Filesystem {
    async fn install(&self, staged: &Staged, key: &ObjectKey) -> Result<()> {
        let (from, to) = (staged.path.clone(), self.path(key));
        let (folders, key) = (Arc::clone(&self.folders), key.clone());
        blocking(move || {
            let file =
                File::open(&from).map_err(|error| storage_error(error, "opening an upload"))?;
            // Opened before there is anything to sync: a process without descriptors left is no failed sync.
            let folder = folders
                .open(&key)
                .map_err(|error| storage_error(error, "opening a folder for blobs"))?;
            file.sync_all()
                .unwrap_or_else(|error| fatal("syncing a blob", &error));
            fs::rename(from, to)
                .map_err(|error| storage_error(error, "moving an upload into place"))?;
            folder
                .sync_all()
                .unwrap_or_else(|error| fatal("syncing the folder of a blob", &error));
            Ok(())
        })
        .await
    }

    async fn read(&self, key: &ObjectKey, range: Range<u64>) -> Result<Body> {
        read_file(self.path(key), range).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<()> {
        let path = self.path(key);
        blocking(move || match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::internal("removing a blob's file", error))
            }
            _ => Ok(()),
        })
        .await
    }
}
