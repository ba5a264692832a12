//! SQLite: one thread writes, in groups that share one commit; a few others read.

mod connection;
mod readers;
mod work;
mod writer;

use std::path::Path;

use portolan_registry::Result;

use self::work::Queue;
use super::{Database, Transaction};

/// The migrations, oldest first. One that has been released never changes.
const MIGRATIONS: &[&str] = &[include_str!("0001.sql")];

/// The metadata in one SQLite file.
pub struct Sqlite {
    writer: Queue,
    readers: Queue,
}

impl Sqlite {
    /// Opens the file, which is made if it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be opened, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self> {
        let mut connection = connection::open(path)?;
        connection::migrate(&mut connection, MIGRATIONS)?;
        Ok(Self {
            writer: writer::start(connection)?,
            readers: readers::start(path)?,
        })
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
        self.readers.run(work).await
    }
}
