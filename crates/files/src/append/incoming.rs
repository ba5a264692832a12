//! Content that is being written to a file, with its hash so far.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use portolan_model::{Algorithm, Digest, Hasher};
use portolan_registry::{Error, Kind, Result};
use rustix::fs::Advice;

use super::gather::BATCH;
use crate::file_error;

/// Function that opens the file of an [`Incoming`]: creates it for the first byte, or reopens it.
pub type OpenFile = Arc<dyn Fn() -> Result<File> + Send + Sync>;

/// Content that is being written to a file from offset `start` on. The file of an upload contains
/// only this content, so `start` is 0. In the tar file of an archive, the content starts after the
/// header of its entry.
pub struct Incoming {
    file: Slot,
    start: u64,
    /// True if the file contains other content too. In this case, the end of the file is not the
    /// end of this content.
    shares_file: bool,
    length: StoredLength,
    /// Length of the content when its last early sync began, in bytes.
    pub(super) synced: u64,
    algorithm: Algorithm,
    /// Hash of the content so far. `None` if an earlier process wrote the content. In this case,
    /// the hash is computed again from the file, because a stored hash could include bytes that
    /// were lost in a power cut. Also `None` if `algorithm` cannot be computed.
    hasher: Option<Hasher>,
}

/// Length of the stored content, in bytes. Other tasks can read it while a call appends to the
/// content.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoredLength(Arc<AtomicU64>);

impl StoredLength {
    fn new(length: u64) -> Self {
        Self(Arc::new(AtomicU64::new(length)))
    }

    /// Returns the number of bytes.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Release);
    }
}

/// State of the file of an [`Incoming`].
enum Slot {
    /// There is no file yet. The first write creates it.
    Unwritten(OpenFile),
    Open(Arc<File>),
    /// The file exists and is closed. The next write or read opens it again.
    Closed(OpenFile),
}

impl Incoming {
    /// Creates empty content that is written to `file` from offset `start` on. It is hashed with
    /// `algorithm`, if that can be computed.
    pub fn new(file: Arc<File>, start: u64, algorithm: &Algorithm) -> Self {
        Self {
            file: Slot::Open(file),
            start,
            shares_file: true,
            length: StoredLength::default(),
            synced: 0,
            algorithm: algorithm.clone(),
            hasher: algorithm.hasher(),
        }
    }

    /// Creates empty content that has no file yet. The first write calls `create`.
    pub fn create_on_write(create: OpenFile, algorithm: &Algorithm) -> Self {
        Self {
            file: Slot::Unwritten(create),
            start: 0,
            shares_file: false,
            length: StoredLength::default(),
            synced: 0,
            algorithm: algorithm.clone(),
            hasher: algorithm.hasher(),
        }
    }

    /// Resumes content after `length` bytes that an earlier process wrote. `open` opens the file
    /// with these bytes.
    pub fn resume(open: OpenFile, length: u64, algorithm: &Algorithm) -> Self {
        Self {
            file: Slot::Closed(open),
            start: 0,
            shares_file: false,
            length: StoredLength::new(length),
            synced: length,
            algorithm: algorithm.clone(),
            hasher: None,
        }
    }

    /// Returns the offset in the file where the content begins.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Returns the number of bytes that were appended so far.
    pub fn length(&self) -> u64 {
        self.length.get()
    }

    /// Returns a handle to the length of the content. It reflects later changes.
    pub(crate) fn stored_length(&self) -> StoredLength {
        self.length.clone()
    }

    /// Returns the file, if it is open.
    pub fn file(&self) -> Option<&Arc<File>> {
        match &self.file {
            Slot::Open(file) => Some(file),
            Slot::Unwritten(_) | Slot::Closed(_) => None,
        }
    }

    /// Returns whether the content has no file yet.
    pub fn is_unwritten(&self) -> bool {
        matches!(self.file, Slot::Unwritten(_))
    }

    /// Returns whether the content is hashed with `algorithm` as it arrives.
    pub fn is_hashed_by(&self, algorithm: &Algorithm) -> bool {
        self.hasher
            .as_ref()
            .is_some_and(|hasher| hasher.algorithm() == *algorithm)
    }

    /// Returns the digest of the content so far, or `None` if this process has not hashed all of
    /// it.
    pub fn digest(&self) -> Option<Digest> {
        self.hasher.clone().map(Hasher::finish)
    }

    /// Returns the open file. Opens it if it is closed, or creates it if no file exists yet. Blocks
    /// on disk I/O.
    pub(crate) fn open(&mut self) -> Result<Arc<File>> {
        match &self.file {
            Slot::Open(file) => Ok(Arc::clone(file)),
            Slot::Unwritten(open) | Slot::Closed(open) => {
                let file = Arc::new(open()?);
                self.file = Slot::Open(Arc::clone(&file));
                Ok(file)
            }
        }
    }

    /// Closes the file and retains the hash. The next use calls `open` to open the file again.
    pub(crate) fn close(&mut self, open: OpenFile) {
        self.file = Slot::Closed(open);
    }

