//! Bytes from a body into a file, hashed on the way.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use portolan_model::{Algorithm, Digest, Hasher};
use portolan_registry::{Body, Error, Result};
use tokio::task::spawn_blocking;

use crate::content::Content;
use crate::files::failed;

/// Bytes that are gathered before they are hashed and written in one go.
const BATCH: usize = 1 << 20;
/// Pieces that are gathered at most: their bookkeeping may be larger than they are.
const MOST_PIECES: usize = 1024;

/// Content that is being written into a file, from `start` on.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) file: Arc<File>,
    pub(crate) start: u64,
    pub(crate) length: u64,
    /// The hash of what has come; nothing where only the file can tell.
    hasher: Option<Hasher>,
}

impl Incoming {
    /// Content of which nothing has come yet, hashed by `algorithm` if that can be computed.
    pub(crate) fn new(file: Arc<File>, start: u64, algorithm: &Algorithm) -> Self {
        Self {
            file,
            start,
            length: 0,
            hasher: algorithm.hasher(),
        }
    }

    /// Content of which `length` bytes came to another process.
    pub(crate) fn resumed(file: Arc<File>, length: u64) -> Self {
        Self {
            file,
            start: 0,
            length,
            hasher: None,
        }
    }

    /// What has come so far.
    pub(crate) fn content(&self) -> Content {
        Content::Part {
            file: Arc::clone(&self.file),
            range: self.start..self.start + self.length,
        }
    }

    pub(crate) fn is_hashed_by(&self, algorithm: &Algorithm) -> bool {
        self.hasher
            .as_ref()
            .is_some_and(|hasher| hasher.algorithm() == *algorithm)
    }

    /// The digest of what has come so far, if it was hashed as it came.
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.hasher.clone().map(Hasher::finish)
    }

    /// The same content at the beginning of another file. This waits for the disk.
    pub(crate) fn copied_to(self, file: File) -> Result<Self> {
        let content = self.content();
        let mut offset = 0;
        while offset < self.length {
            let piece = content.part(offset..self.length.min(offset + BATCH as u64))?;
            file.write_all_at(&piece, offset)
                .map_err(failed("copying", "an upload".as_ref()))?;
            offset += piece.len() as u64;
        }
        Ok(Self {
            file: Arc::new(file),
            start: 0,
            ..self
        })
    }

    /// Appends `body`. Every byte that came before an error counts; nothing is left only if writing
    /// itself was broken off.
    pub(crate) async fn take(self, mut body: Body) -> (Option<Self>, Result<()>) {
        let mut incoming = self;
        let mut batch = gather(&mut body).await;
        loop {
            let Batch { pieces, end } = batch;
            let writing = spawn_blocking(move || incoming.write(&pieces));
            // The next batch gathers while this one is written.
            let next = if end.is_none() {
                Some(gather(&mut body).await)
            } else {
                None
            };
            let (back, written) = match writing.await {
                Ok(done) => done,
                Err(error) => return (None, Err(Error::internal("writing content", error))),
            };
            match next {
                Some(next) if written.is_ok() => (incoming, batch) = (back, next),
                _ => return (Some(back), written.and(end.unwrap_or(Ok(())))),
            }
        }
    }

    fn write(mut self, pieces: &[Bytes]) -> (Self, Result<()>) {
        for piece in pieces {
            if let Err(error) = self.file.write_all_at(piece, self.start + self.length) {
                return (
                    self.cut(),
                    Err(failed("writing", "content".as_ref())(error)),
                );
            }
            if let Some(hasher) = &mut self.hasher {
                hasher.update(piece);
            }
            self.length += piece.len() as u64;
        }
        (self, Ok(()))
    }

    /// Drops what a failed write left behind the bytes that count, where the file is this content's own.
    fn cut(self) -> Self {
        if self.start == 0
            && let Err(error) = self.file.set_len(self.length)
        {
            tracing::error!(%error, "an upload's file could not be cut back after a failed write");
        }
        self
    }

    /// Holds what has come against the digest that it is to have. This may read all of it back, and so waits for the disk.
    ///
    /// # Errors
    /// When `wanted` cannot be computed, or the content has another digest.
    pub(crate) fn verify(&self, wanted: &Digest) -> Result<()> {
        let algorithm = wanted.algorithm();
        let hasher = match self
            .hasher
            .clone()
            .filter(|hasher| hasher.algorithm() == *algorithm)
        {
            Some(hasher) => hasher,
            None => self.read_back(
                algorithm
                    .hasher()
                    .ok_or_else(|| Error::digest_unverifiable(wanted))?,
            )?,
        };
        let computed = hasher.finish();
        if computed == *wanted {
            Ok(())
        } else {
            Err(Error::digest_mismatch(wanted, &computed))
        }
    }

    fn read_back(&self, mut hasher: Hasher) -> Result<Hasher> {
        let mut buffer = vec![0; BATCH];
        let mut offset = 0;
        while offset < self.length {
            let count = usize::try_from(self.length - offset)
                .unwrap_or(BATCH)
                .min(BATCH);
            self.file
                .read_exact_at(&mut buffer[..count], self.start + offset)
                .map_err(failed("reading back", "an upload".as_ref()))?;
            hasher.update(&buffer[..count]);
            offset += count as u64;
        }
        Ok(hasher)
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
