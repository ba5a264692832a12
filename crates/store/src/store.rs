//! [`Store`], and the code that opens its components in order.

use std::error::Error as _;
use std::fs::OpenOptions;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portolan_files::durable::{Durability, OnFailedSync};
use portolan_files::file_error;
use portolan_model::RepositoryName;
use portolan_registry::{
    Admission, Caller, Context, Error, Kind, LocalRegistry, Policy, Registry, Result,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::blobs::{Filesystem, Objects};
use crate::cache::{Affected, Cache};
use crate::folder_check;
use crate::identity;
use crate::lock::FolderLock;
use crate::metadata::{Database, Sqlite, Transaction, is_failed_write};
use crate::object_keys::ObjectKeys;
use crate::readiness::Readiness;
use crate::reserve::Reserve;
use crate::runtime::Runtime;
use crate::settings::{CacheSettings, UploadSettings};
use crate::space::SpaceGuard;
use crate::surroundings;
use crate::uploads::{Files, UploadSessions};
use crate::writer::MediaTypes;

/// Name of the database file in the data folder.
pub(crate) const DATABASE: &str = "portolan.db";

/// Mode of the data folder. Other users must not read the private images in it.
const FOLDER_MODE: u32 = 0o700;

/// Mode of the database file. Other users must not read the private manifests in it.
const DATABASE_MODE: u32 = 0o600;

/// Settings of a store on local disks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Folder for all data. [`Store::open`] creates it if it does not exist.
    pub folder: PathBuf,
    /// Free space that pushes leave for deletion, garbage collection and logging.
    pub reserve: Reserve,
    /// Settings of upload sessions.
    pub uploads: UploadSettings,
    /// Settings of the cache in memory.
    pub cache: CacheSettings,
}

impl Settings {
    /// Checks that a store can use the folder, without opening or creating anything. Another
    /// process may use the folder at the same time. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns [`Kind::Internal`](portolan_registry::Kind::Internal) with the path that cannot be
    /// written.
    pub fn check(&self) -> Result<()> {
        folder_check::check(&self.folder)
    }
}

/// A registry on local disks. Clones are handles to the same store.
#[derive(Clone)]
pub struct Store {
    pub(crate) parts: Arc<Parts>,
    /// Decides which pushed manifests this handle stores.
    pub(crate) admission: Arc<dyn Admission>,
}

impl LocalRegistry for Store {
    fn handle(&self, admission: Arc<dyn Admission>) -> Arc<dyn Registry> {
        Arc::new(Self {
            parts: Arc::clone(&self.parts),
            admission,
        })
    }
}

/// Components of a store. Fields are dropped in this order: the lock on the folder is released
/// after the threads of the database have ended, so the next process does not see an unfinished
/// transaction of this process.
pub(crate) struct Parts {
    pub(crate) database: Database,
    pub(crate) objects: Box<dyn Objects>,
    pub(crate) uploads: Box<dyn UploadSessions>,
    pub(crate) keys: ObjectKeys,
    pub(crate) media_types: Arc<MediaTypes>,
    pub(crate) cache: Cache,
    /// One permit, for the long transaction that is queued.
    pub(crate) long_writes: Semaphore,
    pub(crate) upload_expiry: Duration,
    pub(crate) space: Arc<SpaceGuard>,
    pub(crate) readiness: Readiness,
    /// True if the database is older than the blobs.
    pub(crate) is_rolled_back: bool,
    pub(crate) lock: Arc<FolderLock>,
}

impl Store {
    /// Opens the store and locks its folder, so that no other process can use it.
    ///
    /// # Errors
    /// Returns [`Kind::Denied`](portolan_registry::Kind::Denied) if another process uses the
    /// folder, and an error if the folder cannot be written or the database cannot be opened.
    pub async fn open(settings: &Settings, runtime: Arc<dyn Runtime>) -> Result<Self> {
        let clock = Arc::clone(&runtime);
        let open = |path: PathBuf| {
            create_database_file(&path)?;
            Sqlite::open(&path, &clock).map(Database::Sqlite)
        };
        Self::open_with(settings, runtime, open).await
    }