    /// Moves the content to the beginning of another file. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns an error if the content cannot be read or written.
    pub fn copy_to(mut self, target: File) -> Result<Self> {
        let source = self.open()?;
        self.read_pieces(&source, |piece, offset| {
            target
                .write_all_at(piece, offset)
                .map_err(file_error("copy", upload()))
        })?;
        Ok(Self {
            file: Slot::Open(Arc::new(target)),
            start: 0,
            shares_file: false,
            ..self
        })
    }

    /// Hashes and writes `frames`. If a frame cannot be written, the content ends before it.
    pub(super) fn write(mut self, frames: &[Bytes]) -> (Self, Result<()>) {
        let file = match self.prepare() {
            Ok(file) => file,
            Err(error) => return (self, Err(error)),
        };
        for frame in frames {
            if let Err(error) = file.write_all_at(frame, self.start + self.length()) {
                self.truncate(&file);
                return (self, Err(file_error("write", upload())(error)));
            }
            if let Some(hasher) = &mut self.hasher {
                hasher.update(frame);
            }
            self.length.add(frame.len());
        }
        (self, Ok(()))
    }

    /// Opens the file, and computes the hash of what an earlier process wrote to it.
    fn prepare(&mut self) -> Result<Arc<File>> {
        let file = self.open()?;
        if self.hasher.is_none()
            && let Some(hasher) = self.algorithm.hasher()
        {
            self.hasher = Some(self.read_back(&file, hasher)?);
        }
        Ok(file)
    }

    /// Truncates the file after a failed write, unless it contains other content too.
    fn truncate(&self, file: &File) {
        // If the file contains other content, its owner determines where the next content starts.
        if !self.shares_file
            && let Err(error) = file.set_len(self.length())
        {
            // `complete` truncates again before the file is used.
            tracing::error!(%error, "failed to truncate the file of an upload after a failed write");
        }
    }

    /// Completes the content: verifies that its digest is `wanted`, and returns its file. If the
    /// content is empty, creates the file. Blocks on disk I/O, because it may read the full
    /// content.
    ///
    /// # Errors
    /// Returns [`Kind::DigestInvalid`] if the content has another digest or `wanted` cannot be
    /// computed, and [`Kind::Internal`] if the file is shorter than the content.
    pub fn complete(&mut self, wanted: &Digest) -> Result<Arc<File>> {
        let file = self.open()?;
        if !self.shares_file {
            self.check_length(&file)?;
        }
        let algorithm = wanted.algorithm();
        let hasher = match &self.hasher {
            Some(hasher) if hasher.algorithm() == *algorithm => hasher.clone(),
            _ => {
                let unverifiable = || Error::digest_unverifiable(wanted);
                self.read_back(&file, algorithm.hasher().ok_or_else(unverifiable)?)?
            }
        };
        let computed = hasher.finish();
        if computed == *wanted {
            Ok(file)
        } else {
            Err(Error::digest_mismatch(wanted, &computed))
        }
    }

    /// Truncates the file to the length of the content: a write that failed or was interrupted may
    /// have left more bytes. Returns an error if the file is shorter than the content, because only
    /// another program can have truncated it.
    fn check_length(&self, file: &File) -> Result<()> {
        let length = file
            .metadata()
            .map_err(file_error("inspect", upload()))?
            .len();
        if length > self.length() {
            file.set_len(self.length())
                .map_err(file_error("truncate", upload()))?;
        } else if length < self.length() {
            let message = "the file of an upload is shorter than what was written to it";
            return Err(Error::new(Kind::Internal, message));
        }
        Ok(())
    }

    /// Reads the full content from `file`, and hashes it with `hasher`.
    fn read_back(&self, file: &File, mut hasher: Hasher) -> Result<Hasher> {
        if self.hasher.is_none() {
            // An earlier process wrote the bytes. If the kernel failed to write some of their
            // pages, these may still be cached as clean, and no sync would report the error again.
            // Drop them from the cache, so that the bytes on disk are hashed. The call is only
            // advice, so its failure is ignored.
            let _ = rustix::fs::fadvise(file, 0, None, Advice::DontNeed);
        }
        self.read_pieces(file, |piece, _| {
            hasher.update(piece);
            Ok(())
        })?;
        Ok(hasher)
    }

    /// Reads the content in pieces, and passes each to `use_piece` with its offset in the content.
    fn read_pieces(
        &self,
        file: &File,
        mut use_piece: impl FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<()> {
        let mut buffer = vec![0; BATCH];
        let mut offset = 0;
        while offset < self.length() {
            let left = usize::try_from(self.length() - offset).unwrap_or(BATCH);
            let piece = &mut buffer[..left.min(BATCH)];
            file.read_exact_at(piece, self.start + offset)
                .map_err(file_error("read back", upload()))?;
            use_piece(piece, offset)?;
            offset += piece.len() as u64;
        }
        Ok(())
    }
}

/// Returns the name of the file in error messages. The path is not used, because it contains a
/// random id that does not help the reader.
fn upload() -> &'static Path {
    Path::new("an upload")
}

impl fmt::Debug for Incoming {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Incoming")
            .field("start", &self.start)
            .field("length", &self.length())
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
