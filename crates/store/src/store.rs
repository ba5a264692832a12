//! The store's parts, and how they are opened.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use portolan_registry::{Error, Result};

use crate::blobs::{Filesystem, Objects};
use crate::files::{make_folder, storage_error};
use crate::keys::Keys;
use crate::lock::FolderLock;
use crate::metadata::{Database, Sqlite, Timestamp, all_doomed, forget_doomed};
use crate::uploads::{Files, Uploads};

/// How a store on local disks is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder for everything; it is made if it is not there.
    pub folder: PathBuf,
    /// Upload sessions that stood still for longer end.
    pub upload_expiry: Duration,
}

/// A registry on local disks, in whatever database holds its metadata.
pub struct Store<D> {
    pub(crate) inner: Arc<Inner<D>>,
}

pub(crate) struct Inner<D> {
    pub(crate) database: D,
    pub(crate) objects: Box<dyn Objects>,
    pub(crate) uploads: Box<dyn Uploads>,
    pub(crate) keys: Keys,
    upload_expiry: Duration,
    lock: FolderLock,
}

impl Store<Sqlite> {
    /// Opens the store, which is then this process's alone, and clears away what a crash left.
    ///
    /// # Errors
    /// When another process uses the folder, or it cannot be written.
    pub async fn open(settings: &Settings) -> Result<Self> {
        Self::open_with(settings, Sqlite::open).await
    }
}

impl<D: Database> Store<D> {
    /// The same with a database that `open` opens in a file, once the folder is ours.
    pub(crate) async fn open_with(
        settings: &Settings,
        open: impl FnOnce(&Path) -> Result<D>,
    ) -> Result<Self> {
        let folder = &settings.folder;
        make_folder(folder).map_err(|error| storage_error(error, "making the data folder"))?;
        let lock = FolderLock::acquire(folder)?;
        let inner = Inner {
            database: open(&folder.join("portolan.db"))?,
            objects: Box::new(Filesystem::open(&folder.join("blobs"))?),
            uploads: Box::new(Files::open(&folder.join("uploads"))?),
            keys: Keys::default(),
            upload_expiry: settings.upload_expiry,
            lock,
        };
        inner.clear_doomed().await?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Notes in the folder where this process listens, for whoever finds it locked.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn announce(&self, address: SocketAddr) -> Result<()> {
        self.inner.lock.announce(address)
    }

    /// Ends upload sessions that stood still for too long; answers how many.
    ///
    /// # Errors
    /// When the folder of the uploads cannot be read.
    pub async fn expire_uploads(&self) -> Result<usize> {
        self.inner.uploads.expire(self.inner.upload_expiry).await
    }

    /// Runs `work` on a task of its own, so that it ends as it should even if whoever asked for it
    /// does not wait.
    pub(crate) async fn detached<T, W>(&self, work: impl FnOnce(Arc<Inner<D>>) -> W) -> Result<T>
    where
        T: Send + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let task = tokio::spawn(work(Arc::clone(&self.inner)));
        task.await
            .map_err(|error| Error::internal("working on the store", error))?
    }
}

impl<D: Database> Inner<D> {
    /// Removes the objects that were to become blobs when the last process ended, and those whose
    /// blobs are gone. No other process can be at work on them: the folder is locked.
    async fn clear_doomed(&self) -> Result<()> {
        let keys = self.database.read(all_doomed).await?;
        for key in &keys {
            self.objects.delete(key).await?;
        }
        self.database
            .write(move |transaction| {
                keys.iter()
                    .try_for_each(|key| forget_doomed(transaction, key))
            })
            .await
    }
}

/// The time as it is stored.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::try_from(since.as_millis()).unwrap_or(Timestamp::MAX)
}
