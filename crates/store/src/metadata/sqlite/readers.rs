//! The threads that read, each with a connection of its own.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use portolan_registry::Result;
use rusqlite::Connection;

use super::connection::{self, Statements};
use super::work::{Queue, Waiting, Work};

/// Most threads: what is read is mostly in memory, so more of them would only wait for each other.
const MOST: usize = 8;

/// Starts the threads; they end when the queue is dropped.
pub(super) fn start(path: &Path) -> Result<Queue> {
    let (mut queue, waiting) = Queue::new();
    let waiting = Arc::new(Mutex::new(waiting));
    let threads = available_parallelism().map_or(2, |count| count.get().clamp(2, MOST));
    for _ in 0..threads {
        let (connection, waiting) = (connection::open(path)?, Arc::clone(&waiting));
        queue.start_thread("metadata-read", move || read(&connection, &waiting))?;
    }
    Ok(queue)
}

fn read(connection: &Connection, waiting: &Mutex<Waiting>) {
    while let Some(mut work) = next(waiting) {
        work.perform(&mut Statements(connection));
        work.answer(&Ok(()));
    }
}

/// A thread that panicked had let go of the queue before it worked.
fn next(waiting: &Mutex<Waiting>) -> Option<Box<dyn Work>> {
    waiting
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}
