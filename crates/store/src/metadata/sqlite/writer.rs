//! Thread that performs all writes. It performs the waiting work in one transaction, commits once,
//! and then sends the results to all callers.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portolan_registry::{Error, Kind, Result};
use rusqlite::Connection;
use rusqlite::ffi;

use super::connection::{BUSY, LOG_LIMIT, Statements, storage_error};
use super::open_files::OpenFiles;
use crate::fatal::fatal;
use crate::metadata::work::{Limit, Pending, Queue, Work};
use crate::runtime::{Runtime, timestamp};

/// Maximum number of pieces of work that share one commit.
const GROUP: usize = 128;
/// Maximum number of queued writes. It is larger than [`GROUP`], so it never leaves the thread
/// without work.
const QUEUED_WRITES: usize = 1024;
/// Size of the write-ahead log, in bytes, at which it is copied into the database (checkpoint).
const CHECKPOINT: u64 = 8 << 20;
/// Size of a frame of the log, in bytes: a page of the database and its header.
const FRAME: u64 = 4096 + 24;
/// Maximum time to wait for lookups that still read the log before it is truncated.
const TRUNCATION_WAIT: Duration = Duration::from_millis(100);
/// Time until the next attempt after the log could not be truncated. Another program, such as a
/// backup, may read the database for long, and writes should not wait for it each time.
const TRUNCATION_PAUSE: Duration = Duration::from_secs(10);

/// Starts the writing thread, and returns its queue. The thread ends when the queue is dropped.
pub(super) fn start(
    connection: Connection,
    files: OpenFiles,
    runtime: Arc<dyn Runtime>,
) -> Result<Queue> {
    let (mut queue, mut pending) = Queue::new(Limit::Wait(QUEUED_WRITES));
    queue.start_thread("metadata-write", move || {
        write_groups(&connection, &files, &mut pending, runtime.as_ref());
    })?;
    Ok(queue)
}

/// Runs work in groups until the queue is dropped.
fn write_groups(
    connection: &Connection,
    files: &OpenFiles,
    pending: &mut Pending,
    runtime: &dyn Runtime,
) {
    let mut paused_until = runtime.instant();
    while let Some(first) = pending.blocking_recv() {
        // All work that is waiting now shares one commit and its sync, because the sync is most of
        // the cost of a write.
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(work) = pending.try_recv()
        {
            group.push(work);
        }
        let committed = write_group(connection, &mut group, runtime).map_err(Arc::new);
        if let Some(path) = files.find_removed() {
            end_without_files(connection, files, &path);
        }
        let is_full = matches!(&committed, Err(error) if *error.kind() == Kind::StorageFull);
        for work in group {
            work.answer(&committed);
        }
        // On a full disk, the log cannot grow. After a checkpoint, the next write can reuse the log
        // from its start.
        let log = log_size(connection);
        let now = runtime.instant();
        if log > u64::from(LOG_LIMIT) && now >= paused_until {
            if !truncate_log(connection) {
                paused_until = now + TRUNCATION_PAUSE;
            }
        } else if log >= CHECKPOINT || is_full {
            checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
        }
    }
}

/// Saves what SQLite has written, and ends the process, because `removed` was removed or replaced: what
/// SQLite writes from now on is lost.
fn end_without_files(connection: &Connection, files: &OpenFiles, removed: &Path) -> ! {
    let saved = if removed == files.path() {
        save_copy(connection, files)
    } else if checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)") {
        Ok(files.path().to_owned())
    } else {
        Err(io::Error::other("another program reads it"))
    };
    let saved = match saved {
        Ok(path) => format!("the content is in {}", path.display()),
        Err(error) => format!("the content could not be saved: {error}"),
    };
    let reason = format!("{} was removed or replaced; {saved}", removed.display());
    fatal("writing the metadata", &reason)
}

/// Saves the database to a new file, and returns its path. Then removes the log, because the next
/// process would apply it to whatever database is at the path.
fn save_copy(connection: &Connection, files: &OpenFiles) -> io::Result<PathBuf> {
    let copy = files.path().with_extension("rescued");
    drop(fs::remove_file(&copy));
    // SQLite would create the file with a mode that lets others read it.
    let mut options = fs::File::options();
    options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&copy)?;
    let saved = connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()]);
    saved.map_err(io::Error::other)?;
    files.remove_log()?;
    Ok(copy)
}

/// Returns the number of bytes of the write-ahead log that are in use.
fn log_size(connection: &Connection) -> u64 {
    let frames = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1));
    // Without a log, the number of frames is -1.
    let frames: i64 = frames.unwrap_or_else(|error| {
        tracing::warn!(%error, "failed to measure the log of the metadata");
        0
    });
    u64::try_from(frames).unwrap_or_default() * FRAME
}

/// Copies the write-ahead log into the database, and truncates its file, so that the disk space of
/// a burst of large writes is free again. If a lookup still reads the log, it is only copied, and
/// this function returns false.
fn truncate_log(connection: &Connection) -> bool {
    let wait = |time| {
        if let Err(error) = connection.busy_timeout(time) {
            tracing::warn!(%error, "failed to set the time limit for locks of the metadata");
        }
    };
    wait(TRUNCATION_WAIT);
    let is_done = checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
    wait(BUSY);
    is_done
}

/// Copies the write-ahead log into the database. The automatic checkpoints of SQLite are off,
/// because they ignore a failed sync and delay the client whose commit starts one. Returns false if
/// the checkpoint is not complete.
fn checkpoint(connection: &Connection, pragma: &str) -> bool {
    let is_blocked = connection.query_row(pragma, [], |row| row.get(0));
    is_blocked.map_or_else(
        |error| {
            if is_failed_sync(&error) {
                fatal("syncing the metadata", &error);
            }
            tracing::warn!(%error, "failed to copy the metadata's log into the database; the next checkpoint tries again");
            false
        },
        |is_blocked: bool| !is_blocked,
    )
}

/// Runs a group of work in one transaction.
fn write_group(
    connection: &Connection,
    group: &mut [Box<dyn Work>],
    runtime: &dyn Runtime,
) -> Result<()> {
    run(connection, "BEGIN IMMEDIATE")?;
    let mut statements = Statements::new(connection, timestamp(runtime));
    let written = group
        .iter_mut()
        .try_for_each(|work| write_one(&mut statements, work.as_mut()));
    let committed = written.and_then(|()| run(connection, "COMMIT"));
    if committed.is_err() && !connection.is_autocommit() {
        run(connection, "ROLLBACK")?;
    }
    committed
}

/// Runs a piece of work in its own savepoint, so that a failure rolls back only this piece.
fn write_one(statements: &mut Statements<'_>, work: &mut dyn Work) -> Result<()> {
    let connection = statements.connection();
    run(connection, "SAVEPOINT work")?;
    let stays = work.perform(statements);
    if connection.is_autocommit() {
        // SQLite has rolled back the entire transaction on its own, as it does after some errors,
        // such as a full disk or an I/O error. Without a transaction, the connection is in
        // autocommit mode.
        return Err(Error::new(
            Kind::StorageFull,
            "failed to write the metadata; the disk may be full",
        ));
    }
    run(
        connection,
        if stays {
            "RELEASE work"
        } else {
            "ROLLBACK TO work; RELEASE work"
        },
    )
}

/// Runs `sql`, such as `COMMIT`. Ends the process if a sync fails.
fn run(connection: &Connection, sql: &'static str) -> Result<()> {
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
