//! Where the bytes of a blob lie: a part of a file, or memory.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use portolan_model::Digest;
use portolan_registry::{Body, Error, Kind, Result, verified};

use crate::files::blocking;

/// Most bytes that one read takes.
const PIECE: u64 = 1 << 20;

/// The bytes of a blob, wherever they lie.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory: what is made and not read.
    Bytes(Bytes),
    /// In a file, whole or as a part of an archive.
    Part {
        /// The file.
        file: Arc<File>,
        /// Which bytes of it.
        range: Range<u64>,
    },
}

impl Content {
    /// A whole file.
    pub(crate) fn of_file(file: File, size: u64) -> Self {
        Self::Part {
            file: Arc::new(file),
            range: 0..size,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Part { range, .. } => range.end - range.start,
        }
    }

    /// The bytes within `wanted`, which lies inside of the content. All of them are held against `digest`.
    pub(crate) fn body(&self, digest: &Digest, wanted: Range<u64>) -> Body {
        let (size, whole) = (self.size(), wanted == (0..self.size()));
        let body = match self {
            Self::Bytes(bytes) => slice(bytes, wanted).into(),
            Self::Part { file, range } => {
                read(file, range.start + wanted.start..range.start + wanted.end)
            }
        };
        if whole {
            verified(digest, Some(size), body)
        } else {
            body
        }
    }

    /// All of the bytes at once, if they are no more than `limit`. This waits for the disk.
    pub(crate) fn read(&self, limit: u64) -> Result<Bytes> {
        let size = self.size();
        if size > limit {
            return Err(Error::new(
                Kind::TooLarge,
                format!("it has {size} bytes, and no more than {limit} are read"),
            ));
        }
        self.part(0..size)
    }

    /// The bytes within `wanted`, which lies inside of the content and is short. This waits for the disk.
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

/// The bytes of a file within `range`, piece by piece.
fn read(file: &Arc<File>, range: Range<u64>) -> Body {
    let length = range.end - range.start;
    let state = (Arc::clone(file), range);
    let pieces = stream::try_unfold(state, |(file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let piece = range.start..range.end.min(range.start + PIECE);
        let behind = piece.end..range.end;
        blocking(move || Ok(Some((read_piece(&file, &piece)?, (file, behind))))).await
    });
    Body::sized(length, pieces)
}

fn read_piece(file: &File, range: &Range<u64>) -> Result<Bytes> {
    let mut buffer = vec![0; usize::try_from(range.end - range.start).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut buffer, range.start)
        .map_err(|error| {
            Error::internal("reading content: the file is shorter than it was", error)
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
