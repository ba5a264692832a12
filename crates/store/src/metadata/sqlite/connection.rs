//! Connections to the SQLite file, and the adapter that runs a [`Statement`] on a connection.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portolan_registry::{Error, Kind, Result};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, ToSql, ffi};

use crate::metadata::{Outcome, Parameter, Row, Statement, Transaction, Value};
use crate::runtime::Timestamp;

/// Number of prepared statements that a connection caches. The store has fewer statements, so none
/// is prepared twice.
const PREPARED: usize = 128;
/// Maximum time that a connection waits for a lock. Only a checkpoint can hold a lock for long.
pub(super) const BUSY: Duration = Duration::from_secs(10);
/// Size of the file of the write-ahead log, in bytes, above which it is truncated after it was
/// copied into the database.
pub(super) const LOG_LIMIT: u32 = 16 << 20;

/// Opens a connection to the file at `path`, and creates the file if it does not exist.
pub(super) fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)
        .map_err(|error| storage_error(error, "failed to open the metadata"))?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    let set_up = || {
        connection.busy_timeout(BUSY)?;
        // Query plans must not depend on bound values. Otherwise SQLite would plan a statement
        // again for other values.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // The writing thread runs the checkpoints itself.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
        connection.pragma_update(None, "foreign_keys", true)
    };
    set_up().map_err(|error| storage_error(error, "failed to open the metadata"))?;
    use_log(&connection)?;
    Ok(connection)
}

/// Sets the size of the page cache, in KiB.
pub(super) fn set_cache(connection: &Connection, size: i64) -> Result<()> {
    // A negative number is a size instead of a number of pages.
    let set = connection.pragma_update(None, "cache_size", -size);
    set.map_err(|error| storage_error(error, "failed to open the metadata"))
}

/// Switches to a write-ahead log. If the filesystem does not support such a log, SQLite reports no
/// error and continues with a different journal, and a power cut may undo commits. This function
/// returns an error instead.
fn use_log(connection: &Connection) -> Result<()> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|error| storage_error(error, "failed to open the metadata"))?;
    if mode == "wal" {
        return Ok(());
    }
    let message = format!(
        "the filesystem of the metadata does not support a write-ahead log (the journal mode is {mode:?})"
    );
    Err(Error::new(Kind::Internal, message))
}

/// Runs the migrations that the file lacks.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    let failed = |error| storage_error(error, "failed to migrate the metadata");
    let transaction = connection.transaction().map_err(failed)?;
    let done: i64 = transaction
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed)?;
    let tables = "SELECT count(*) FROM sqlite_schema";
    let is_empty = transaction
        .query_row(tables, [], |row| Ok(row.get::<_, i64>(0)? == 0))
        .map_err(failed)?;
    let (Ok(done), true) = (u32::try_from(done), (done == 0) == is_empty) else {
        let message = format!("the file is not a database of portolan (its version is {done})");
        return Err(Error::new(Kind::Internal, message)
            .with_help("restore the database from a backup, or choose another folder"));
    };
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    if done > known {
        let message =
            format!("the metadata has schema {done}, and this version supports up to {known}");
        return Err(Error::new(Kind::Internal, message)
            .with_help("run the newer version of portolan that wrote it"));
    }
    for migration in migrations.iter().skip(done as usize) {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction
        .pragma_update(None, "user_version", known)
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Copies the write-ahead log into the database, and truncates the log. It contains changes of
/// earlier processes and of a migration. If another process, such as a backup, is reading the file,
/// the log may stay unchanged.
pub(super) fn truncate_log(connection: &Connection) -> Result<()> {
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(|error| storage_error(error, "failed to copy the log into the metadata"))
}

/// Connection of a running [`Transaction`], with the start time of the transaction.
pub(super) struct Statements<'a> {
    connection: &'a Connection,
    now: Timestamp,
}

impl<'a> Statements<'a> {
    pub(super) fn new(connection: &'a Connection, now: Timestamp) -> Self {
        Self { connection, now }
    }

