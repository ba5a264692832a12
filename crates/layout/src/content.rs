//! Content of a blob: a range of a file, or bytes in memory.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use portolan_files::run_blocking;
use portolan_files::sessions::Completed;
use portolan_model::Digest;
use portolan_registry::{Body, Error, Kind, Result, verify};

/// Maximum number of bytes per read.
const PIECE: u64 = 1 << 20;

/// Content of a blob.
#[derive(Clone, Debug)]
pub enum Content {
    /// Bytes in memory, for generated content.
    Bytes(Bytes),
    /// Range of a file, such as a full file or an entry of an archive.
    Part {
        /// File that contains the bytes.
        file: Arc<File>,
        /// Range of the content in the file.
        range: Range<u64>,
    },
}

impl Content {
    /// Creates the content of a full file.
    pub(crate) fn of_file(file: File, size: u64) -> Self {
        Self::Part {
            file: Arc::new(file),
            range: 0..size,
        }
    }

    /// Creates the content of a complete upload session.
    pub(crate) fn from_completed(completed: &Completed) -> Self {
        let start = completed.incoming.start();
        Self::Part {
            file: Arc::clone(&completed.file),
            range: start..start + completed.incoming.length(),
        }
    }

    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Part { range, .. } => range.end - range.start,
        }
    }

    /// Returns the bytes in the range `wanted`. The range must be within the content. If it is the
    /// full content, the bytes are verified against `digest`.
    pub(crate) fn body(&self, digest: &Digest, wanted: Range<u64>) -> Body {
        let (size, whole) = (self.size(), wanted == (0..self.size()));
        let body = match self {
            Self::Bytes(bytes) => slice(bytes, wanted).into(),
            Self::Part { file, range } => {
                read(file, range.start + wanted.start..range.start + wanted.end)
            }
        };
        if whole {
            verify(digest, Some(size), body)
        } else {
            body
        }
    }

    /// Reads the full content, or returns an error if it has more than `limit` bytes. Blocks on
    /// disk I/O.
    pub(crate) fn read(&self, limit: u64) -> Result<Bytes> {
        let size = self.size();
        if size > limit {
            return Err(Error::new(
                Kind::TooLarge,
                format!("the content has {size} bytes, which exceeds the limit of {limit}"),
            ));
        }
        self.part(0..size)
    }

    /// Reads the content in pieces of at most `piece_bytes` bytes, and passes each to `act` with
    /// its offset. Blocks on disk I/O.
    pub(crate) fn for_each_piece(
        &self,
        piece_bytes: u64,
        mut act: impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut offset = 0;
        while offset < self.size() {
            let piece = self.part(offset..self.size().min(offset + piece_bytes))?;
            act(offset, &piece)?;
            offset += piece.len() as u64;
        }
        Ok(())
    }

    /// Reads the bytes in the range `wanted`. The range must be within the content, and the bytes
    /// must fit into memory. Blocks on disk I/O.
    pub(crate) fn part(&self, wanted: Range<u64>) -> Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(slice(bytes, wanted)),
            Self::Part { file, range } => read_piece(
                file,
                &(range.start + wanted.start..range.start + wanted.end),
            ),
        }
    }
}

/// Streams a range of a file.
fn read(file: &Arc<File>, range: Range<u64>) -> Body {
    let length = range.end - range.start;
    let state = (Arc::clone(file), range);
    let pieces = stream::try_unfold(state, |(file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let piece = range.start..range.end.min(range.start + PIECE);
        let rest = piece.end..range.end;
        run_blocking(move || Ok(Some((read_piece(&file, &piece)?, (file, rest))))).await
    });
    Body::with_length(length, pieces)
}

fn read_piece(file: &File, range: &Range<u64>) -> Result<Bytes> {
    let mut buffer = vec![0; usize::try_from(range.end - range.start).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut buffer, range.start)
        .map_err(|error| {
            Error::internal(
                "failed to read content that was truncated in the meantime",
                error,
            )
        })?;
    Ok(buffer.into())
}

fn slice(bytes: &Bytes, range: Range<u64>) -> Bytes {
    let position = |offset: u64| {
        usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len())
    };
    bytes.slice(position(range.start)..position(range.end))
}
