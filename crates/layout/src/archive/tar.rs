//! A tar in the making: entries are put behind one another, and what fails is cut off again.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use portolan_registry::{Error, Result};
use tokio::sync::{Mutex, MutexGuard};

use super::entries::BLOCK;
use crate::content::Content;
use crate::files::{blocking, failed};
use crate::incoming::Incoming;

/// Bytes that are copied at once.
const PIECE: u64 = 1 << 20;

/// What a tar ends with: two blocks of nothing.
const END: [u8; 1024] = [0; 1024];

/// A tar to which entries are added, one at a time.
#[derive(Clone)]
pub(super) struct Tar {
    file: Arc<File>,
    tail: Arc<Mutex<Tail>>,
}

/// Where the next entry begins. Whoever has it adds entries.
pub(super) struct Tail {
    file: Arc<File>,
    end: u64,
}

impl Tar {
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

    /// Waits until nobody else adds anything, on a thread that may wait.
    pub(super) fn blocking_tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.blocking_lock()
    }

    /// Waits until nobody else adds anything.
    pub(super) async fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().await
    }

    /// The tail, if nobody is adding anything.
    pub(super) fn free_tail(&self) -> Option<MutexGuard<'_, Tail>> {
        self.tail.try_lock().ok()
    }

    /// Whether the content lies in this tar.
    pub(super) fn holds(&self, incoming: &Incoming) -> bool {
        Arc::ptr_eq(&self.file, &incoming.file)
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }
}

impl Tail {
    /// Where the content of the next entry begins, if that has the name.
    pub(super) fn begin(&self, name: &str) -> Result<u64> {
        Ok(self.end + header(name, 0)?.len() as u64)
    }

    /// Makes an entry of the content that was put where it begins. The header comes last, so nobody
    /// has to know the size before.
    pub(super) fn seal(&mut self, name: &str, length: u64) -> Result<Range<u64>> {
        let header = header(name, length)?;
        let begin = self.end + header.len() as u64;
        let content = begin..begin + length;
        let end = content.end.next_multiple_of(BLOCK);
        let padding = usize::try_from(end - content.end).unwrap_or_default();
        self.write(&END[..padding], content.end)?;
        self.write(&header, self.end)?;
        self.end = end;
        Ok(content)
    }

    /// Adds an entry.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> Result<Range<u64>> {
        self.write(bytes, self.begin(name)?)?;
        self.seal(name, bytes.len() as u64)
    }

    /// Adds an entry with content that lies elsewhere.
    pub(super) fn add_copy(&mut self, name: &str, content: &Content) -> Result<Range<u64>> {
        let copied = self.begin(name).and_then(|begin| self.copy(content, begin));
        match copied {
            Ok(()) => self.seal(name, content.size()),
            Err(error) => {
                self.cut_now();
                Err(error)
            }
        }
    }

    /// Adds whole entries as they stand in another tar.
    pub(super) fn add_raw(&mut self, entries: &Content) -> Result<()> {
        self.copy(entries, self.end)?;
        self.end += entries.size();
        Ok(())
    }

    /// Drops what lies behind the last entry, for the sake of its room: if this fails, the next entry
    /// is written over it.
    pub(super) async fn cut(&self) {
        let (file, end) = (Arc::clone(&self.file), self.end);
        drop(blocking(move || Ok(file.set_len(end))).await);
    }

    /// Ends the tar and has it survive a power cut.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.write(&END, self.end)?;
        let ended = self
            .file
            .set_len(self.end + END.len() as u64)
            .and_then(|()| self.file.sync_all());
        ended.map_err(failed("syncing", "the archive".as_ref()))
    }

    fn cut_now(&self) {
        drop(self.file.set_len(self.end));
    }

    fn copy(&self, content: &Content, mut position: u64) -> Result<()> {
        let mut offset = 0;
        while offset < content.size() {
            let piece = content.part(offset..content.size().min(offset + PIECE))?;
            self.write(&piece, position)?;
            offset += piece.len() as u64;
            position += piece.len() as u64;
        }
        Ok(())
    }

    fn write(&self, bytes: &[u8], position: u64) -> Result<()> {
        self.file
            .write_all_at(bytes, position)
            .map_err(failed("writing", "the archive".as_ref()))
    }
}

/// The header of an entry: one block, or more for a long name.
fn header(name: &str, size: u64) -> Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(size);
    let mut builder = tar::Builder::new(Vec::new());
    let written = builder.append_data(&mut header, name, io::empty());
    written.map_err(|error| Error::internal(format!("naming {name} in an archive"), error))?;
    Ok(std::mem::take(builder.get_mut()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_read_by_others() {
        let tar = Tar::new(tempfile::tempfile().unwrap());
        let mut tail = tar.blocking_tail();
        let long = format!("blobs/sha512/{}", "a".repeat(128));
        tail.add("short", b"one").unwrap();
        let begin = tail.begin("cut").unwrap();
        tail.write(b"never sealed", begin).unwrap();
        tail.cut_now();
        tail.add(&long, &[7; 513]).unwrap();
        tail.add("empty", b"").unwrap();
        tail.finish().unwrap();

        let mut archive = tar::Archive::new(&**tar.file());
        let read = archive.entries_with_seek().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            io::Read::read_to_end(&mut entry, &mut content).unwrap();
            (
                entry.path().unwrap().to_string_lossy().into_owned(),
                content,
            )
        });
        let read: Vec<_> = read.collect();
        assert_eq!(
            read,
            [
                ("short".into(), b"one".to_vec()),
                (long, vec![7; 513]),
                ("empty".into(), Vec::new())
            ]
        );
    }

    #[test]
    fn a_size_beyond_eight_gibibytes_has_its_place() {
        let size = 20 << 30;
        let header = header("large", size).unwrap();
        assert_eq!(
            tar::Header::from_byte_slice(&header).entry_size().unwrap(),
            size
        );
    }
}