    pub(super) fn connection(&self) -> &'a Connection {
        self.connection
    }

    /// Runs one statement.
    pub(super) fn run_one(&self, statement: &Statement<'_>) -> rusqlite::Result<Outcome> {
        let mut prepared = self.connection.prepare_cached(statement.sql)?;
        bind(&mut prepared, &statement.parameters)?;
        let columns = prepared.column_count();
        if columns == 0 {
            return Ok(Outcome {
                rows: Vec::new(),
                changed: prepared.raw_execute()? as u64,
            });
        }
        let changes_data = !prepared.readonly();
        let mut rows = prepared.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|column| row.get_ref(column).map(read));
            found.push(Row::new(values.collect::<rusqlite::Result<_>>()?));
        }
        // `changes` returns the count of the last statement that changed data, so it has no meaning
        // after a query.
        let changed = if changes_data {
            self.connection.changes()
        } else {
            0
        };
        Ok(Outcome {
            rows: found,
            changed,
        })
    }
}

impl Transaction for Statements<'_> {
    fn batch(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Outcome>> {
        let outcomes = statements.iter().map(|statement| self.run_one(statement));
        outcomes
            .collect::<rusqlite::Result<_>>()
            .map_err(|error| storage_error(error, "failed to access the metadata"))
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

/// Binds the values of `parameters` to the placeholders of a prepared statement.
pub(super) fn bind(
    statement: &mut CachedStatement<'_>,
    parameters: &[Parameter<'_>],
) -> rusqlite::Result<()> {
    for (position, parameter) in parameters.iter().enumerate() {
        statement.raw_bind_parameter(position + 1, parameter)?;
    }
    Ok(())
}

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Parameter::Null => ValueRef::Null,
            Parameter::Integer(number) => ValueRef::Integer(*number),
            Parameter::Text(text) => ValueRef::Text(text.as_bytes()),
            Parameter::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn read(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        // No column has a floating-point type.
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
    }
}

/// Returns whether the cause of an error is a failed write of SQLite, although the disk is not full.
pub(crate) fn is_failed_write(error: &Error) -> bool {
    let mut source = error.source();
    // The callers of a group of writes share the error of its commit.
    if let Some(shared) = source.and_then(|source| source.downcast_ref::<Arc<Error>>()) {
        source = shared.source();
    }
    let database = source.and_then(|source| source.downcast_ref::<rusqlite::Error>());
    database.is_some_and(|error| error.sqlite_error_code() != Some(ErrorCode::DiskFull))
}

/// Converts an error of SQLite that occurred during `action`. A full disk is [`Kind::StorageFull`],
/// and a file that cannot be opened now, usually for lack of descriptors, is [`Kind::Unavailable`].
pub(super) fn storage_error(error: rusqlite::Error, action: &'static str) -> Error {
    let code = error.sqlite_error().map(|error| error.extended_code);
    // A write that exceeds a limit on the size of files also fails with this code. SQLite does not
    // return the error of the system.
    let may_be_full = code == Some(ffi::SQLITE_IOERR_WRITE);
    if error.sqlite_error_code() == Some(ErrorCode::DiskFull) || may_be_full {
        return Error::new(Kind::StorageFull, "no space left for metadata").with_source(error);
    }
    if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) {
        return Error::new(Kind::Unavailable, action).with_source(error);
    }
    Error::internal(action, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_is_not_a_full_disk() {
        for (code, expected) in [(ffi::SQLITE_FULL, false), (ffi::SQLITE_IOERR_WRITE, true)] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = storage_error(error, "failed to write");
            assert_eq!(*error.kind(), Kind::StorageFull);
            assert_eq!(is_failed_write(&error), expected);
            let shared =
                Error::new(Kind::StorageFull, "a group failed").with_source(Arc::new(error));
            assert_eq!(is_failed_write(&shared), expected);
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_unavailable() {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), None);
        let error = storage_error(error, "failed to open the database");
        assert_eq!(*error.kind(), Kind::Unavailable);
    }
}
