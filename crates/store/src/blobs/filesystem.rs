//! Objects as files, spread over 256 folders.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use portolan_registry::{Body, Error, Result};

use super::stream::read_file;
use super::{ObjectKey, Objects, Staged};
use crate::fatal::fatal;
use crate::files::{blocking, storage_error};

/// Objects as files below one folder.
pub(crate) struct Filesystem {
    folder: Arc<Path>,
}

impl Filesystem {
    /// Uses `folder`, which is made if it is not there.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        make_folder(folder).map_err(|error| storage_error(error, "making the folder for blobs"))?;
        Ok(Self { folder: folder.into() })
    }

    fn path(&self, key: &ObjectKey) -> PathBuf {
        let key = key.as_str();
        self.folder.join(&key[..2]).join(key)
    }
}

#[async_trait]
impl Objects for Filesystem {
    async fn install(&self, staged: Staged, key: &ObjectKey) -> Result<()> {
        let path = self.path(key);
        blocking(move || {
            let file = File::open(&staged.path).map_err(|error| storage_error(error, "opening an upload"))?;
            file.sync_all().unwrap_or_else(|error| fatal("syncing a blob", &error));
            rename(&staged.path, &path).map_err(|error| storage_error(error, "moving an upload into place"))?;
            sync_parent(&path).unwrap_or_else(|error| fatal("syncing the folder of a blob", &error));
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

/// Renames, and makes the target's folder first if it is the first to lie there.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            to.parent().map_or(Ok(()), make_folder)?;
            fs::rename(from, to)
        }
        renamed => renamed,
    }
}

/// Makes a folder that survives a power cut, if it is not there.
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    sync_parent(folder)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}
