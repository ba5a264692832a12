//! Files as streams: pieces of 256 KiB, from the page cache without a change of thread.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use portolan_registry::{Body, Error, Result};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, ReadWriteFlags};

use crate::files::blocking;

/// Most bytes that one read takes: enough to make the system call cheap beside the copy.
const PIECE: u64 = 256 * 1024;

/// The bytes of a file within `range`.
pub(super) async fn read_file(path: PathBuf, range: Range<u64>) -> Result<Body> {
    let file = open(path).await?;
    let mut reader = Reader {
        file: Arc::new(file),
        range,
        cached: true,
    };
    let first = reader.next().await?.unwrap_or_default();
    if reader.range.is_empty() {
        return Ok(Body::Whole(first));
    }
    let rest = stream::try_unfold(reader, |mut reader| async move {
        Ok(reader.next().await?.map(|piece| (piece, reader)))
    });
    Ok(Body::stream(
        stream::once(std::future::ready(Ok(first))).chain(rest),
    ))
}

/// Opens without a change of thread where the path is in the kernel's cache.
async fn open(path: PathBuf) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    match rustix::fs::openat2(
        rustix::fs::CWD,
        &path,
        flags,
        Mode::empty(),
        ResolveFlags::CACHED,
    ) {
        Ok(file) => Ok(file.into()),
        Err(_) => {
            blocking(move || {
                File::open(path).map_err(|error| Error::internal("opening a blob's file", error))
            })
            .await
        }
    }
}

struct Reader {
    file: Arc<File>,
    range: Range<u64>,
    /// Whether reading what is cached alone is something that this filesystem can do.
    cached: bool,
}

impl Reader {
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

    /// Reads on this thread what needs no wait for the disk, which may be less than `length`;
    /// nothing if there is no such part.
    fn read_cached(&mut self, length: usize) -> Result<Option<Vec<u8>>> {
        if !self.cached {
            return Ok(None);
        }
        let mut buffer = vec![0; length];
        let into = &mut [io::IoSliceMut::new(&mut buffer)];
        match rustix::io::preadv2(&self.file, into, self.range.start, ReadWriteFlags::NOWAIT) {
            Ok(0) => Err(truncated()),
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
                "reading a blob's file",
                io::Error::from(error),
            )),
        }
    }

    async fn read_blocking(&self, length: usize) -> Result<Vec<u8>> {
        let (file, offset) = (Arc::clone(&self.file), self.range.start);
        blocking(move || {
            let mut buffer = vec![0; length];
            file.read_exact_at(&mut buffer, offset)
                .map_err(|error| Error::internal("reading a blob's file", error))?;
            Ok(buffer)
        })
        .await
    }
}

fn truncated() -> Error {
    Error::internal(
        "reading a blob's file",
        io::Error::from(io::ErrorKind::UnexpectedEof),
    )
}

#[cfg(test)]
mod tests {
    use rustix::fs::{Advice, fadvise};

    use super::*;

    /// A file of which the kernel has only the beginning in its cache, so that a read of what is
    /// cached alone ends there.
    #[tokio::test]
    async fn what_is_not_cached_is_read_too() {
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
            let body = read_file(path.clone(), 0..u64::from(size)).await.unwrap();
            assert!(
                body.collect(usize::MAX).await.unwrap() == content,
                "{size} bytes"
            );
        }
    }
}
