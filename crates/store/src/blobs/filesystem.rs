//! Objects as files, spread over 256 folders that are made once.

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
    /// Uses `folder`, which is made with all that it needs.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let make = || {
            for shard in 0..=u8::MAX {
                fs::create_dir_all(folder.join(format!("{shard:02x}")))?;
            }
            sync_folder(folder)?;
            folder.parent().map_or(Ok(()), sync_folder)
        };
        make().map_err(|error| storage_error(error, "making the folders for blobs"))?;
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
            fs::rename(&staged.path, &path).map_err(|error| storage_error(error, "moving an upload into place"))?;
            let folder = path.parent().unwrap_or(&path);
            sync_folder(folder).unwrap_or_else(|error| fatal("syncing the folder of a blob", &error));
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

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
