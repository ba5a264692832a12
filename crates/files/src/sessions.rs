//! Upload sessions: content that arrives in several calls.
//!
//! Each session is one file. It has no database row and no sidecar file, so a pushed blob creates
//! one file and deletes none. The name of the file contains what a later process needs to know
//! about the session (see [`SessionName`]), and the length of the file is the offset of the
//! session. So no other record has to be consistent with the file, and nothing has to be synced
//! before the content is complete.
//!
//! - A session without bytes has no file. It exists only in memory, and is unknown after a restart.
//! - All idle sessions together have one limit ([`MAX_SESSIONS`]), and those with bytes another one
//!   in each repository. Beyond a limit, the client that has the most sessions loses its least
//!   recently used one. The id of a session contains a keyed hash of the client that opened it.
//! - The folder is not read at the start. A call finds its session by the full name of the file, and
//!   a background job lists the others.
//! - The file is opened once and stays open between two calls, for up to [`MAX_OPEN_FILES`]
//!   sessions.
//! - The hash is in memory. After a restart it is computed again from the file.
//! - Only the owner of a session (repository and caller) can use it. For everyone else it is
//!   unknown.
//! - The idle time of a session is measured with the monotonic clock, and begins again with each
//!   process. The modification time of the file only decides which session of an earlier process
//!   ends first.
//!
//! If a method of [`Sessions`] that writes were dropped halfway, a write could still be in
//! progress. So callers run these methods in a separate task
//! ([`run_detached`](crate::run_detached)).

mod by_client;
mod calls;
mod expiry;
mod folder;
mod key;
mod lookup;
mod making_room;
mod name;
mod registration;
mod staged;
mod surplus;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use portolan_model::Algorithm;
use portolan_registry::{Body, Result};

use crate::Runtime;
use crate::append::Incoming;
use table::Table;

pub use calls::Completed;
pub use folder::{FolderSettings, SessionFolder};
pub use key::OwnerKey;
pub use name::{Owner, SessionKey, SessionName};
pub use registration::Registration;
pub use staged::StagedFile;

/// Maximum number of idle sessions with an open file. Beyond it, the least recently used file is
/// closed, so that abandoned sessions cannot use up the file descriptors of the process.
pub const MAX_OPEN_FILES: usize = 256;

/// Maximum number of idle sessions. Beyond it, the client that has the most sessions loses its least
/// recently used one.
pub const MAX_SESSIONS: usize = 10_000;

/// Default maximum number of idle sessions with bytes in one repository (see
/// [`Sessions::with_partial_limit`]). Beyond it, the client that has the most sessions in this
/// repository loses its least recently used one, if it has been idle for [`MIN_IDLE`].
pub const MAX_PARTIAL_UPLOADS: usize = 100;

/// Minimum idle time of a session before it may end because of the limit of its repository or
/// because the disk is full. The client of a session that was used more recently will probably
/// continue it.
pub const MIN_IDLE: Duration = Duration::from_mins(1);

/// Storage of session files. The synchronous methods block on disk I/O.
#[async_trait]
pub trait SessionFiles: Send + Sync + 'static {
    /// Creates the file of a new session.
    ///
    /// # Errors
    /// Returns an error if the file cannot be created.
    fn create(&self, name: &SessionName) -> Result<std::fs::File>;

    /// Opens the file of a session that has bytes.
    ///
    /// # Errors
    /// Returns [`Kind::UploadUnknown`](portolan_registry::Kind::UploadUnknown) if the file was
    /// removed.
    fn open(&self, name: &SessionName) -> Result<std::fs::File>;

    /// Finds the file of a session of an earlier process, or returns `None` if there is no such
    /// file.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read.
    fn find(&self, key: &SessionKey) -> Result<Option<FoundSession>>;

    /// Removes the file of a session, if it exists.
    ///
    /// # Errors
    /// Returns an error if the file exists and cannot be removed.
    fn remove(&self, name: &SessionName) -> Result<()>;

    /// Closes the file of an idle session. The next call opens the file again with `reopen`. Does
    /// nothing if this storage cannot reopen a file.
    ///
    /// # Errors
    /// Returns an error if bytes of the content may be lost. In this case, the session ends.
    fn close(&self, incoming: &mut Incoming, reopen: crate::append::OpenFile) -> Result<()>;

    /// Appends `body` to the content of a session, like [`Incoming::append`].
    async fn append(&self, incoming: Incoming, body: Body) -> (Option<Incoming>, Result<()>);
}

/// Facts about a session of an earlier process, read from its file.
#[derive(Clone, Debug)]
pub struct FoundSession {
    /// Algorithm that hashes the content as it arrives.
    pub algorithm: Algorithm,
    /// Number of bytes in the file.
    pub length: u64,
    /// Time of the last modification of the file.
    pub modified: SystemTime,
}

/// Upload sessions of a registry, with their files in the storage `F`.
pub struct Sessions<F> {
    files: Arc<F>,
    key: OwnerKey,
    table: Arc<Table>,
    runtime: Arc<dyn Runtime>,
    /// Maximum number of idle sessions.
    max_idle: usize,
    /// Maximum number of idle sessions with bytes in one repository.
    max_partial: usize,
    /// True if the folder may contain sessions that are not in the table.
    unlisted: Arc<AtomicBool>,
    /// Lock of the call that ends sessions on a full disk.
    making_room: Arc<tokio::sync::Mutex<()>>,
}

impl<F> Clone for Sessions<F> {
    fn clone(&self) -> Self {
        Self {
            files: Arc::clone(&self.files),
            key: self.key.clone(),
            table: Arc::clone(&self.table),
            runtime: Arc::clone(&self.runtime),
            max_idle: self.max_idle,
            max_partial: self.max_partial,
            unlisted: Arc::clone(&self.unlisted),
            making_room: Arc::clone(&self.making_room),
        }
    }
}

impl<F: SessionFiles> Sessions<F> {
    /// Creates an empty table of sessions. `files` stores the session files, and `key` is the key
    /// of the hashes of their owners.
    pub fn new(files: F, key: OwnerKey, runtime: Arc<dyn Runtime>) -> Self {
        Self {
            files: Arc::new(files),
            key,
            table: Arc::default(),
            runtime,
            max_idle: MAX_SESSIONS,
            max_partial: MAX_PARTIAL_UPLOADS,
            unlisted: Arc::new(AtomicBool::new(true)),
            making_room: Arc::default(),
        }
    }

    /// Sets the maximum number of idle sessions with bytes in one repository.
    #[must_use]
    pub fn with_partial_limit(mut self, limit: usize) -> Self {
        self.max_partial = limit;
        self
    }

    /// Returns the storage of the session files.
    pub fn files(&self) -> &Arc<F> {
        &self.files
    }
}
