//! SQLite: one thread writes, in groups that share one commit; pooled connections read.

mod connection;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use portolan_registry::{Error, Result};
use rusqlite::Connection;

use self::connection::Statements;
use self::writer::Writer;
use super::{Database, Transaction};

/// Most connections that are kept for reading.
const READERS: usize = 8;

/// The migrations, oldest first. One that has been released never changes.
const MIGRATIONS: &[&str] = &[include_str!("0001.sql")];

/// The metadata in one SQLite file.
pub struct Sqlite {
    path: PathBuf,
    writer: Writer,
    readers: Arc<Mutex<Vec<Connection>>>,
}

impl Sqlite {
    /// Opens the file, which is made if it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be opened, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self> {
        let mut connection = connection::open(path)?;
        connection::migrate(&mut connection, MIGRATIONS)?;
        let writer = Writer::start(connection)?;
        Ok(Self { path: path.to_owned(), writer, readers: Arc::default() })
    }
}

impl Database for Sqlite {
    async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.run(work).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let path = self.path.clone();
        let readers = Arc::clone(&self.readers);
        let read = tokio::task::spawn_blocking(move || {
            let idle = lock(&readers).pop();
            let connection = idle.map_or_else(|| connection::open(&path), Ok)?;
            let result = work(&mut Statements(&connection));
            let mut readers = lock(&readers);
            if readers.len() < READERS {
                readers.push(connection);
            }
            result
        });
        read.await.map_err(|error| Error::internal("reading the metadata", error))?
    }
}

/// A panic elsewhere leaves the pool as it was.
fn lock(readers: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    readers.lock().unwrap_or_else(PoisonError::into_inner)
}
