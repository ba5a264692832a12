//! Metadata in SQLite. One thread runs all writes, in groups that share one commit, a few other
//! threads run short lookups, and others run lists.

mod connection;
#[cfg(test)]
pub(crate) mod measured;
mod open_files;
mod readers;
mod writer;

use std::path::Path;
use std::sync::Arc;

use portolan_registry::Result;

pub(crate) use connection::is_failed_write;

use open_files::OpenFiles;

use super::work::Queue;
use super::{Lookup, Transaction};
use crate::runtime::Runtime;

/// Migrations of the schema, oldest first. A released migration never changes.
const MIGRATIONS: &[&str] = &[
    include_str!("sqlite/0001.sql"),
    include_str!("sqlite/0002.sql"),
    include_str!("sqlite/0003.sql"),
];

/// Size of the page cache of the writing connection, in KiB. A push with the maximum number of
/// references changes less, so its pages are written once, at the commit.
const WRITER_CACHE: i64 = 8 << 10;

/// Metadata in one SQLite file.
pub(crate) struct Sqlite {
    writer: Queue,
    readers: Queue,
    /// Threads for lists, which must not delay short lookups.
    list_readers: Queue,
}

impl Sqlite {
    /// Opens the file, creates it if it does not exist, and runs the migrations that it lacks.
    ///
    /// # Errors
    /// Returns [`Kind::Internal`](portolan_registry::Kind::Internal) if the file cannot be opened or
    /// was written by a newer version.
    pub(crate) fn open(path: &Path, runtime: &Arc<dyn Runtime>) -> Result<Self> {
        let mut connection = connection::open(path)?;
        connection::set_cache(&connection, WRITER_CACHE)?;
        connection::migrate(&mut connection, MIGRATIONS)?;
        connection::truncate_log(&connection)?;
        // The readers open first, because SQLite creates the log for the first reader.
        let readers = readers::start(path, runtime)?;
        let files = OpenFiles::open(path)?;
        Ok(Self {
            writer: writer::start(connection, files, Arc::clone(runtime))?,
            readers,
            list_readers: readers::start_for_lists(path, runtime)?,
        })
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.write(work).await
    }

    pub(crate) async fn lookup<T: Send + 'static>(&self, lookup: Lookup<T>) -> Result<T> {
        let readers = if lookup.is_list {
            &self.list_readers
        } else {
            &self.readers
        };
        readers.lookup(lookup).await
    }
}
