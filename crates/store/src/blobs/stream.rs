//! Files as streams of pieces of up to 256 KiB. The current thread reads pieces that are in the page
//! cache, and a blocking thread reads the other pieces.
//!
//! A file whose beginning is not in the page cache comes from the disk, which may have damaged it, so
//! it is verified. Bytes in the page cache are those that were written or verified before.

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

use super::{Damage, file};
use portolan_files::run_blocking;
use portolan_model::{Digest, Hasher};

/// Maximum size of one read: large enough to make the system call cheap compared to the copy.
const PIECE: u64 = 256 * 1024;

/// Maximum size of the first read of a larger range. Each further one may be twice as large as the one
/// before it, so a client that does not read its response costs little memory.
const FIRST_PIECE: u64 = 64 * 1024;

/// Returns the bytes of a file of `size` bytes within `range`. If the whole file is read from the
/// disk, its last piece is returned only if the file has `digest`.
pub(super) async fn read_file(
    path: PathBuf,
    size: u64,
    range: Range<u64>,
    digest: Option<&Digest>,
) -> Result<Body> {
    let file = file::open(path, size).await?;
    let mut reader = Reader {
        file: Arc::new(file),
        size,
        verification: digest
            .filter(|_| range == (0..size))
            .and_then(Verification::new),
        piece: if range.end - range.start > PIECE {
            FIRST_PIECE
        } else {
            PIECE
        },
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
    /// Maximum size of the next read.
    piece: u64,
    /// True until a read shows that the filesystem does not support reads from the page cache only,
    /// or that the file must be verified.
    cached: bool,
    /// `None` if the bytes are not verified.
    verification: Option<Verification>,
}

/// Digest of the bytes read so far, and the expected digest.
struct Verification {
    hasher: Hasher,
    digest: Digest,
}

impl Verification {
    fn new(digest: &Digest) -> Option<Self> {
        Some(Self {
            hasher: digest.algorithm().hasher()?,
            digest: digest.clone(),
        })
    }

    fn finish(self) -> Result<()> {
        if self.hasher.finish() == self.digest {
            Ok(())
        } else {
            Err(Damage::Digest.into())
        }
    }
}

impl Reader {
    /// Reads the next piece, or returns `None` at the end of the range.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.range.is_empty() {
            return Ok(None);
        }
        let left = self.range.end - self.range.start;
        let length = usize::try_from(self.piece.min(left)).unwrap_or(usize::MAX);
        self.piece = PIECE.min(self.piece * 2);
        let piece = match self.read_cached(length)? {
            Some(piece) if piece.len() == length || self.verification.is_none() => {
                self.verification = None;
                piece
            }
            _ => {
                // From now on, blocking threads read and verify all pieces.
                self.cached &= self.verification.is_none();
                self.read_blocking(length).await?
            }
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

    async fn read_blocking(&mut self, length: usize) -> Result<Vec<u8>> {
        let (file, size, offset) = (Arc::clone(&self.file), self.size, self.range.start);
        let is_last = offset + length as u64 == self.range.end;
        let mut verification = self.verification.take();
        let (buffer, verification) = run_blocking(move || {
            let mut buffer = vec![0; length];
            match file.read_exact_at(&mut buffer, offset) {
                Ok(()) => (),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(file::end_error(&file, size));
                }
                Err(error) => return Err(Error::internal("failed to read a blob's file", error)),
            }
            if let Some(verification) = &mut verification {
                verification.hasher.update(&buffer);
            }
            if is_last && let Some(complete) = verification.take() {
                complete.finish()?;
            }
            Ok((buffer, verification))
        })
        .await?;
        self.verification = verification;
        Ok(buffer)
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{Advice, fadvise};

    use super::*;

    #[tokio::test]
    async fn pieces_grow_with_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blob");
        std::fs::write(&path, vec![0; 1 << 20]).unwrap();
        let body = read_file(path, 1 << 20, 0..1 << 20, None).await.unwrap();
        let pieces: Vec<_> = body.map(|piece| piece.unwrap().len() >> 10).collect().await;
        assert_eq!(pieces, [64, 128, 256, 256, 256, 64]);
    }

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
            let digest = Digest::sha256(&content);
            for digest in [None, Some(&digest)] {
                let body = read_file(path.clone(), whole.end, whole.clone(), digest).await;
                let read = body.unwrap().collect(usize::MAX).await.unwrap();
                assert!(read == content, "{size} bytes");
            }
        }
    }

    #[tokio::test]
    async fn a_damaged_file_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blob");
        let content = vec![1; 1_000_000];
        std::fs::write(&path, &content).unwrap();
        let file = File::open(&path).unwrap();
        file.sync_all().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        let (whole, other) = (0..1_000_000, Digest::sha256(b"other content"));
        let body = read_file(path.clone(), whole.end, whole, Some(&other)).await;
        let error = body.unwrap().collect(usize::MAX).await.unwrap_err();
        assert_eq!(Damage::find_in(&error), Some(Damage::Digest));
        let part = read_file(path, 1_000_000, 0..10, Some(&other))
            .await
            .unwrap();
        assert_eq!(part.collect(10).await.unwrap(), content[..10]);
    }
}
