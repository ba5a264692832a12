//! File that collects the content of an archive under construction. Content is appended. Incomplete
//! content is truncated.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use portolan_files::append::Incoming;
use portolan_files::{file_error, run_blocking};
use portolan_registry::Result;
use tokio::sync::{Mutex, MutexGuard};

use crate::content::Content;

/// Number of bytes to copy at once.
const COPY_BUFFER_BYTES: u64 = 1 << 20;

/// File that grows by one blob at a time.
#[derive(Clone)]
pub(super) struct ContentFile {
    file: Arc<File>,
    tail: Arc<Mutex<Tail>>,
}

/// End of the file, where the next blob begins. Its lock is held while a blob is added.
pub(super) struct Tail {
    file: Arc<File>,
    end: u64,
}

impl ContentFile {
    pub(super) fn new(file: File) -> Self {
        let file = Arc::new(file);
        Self {
            tail: Arc::new(Mutex::new(Tail {
                file: Arc::clone(&file),
                end: 0,
            })),
            file,
        }
    }

    /// Locks the tail. Blocks the thread until the tail is free.
    pub(super) fn lock_tail_blocking(&self) -> MutexGuard<'_, Tail> {
        self.tail.blocking_lock()
    }

    /// Locks the tail.
    pub(super) async fn lock_tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().await
    }

    /// Locks the tail if it is free.
    pub(super) fn try_lock_tail(&self) -> Option<MutexGuard<'_, Tail>> {
        self.tail.try_lock().ok()
    }

    /// Returns whether the content of a session is in this file.
    pub(super) fn has_incoming(&self, incoming: &Incoming) -> bool {
        incoming
            .file()
            .is_some_and(|file| Arc::ptr_eq(&self.file, file))
    }

    /// Returns whether the content is in this file.
    pub(super) fn has(&self, content: &Content) -> bool {
        matches!(content, Content::Part { file, .. } if Arc::ptr_eq(&self.file, file))
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }
}

impl Tail {
    /// Returns the offset at which the next blob begins.
    pub(super) fn start(&self) -> u64 {
        self.end
    }

    /// Adds the next `length` bytes, which were already written, as a blob, and returns their
    /// range.
    pub(super) fn extend(&mut self, length: u64) -> Range<u64> {
        let begin = self.end;
        self.end += length;
        begin..self.end
    }

    /// Adds a blob, and returns its range.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<Range<u64>> {
        self.write(bytes, self.end)?;
        Ok(self.extend(bytes.len() as u64))
    }

    /// Adds a copy of other content, and returns its range.
    pub(super) fn add_copy(&mut self, content: &Content) -> Result<Range<u64>> {
        let copied = content.for_each_piece(COPY_BUFFER_BYTES, |offset, piece| {
            self.write(piece, self.end + offset)
        });
        match copied {
            Ok(()) => Ok(self.extend(content.size())),
            Err(error) => {
                drop(self.file.set_len(self.end));
                Err(error)
            }
        }
    }

    /// Truncates the file after the last blob, to free the space. Ignores errors, because the next
    /// blob overwrites the remaining bytes.
    pub(super) async fn truncate(&self) {
        let (file, end) = (Arc::clone(&self.file), self.end);
        drop(run_blocking(move || Ok(file.set_len(end))).await);
    }

    fn write(&self, bytes: &[u8], position: u64) -> Result<()> {
        self.file
            .write_all_at(bytes, position)
            .map_err(file_error("write", "the archive".as_ref()))
    }
}
