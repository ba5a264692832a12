//! The one thread that writes: it takes what waits, commits once, and answers then.

use std::sync::Arc;

use portolan_registry::{Error, Kind, Result};
use rusqlite::Connection;
use rusqlite::ffi;

use super::connection::{Statements, storage_error};
use super::work::{Queue, Waiting, Work};
use crate::fatal::fatal;

/// Most pieces of work that share one commit.
const GROUP: usize = 128;
/// Pieces of work after which the log is carried over into the database: some ten MiB of it.
const CHECKPOINT: usize = 256;

/// Starts the thread; it ends when the queue is dropped.
pub(super) fn start(connection: Connection) -> Result<Queue> {
    let (mut queue, waiting) = Queue::new();
    queue.start_thread("metadata-write", move || {
        write_groups(&connection, &waiting)
    })?;
    Ok(queue)
}

fn write_groups(connection: &Connection, waiting: &Waiting) {
    let mut since_checkpoint = 0;
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter().take(GROUP - 1));
        let committed = write_group(connection, &mut group).map_err(Arc::new);
        since_checkpoint += group.len();
        for work in group {
            work.answer(&committed);
        }
        if since_checkpoint >= CHECKPOINT {
            checkpoint(connection);
            since_checkpoint = 0;
        }
    }
}

/// Done here and not by SQLite itself, which would ignore a failed sync and make a client wait.
fn checkpoint(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        if is_failed_sync(&error) {
            fatal("syncing the metadata", &error);
        }
        tracing::warn!(%error, "the metadata's log could not be carried over; the next time may do");
    }
}

fn write_group(connection: &Connection, group: &mut [Box<dyn Work>]) -> Result<()> {
    batch(connection, "BEGIN IMMEDIATE")?;
    let written = group
        .iter_mut()
        .try_for_each(|work| write_one(connection, work.as_mut()));
    let committed = written.and_then(|()| batch(connection, "COMMIT"));
    if committed.is_err() && !connection.is_autocommit() {
        batch(connection, "ROLLBACK")?;
    }
    committed
}

/// Each piece of work in a savepoint of its own, so that one that fails leaves the others alone.
fn write_one(connection: &Connection, work: &mut dyn Work) -> Result<()> {
    batch(connection, "SAVEPOINT work")?;
    let stays = work.perform(&mut Statements(connection));
    if connection.is_autocommit() {
        // SQLite ends the whole transaction by itself where the disk is full or broken.
        return Err(Error::new(
            Kind::StorageFull,
            "the metadata could not be written; is the disk full?",
        ));
    }
    batch(
        connection,
        if stays {
            "RELEASE work"
        } else {
            "ROLLBACK TO work; RELEASE work"
        },
    )
}

fn batch(connection: &Connection, sql: &'static str) -> Result<()> {
    connection.execute_batch(sql).map_err(|error| {
        if is_failed_sync(&error) {
            fatal("syncing the metadata", &error);
        }
        storage_error(error, sql)
    })
}

fn is_failed_sync(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        code,
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
    )
}
