//! Files as streams of pieces of 256 KiB. The current thread reads pieces that are in the page
//! cache, and a blocking thread reads the other pieces.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use portolan_registry::{Body, Error, Result};
use rustix::io::{Errno, ReadWriteFlags};

use super::file;
use portolan_files::run_blocking;

/// Maximum size of one read: large enough to make the system call cheap compared to the copy.
const PIECE: u64 = 256 * 1024;

/// Returns the bytes of a file of `size` bytes within `range`.
pub(super) async fn read_file(path: PathBuf, size: u64, range: Range<u64>) -> Result<Body> {
    let file = file::open(path, size).await?;
    let mut reader = Reader {
        file: Arc::new(file),
        size,
        range,
        cached: true,
    };
    let first = reader.next().await?.unwrap_or_default();
    if reader.range.is_empty() {
        return Ok(Body::Full(first));
    }
    let rest = stream::try_unfold(reader, |mut reader| async move {
        Ok(reader.next().await?.map(|piece| (piece, reader)))
    });
    Ok(Body::from_stream(
        stream::once(std::future::ready(Ok(first))).chain(rest),
    ))
}

/// Open file, and the range of it that has not been read yet.
struct Reader {
    file: Arc<File>,
    size: u64,
    range: Range<u64>,
    /// True until a read shows that the filesystem does not support reads from the page cache only.
    cached: bool,
}

impl Reader {
    /// Reads the next piece, or returns `None` at the end of the range.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.range.is_empty() {
            return Ok(None);
        }
        let length =
            usize::try_from(PIECE.min(self.range.end - self.range.start)).unwrap_or(usize::MAX);
        let piece = match self.read_cached(length)? {
            Some(piece) => piece,
            None => self.read_blocking(length).await?,
        };
        self.range.start += piece.len() as u64;
        Ok(Some(piece.into()))
    }

    /// Reads up to `length` bytes on the current thread, without waiting for the disk, or returns
    /// `None` if the next byte is not in the page cache, or if the filesystem does not support such
    /// reads.
    fn read_cached(&mut self, length: usize) -> Result<Option<Vec<u8>>> {
        if !self.cached {
            return Ok(None);
        }
        let mut buffer = vec![0; length];
        let into = &mut [io::IoSliceMut::new(&mut buffer)];
        match rustix::io::preadv2(&self.file, into, self.range.start, ReadWriteFlags::NOWAIT) {
            Ok(0) => Err(file::end_error(&self.file, self.size)),
            Ok(count) => {
                buffer.truncate(count);
                Ok(Some(buffer))
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                self.cached = false;
                Ok(None)
            }
            Err(error) => Err(Error::internal(
                "failed to read a blob's file",
                io::Error::from(error),
            )),
        }
    }

    async fn read_blocking(&self, length: usize) -> Result<Vec<u8>> {
        let (file, size, offset) = (Arc::clone(&self.file), self.size, self.range.start);
        run_blocking(move || {
            let mut buffer = vec![0; length];
            match file.read_exact_at(&mut buffer, offset) {
                Ok(()) => Ok(buffer),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Err(file::end_error(&file, size))
                }
                Err(error) => Err(Error::internal("failed to read a blob's file", error)),
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{Advice, fadvise};

    use super::*;

    /// The kernel has only the beginning of the file in its page cache, so the first read ends
    /// there.
    #[tokio::test]
    async fn reads_beyond_the_cached_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blob");
        for size in [100_000, 1_000_000] {
            let content: Vec<u8> = (0..size)
                .map(|position: u32| position.to_le_bytes()[1])
                .collect();
            std::fs::write(&path, &content).unwrap();
            let file = File::open(&path).unwrap();
            file.sync_all().unwrap();
            fadvise(&file, 32_768, None, Advice::DontNeed).unwrap();
            let whole = 0..u64::from(size);
            let body = read_file(path.clone(), whole.end, whole).await.unwrap();
            assert!(
                body.collect(usize::MAX).await.unwrap() == content,
                "{size} bytes"
            );
        }
    }
}