    /// Opens the store with the database that `open` returns. Locks the folder first, then calls
    /// `open` with the path for a database file.
    pub(crate) async fn open_with(
        settings: &Settings,
        runtime: Arc<dyn Runtime>,
        open: impl FnOnce(PathBuf) -> Result<Database>,
    ) -> Result<Self> {
        let folder = &settings.folder;
        let blobs = folder.join("blobs");
        // Before the store is open, no content has been confirmed, so a failed sync need not end
        // the process.
        let opening = Durability::new(OnFailedSync::ReturnError);
        opening.make_folder(folder, FOLDER_MODE)?;
        let lock = Arc::new(FolderLock::acquire(folder)?);
        identity::check_new(folder, &folder.join(DATABASE))?;
        opening.make_folder(&blobs, FOLDER_MODE)?;
        let durability = Arc::new(Durability::new(OnFailedSync::EndProcess));
        let uploads = Files::open(settings, Arc::clone(&durability), Arc::clone(&runtime))?;
        surroundings::check(folder)?;
        let database = open(folder.join(DATABASE))?;
        let keys = ObjectKeys::open(&database, &runtime).await?;
        let is_rolled_back = identity::check(folder, &database, keys.epoch(), &opening).await?;
        let parts = Parts {
            objects: Box::new(Filesystem::new(&blobs, Arc::clone(&lock), durability)),
            uploads: Box::new(uploads),
            keys,
            media_types: Arc::default(),
            cache: Cache::new(settings.cache.memory.bytes())?,
            long_writes: Semaphore::new(1),
            database,
            upload_expiry: settings.uploads.expire,
            space: SpaceGuard::of_system(folder, settings.reserve),
            readiness: Readiness::default(),
            is_rolled_back,
            lock,
        };
        Ok(Self::from_parts(Arc::new(parts)))
    }

    /// Returns a handle that checks pushed manifests with the default [`Policy`].
    pub(crate) fn from_parts(parts: Arc<Parts>) -> Self {
        Self {
            parts,
            admission: Arc::new(Policy::default()),
        }
    }

    /// Writes the listen address of this process to a file in the folder. Another process that
    /// finds the folder locked prints the address.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn announce(&self, address: SocketAddr) -> Result<()> {
        self.parts.lock.announce(address)
    }

    /// Waits until no other long transaction is queued. Short transactions therefore wait for at
    /// most one long transaction. Hold the permit until the transaction has ended.
    pub(crate) async fn long_write(&self) -> Result<SemaphorePermit<'_>> {
        let turn = self.parts.long_writes.acquire().await;
        turn.map_err(|error| Error::internal("failed to wait for a long transaction", error))
    }

    /// Changes a repository in one transaction. The cache shows no state before the change once this
    /// returns. The change completes even if the caller drops the returned future.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        repository: &RepositoryName,
        affected: Affected,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let repository = repository.clone();
        self.run_detached(|store| async move {
            let _change = store.parts.cache.begin_change(&repository, affected);
            store.parts.database.write(work).await
        })
        .await
    }

    /// Runs `work` in a separate task. It completes even if the caller drops the returned future.
    pub(crate) async fn run_detached<T, W>(&self, work: impl FnOnce(Self) -> W) -> Result<T>
    where
        T: Send + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let work = work(self.clone());
        let store = self.clone();
        let task = tokio::spawn(async move {
            let done = work.await;
            if matches!(&done, Err(error) if is_full_disk(error)) {
                store.make_room().await;
            }
            done
        });
        task.await
            .map_err(|error| Error::internal("a task of the store failed", error))?
    }
}

/// Returns whether the disk is full. Other causes of [`Kind::StorageFull`], such as a limit on the
/// size of files, remain if sessions end.
fn is_full_disk(error: &Error) -> bool {
    let file = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    *error.kind() == Kind::StorageFull
        && file.is_none_or(|error| error.kind() != io::ErrorKind::FileTooLarge)
        && !is_failed_write(error)
}

/// Creates the database file with [`DATABASE_MODE`], if it does not exist. SQLite would create it
/// with mode 0644. It creates its other files, such as the log, with the mode of the database file.
fn create_database_file(path: &Path) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(DATABASE_MODE)
        .open(path)
        .map(drop)
        .map_err(file_error("create", path))
}

/// Returns the name of the caller for the tag history, or `None` for an anonymous caller.
pub(crate) fn caller_name(context: &Context) -> Option<String> {
    match context.caller() {
        Caller::Anonymous => None,
        Caller::Named(name) => Some(name.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_on_the_size_of_files_is_not_a_full_disk() {
        let file = |kind: io::ErrorKind| file_error("write", Path::new("x"))(kind.into());
        for (error, expected) in [
            (file(io::ErrorKind::StorageFull), true),
            (file(io::ErrorKind::QuotaExceeded), true),
            (file(io::ErrorKind::FileTooLarge), false),
            (file(io::ErrorKind::PermissionDenied), false),
        ] {
            assert_eq!(is_full_disk(&error), expected, "{error}");
        }
    }
}
