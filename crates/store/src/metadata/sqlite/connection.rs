//! Connections to the file, and the adapter from our statements to SQLite's.

use std::path::Path;
use std::time::Duration;

use portolan_registry::{Error, Kind, Result};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, ToSql};

use crate::metadata::{Parameter, Row, Transaction, Value};

/// Statements that a connection keeps prepared: more than there are.
const PREPARED: usize = 128;
/// How long a connection waits for a lock; only a checkpoint can hold one for long.
const BUSY: Duration = Duration::from_secs(10);

pub(super) fn open(path: &Path) -> Result<Connection> {
    let connection =
        Connection::open(path).map_err(|error| storage_error(error, "opening the metadata"))?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    let set_up = || {
        connection.busy_timeout(BUSY)?;
        // Plans do not depend on what is bound, or a statement would be planned anew for each value.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "foreign_keys", true)
    };
    set_up().map_err(|error| storage_error(error, "opening the metadata"))?;
    use_log(&connection)?;
    Ok(connection)
}

/// Has SQLite write ahead into a log. Where the filesystem cannot hold one, SQLite calls that no error
/// and goes on with a journal, whose commits a power cut may undo.
fn use_log(connection: &Connection) -> Result<()> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|error| storage_error(error, "opening the metadata"))?;
    if mode == "wal" {
        return Ok(());
    }
    let message = format!(
        "the filesystem of the metadata cannot hold a write-ahead log (the journal is {mode:?})"
    );
    Err(Error::new(Kind::Internal, message))
}

/// Runs the migrations that the file has not seen.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    let failed = |error| storage_error(error, "bringing the metadata up to date");
    let transaction = connection.transaction().map_err(failed)?;
    let done: u32 = transaction
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed)?;
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    if done > known {
        let message = format!(
            "the metadata is of schema {done}, this version knows {known} at most; run the newer version"
        );
        return Err(Error::new(Kind::Internal, message));
    }
    for migration in migrations.iter().skip(done as usize) {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction
        .pragma_update(None, "user_version", known)
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// A connection as the metadata's logic sees it.
pub(super) struct Statements<'a>(pub(super) &'a Connection);

impl Transaction for Statements<'_> {
    fn execute(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<u64> {
        let run = || {
            let mut statement = self.0.prepare_cached(sql)?;
            bind(&mut statement, parameters)?;
            statement.raw_execute()
        };
        run()
            .map(|rows| rows as u64)
            .map_err(|error| storage_error(error, "writing the metadata"))
    }

    fn query(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        let run = || {
            let mut statement = self.0.prepare_cached(sql)?;
            bind(&mut statement, parameters)?;
            let columns = statement.column_count();
            let mut rows = statement.raw_query();
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let values = (0..columns).map(|column| row.get_ref(column).map(read));
                found.push(Row::new(values.collect::<rusqlite::Result<_>>()?));
            }
            Ok(found)
        };
        run().map_err(|error| storage_error(error, "reading the metadata"))
    }
}

fn bind(statement: &mut CachedStatement<'_>, parameters: &[Parameter<'_>]) -> rusqlite::Result<()> {
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
        // No column is of a floating type.
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
    }
}

/// What went wrong in SQLite, while it was doing what `action` says.
pub(super) fn storage_error(error: rusqlite::Error, action: &'static str) -> Error {
    if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
        return Error::new(Kind::StorageFull, "there is no room left for metadata")
            .with_source(error);
    }
    Error::internal(action, error)
}
