//! Threads that run lookups. Each thread has its own connection.

use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use portolan_registry::Result;
use rusqlite::Connection;

use super::connection::{self, Statements};
use crate::metadata::work::{Limit, Pending, Queue, Work};
use crate::runtime::{Runtime, timestamp};

/// Maximum number of threads for short lookups. Lookups read mostly from memory, so more threads
/// would only wait for each other.
const MAX_THREADS: usize = 8;
/// Maximum number of queued short lookups.
const QUEUED_LOOKUPS: usize = 1024;
/// Maximum number of queued lists. A list takes up to 100 times as long as a short lookup, so the
/// last list in a full queue waits for seconds, and further callers are rejected.
pub(super) const QUEUED_LISTS: usize = 1024;

/// Starts the threads for short lookups. They end when the queue is dropped.
pub(super) fn start(path: &Path, runtime: &Arc<dyn Runtime>) -> Result<Queue> {
    let threads = processors().clamp(2, MAX_THREADS);
    start_threads(
        path,
        runtime,
        "metadata-read",
        threads,
        Limit::Wait(QUEUED_LOOKUPS),
    )
}

/// Starts the threads for lists. They are fewer than the processors, so that lists leave processors
/// for short lookups.
pub(super) fn start_for_lists(path: &Path, runtime: &Arc<dyn Runtime>) -> Result<Queue> {
    let threads = (processors() / 2).clamp(1, MAX_THREADS);
    start_threads(
        path,
        runtime,
        "metadata-list",
        threads,
        Limit::Reject(QUEUED_LISTS),
    )
}

fn processors() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

fn start_threads(
    path: &Path,
    runtime: &Arc<dyn Runtime>,
    name: &str,
    threads: usize,
    limit: Limit,
) -> Result<Queue> {
    let (mut queue, pending) = Queue::new(limit);
    let pending = Arc::new(Mutex::new(pending));
    for _ in 0..threads {
        let (connection, pending) = (connection::open(path)?, Arc::clone(&pending));
        let runtime = Arc::clone(runtime);
        queue.start_thread(name, move || {
            read(&connection, &pending, runtime.as_ref());
        })?;
    }
    Ok(queue)
}

/// Runs lookups until the queue is dropped.
fn read(connection: &Connection, pending: &Mutex<Pending>, runtime: &dyn Runtime) {
    while let Some(mut work) = receive(pending) {
        // Skip the lookup if its caller no longer waits, so that it does not delay other lookups.
        if work.is_abandoned() {
            continue;
        }
        work.perform(&mut Statements::new(connection, timestamp(runtime)));
        work.answer(&Ok(()));
    }
}

/// Receives the next piece of work. Ignores poisoning: a thread holds the lock only while it waits
/// for work, so a panic leaves the queue intact.
fn receive(pending: &Mutex<Pending>) -> Option<Box<dyn Work>> {
    pending
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .blocking_recv()
}
