//! Threads that run lookups. Each thread has its own connection.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use portolan_registry::Result;
use rusqlite::Connection;

use super::connection::{self, Statements};
use crate::metadata::work::{Pending, Queue, Work};
use crate::runtime::{Runtime, timestamp};

/// Maximum number of threads. Lookups read mostly from memory, so more threads would only wait for
/// each other.
const MAX_THREADS: usize = 8;

/// Starts the threads. They end when the queue is dropped.
pub(super) fn start(path: &Path, runtime: &Arc<dyn Runtime>) -> Result<Queue> {
    let (mut queue, pending) = Queue::new();
    let pending = Arc::new(Mutex::new(pending));
    let threads = available_parallelism().map_or(2, |count| count.get().clamp(2, MAX_THREADS));
    for _ in 0..threads {
        let (connection, pending) = (connection::open(path)?, Arc::clone(&pending));
        let runtime = Arc::clone(runtime);
        queue.start_thread("metadata-read", move || {
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
