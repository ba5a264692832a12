//! Bytes from a body into a file, hashed on the way.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;
use futures_util::StreamExt;
use portolan_model::{Algorithm, Hasher};
use portolan_registry::{Body, Error, Result};
use tokio::task::spawn_blocking;

use crate::files::storage_error;

/// Bytes that are gathered before they are hashed and written in one go.
const BATCH: usize = 1024 * 1024;
/// Pieces that are gathered at most: their bookkeeping may be larger than they are.
const MOST_PIECES: usize = 1024;
/// Bytes that are read back at once.
const READ_BACK: usize = 1024 * 1024;

/// How far the bytes of an upload have come, and their hash.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) offset: u64,
    pub(super) hasher: Hasher,
}

impl Progress {
    /// Progress of an upload that has no bytes, or `None` if its algorithm cannot be computed.
    pub(super) fn new(algorithm: &Algorithm) -> Option<Self> {
        Some(Self {
            offset: 0,
            hasher: algorithm.hasher()?,
        })
    }

    /// Hashes what the file has, so that nothing vouches for bytes that a power cut took.
    pub(super) fn read_back(mut self, path: &Path) -> Result<Self> {
        let failed = |error| storage_error(error, "reading an upload back");
        let file = File::open(path).map_err(failed)?;
        let mut buffer = vec![0; READ_BACK];
        loop {
            let count = file.read_at(&mut buffer, self.offset).map_err(failed)?;
            if count == 0 {
                return Ok(self);
            }
            self.take(&buffer[..count]);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.offset += bytes.len() as u64;
    }
}

/// Appends `body` to `file`. The progress is that of every byte that came, also before an error;
/// it is `None` where only the file itself can tell.
pub(super) async fn append(
    file: File,
    progress: Progress,
    mut body: Body,
) -> (Option<Progress>, Result<()>) {
    let mut sink = Sink { file, progress };
    let mut batch = gather(&mut body).await;
    loop {
        let Batch { pieces, end } = batch;
        let writing = spawn_blocking(move || sink.write(&pieces));
        // The next batch gathers while this one is written.
        let next = if end.is_none() {
            Some(gather(&mut body).await)
        } else {
            None
        };
        let (back, written) = match writing.await {
            Ok(done) => done,
            Err(error) => return (None, Err(Error::internal("writing an upload", error))),
        };
        match next {
            Some(next) if written.is_ok() => (sink, batch) = (back, next),
            _ => return (Some(back.progress), written.and(end.unwrap_or(Ok(())))),
        }
    }
}

struct Batch {
    pieces: Vec<Bytes>,
    /// How the body ended, if it did.
    end: Option<Result<()>>,
}

async fn gather(body: &mut Body) -> Batch {
    let mut pieces = Vec::new();
    let mut length = 0;
    while length < BATCH && pieces.len() < MOST_PIECES {
        match body.next().await {
            Some(Ok(piece)) => {
                length += piece.len();
                pieces.push(piece);
            }
            Some(Err(error)) => {
                return Batch {
                    pieces,
                    end: Some(Err(error)),
                };
            }
            None => {
                return Batch {
                    pieces,
                    end: Some(Ok(())),
                };
            }
        }
    }
    Batch { pieces, end: None }
}

struct Sink {
    file: File,
    progress: Progress,
}

impl Sink {
    fn write(mut self, pieces: &[Bytes]) -> (Self, Result<()>) {
        for piece in pieces {
            if let Err(error) = self.file.write_all_at(piece, self.progress.offset) {
                return (self.cut(), Err(storage_error(error, "writing an upload")));
            }
            self.progress.take(piece);
        }
        (self, Ok(()))
    }

    /// Drops what a failed write left behind the bytes that count.
    fn cut(self) -> Self {
        if let Err(error) = self.file.set_len(self.progress.offset) {
            tracing::error!(%error, "an upload's file could not be cut back after a failed write");
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_batch_has_no_more_pieces_than_its_limit() {
        let pieces = futures_util::stream::repeat_with(|| Ok(Bytes::new())).take(2 * MOST_PIECES);
        let batch = gather(&mut Body::stream(pieces)).await;
        assert_eq!(batch.pieces.len(), MOST_PIECES);
        assert!(batch.end.is_none());
    }
}
