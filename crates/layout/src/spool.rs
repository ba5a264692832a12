//! Temporary storage of archives that cannot be read or written in place: archives from and to
//! pipes, and compressed archives.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use portolan_files::file_error;
use portolan_model::Compression;
use portolan_registry::{Body, Decompressor, Error, Kind, Result};

/// Number of bytes to read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// Temporary storage of limited size. It is removed with the archive that uses it, or when the
/// process ends.
#[derive(Clone, Debug)]
pub struct Spool {
    /// Folder for temporary files. By default, the system's folder for temporary files.
    pub folder: PathBuf,
    /// Maximum size of an archive, in bytes. By default, [`Spool::DEFAULT_LIMIT`]. For a compressed
    /// archive, the limit applies to the uncompressed content.
    pub limit: u64,
}

impl Spool {
    /// Default maximum size of an archive, in bytes: 32 GiB.
    pub const DEFAULT_LIMIT: u64 = 32 << 30;

    /// Stores the bytes of `input`, uncompressed, in an unnamed file. `name` is the name of the
    /// input in messages. Blocks on disk I/O.
    ///
    /// # Errors
    /// Returns [`Kind::TooLarge`] if the content exceeds the limit, and [`Kind::Unsupported`] if
    /// its compression is not supported.
    pub(crate) fn store(&self, name: &str, mut input: impl Read) -> Result<File> {
        let file = tempfile::tempfile_in(&self.folder)
            .map_err(file_error("create a temporary file in", &self.folder))?;
        let beginning = read_beginning(&mut input).map_err(file_error("read", name.as_ref()))?;
        let compression = Compression::detect(&beginning);
        let output = LimitedFile {
            file,
            budget: Budget::new(self.limit),
        };
        let mut decompressor = Decompressor::new(compression, output)
            .map_err(|_| compressed_error(&name, compression))?;
        let mut input = io::Cursor::new(beginning).chain(input);
        let stored = copy(&mut input, &mut decompressor);
        let output = stored.and_then(|()| decompressor.finish());
        Ok(output.map_err(|error| explain(name, error))?.file)
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self {
            folder: tempfile::env::temp_dir(),
            limit: Self::DEFAULT_LIMIT,
        }
    }
}

/// Number of bytes that may still be stored.
#[derive(Clone)]
pub(crate) struct Budget {
    limit: u64,
    rest: Arc<AtomicU64>,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            rest: Arc::new(AtomicU64::new(limit)),
        }
    }

    /// Subtracts `bytes` from the budget.
    ///
    /// # Errors
    /// Returns [`Kind::TooLarge`] if fewer bytes are left.
    pub(crate) fn take(&self, bytes: usize) -> Result<()> {
        let taken = self
            .rest
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |rest| {
                rest.checked_sub(bytes as u64)
            });
        taken.map(drop).map_err(|_| {
            let message = format!(
                "the archive exceeds the limit of {} bytes for temporary files",
                self.limit
            );
            Error::new(Kind::TooLarge, message)
                .with_help("use a file instead of a pipe, without compression")
        })
    }

    /// Returns a body that subtracts the length of each piece from the budget.
    pub(crate) fn limit(&self, body: Body) -> Body {
        let (length, budget) = (body.length(), self.clone());
        let pieces = body.map(move |piece| {
            let piece = piece?;
            budget.take(piece.len())?;
            Ok(piece)
        });
        match length {
            Some(length) => Body::with_length(length, pieces),
            None => Body::from_stream(pieces),
        }
    }
}

/// File whose written bytes are subtracted from a budget.
struct LimitedFile {
    file: File,
    budget: Budget,
}

impl Write for LimitedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.budget.take(written).map_err(io::Error::other)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn copy<W: Write>(input: &mut impl Read, output: &mut Decompressor<W>) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => output.write(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
}

/// Reads the first bytes, from which the compression is detected.
pub(crate) fn read_beginning(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut beginning = Vec::new();
    input
        .take(Compression::MAGIC_BYTES as u64)
        .read_to_end(&mut beginning)?;
    Ok(beginning)
}

/// Returns the error of the budget, or an error for an input that cannot be read, unpacked or
/// stored.
fn explain(name: &str, error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(exceeded) => exceeded.with_prefix(format_args!("failed to read {name}")),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            file_error("store a temporary copy of", name.as_ref())(error)
        }
        Err(error) => Error::new(
            Kind::MANIFEST_INVALID,
            format!("failed to read {name}: {error}"),
        ),
    }
}

/// Returns an error for an archive with a compression that is not supported.
pub(crate) fn compressed_error(name: &dyn Display, compression: Compression) -> Error {
    let command = match compression {
        Compression::None => "cat",
        Compression::Gzip => "gunzip",
        Compression::Zstd => "zstd -d",
        Compression::Bzip2 => "bunzip2",
        Compression::Xz => "unxz",
    };
    let message =
        format!("archive {name} is compressed with {compression}; unpack it with `{command}`");
    Error::new(Kind::Unsupported, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_no_more_than_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool {
            folder: folder.path().to_owned(),
            limit: 1000,
        };
        let stored = spool.store("a pipe", &[7; 1000][..]).unwrap();
        assert_eq!(stored.metadata().unwrap().len(), 1000);
        let error = spool.store("a pipe", &[7; 1001][..]).unwrap_err();
        assert_eq!(*error.kind(), Kind::TooLarge);
        assert!(
            error.to_string().starts_with("failed to read a pipe: "),
            "{error}"
        );

        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&[7; 1001]).unwrap();
        let gzip = gzip.finish().unwrap();
        assert!(gzip.len() < 100);
        let error = spool.store("a pipe", &*gzip).unwrap_err();
        assert_eq!(
            *error.kind(),
            Kind::TooLarge,
            "the limit is for unpacked bytes"
        );
        spool.limit = 1001;
        spool.store("a pipe", &*gzip).unwrap();
    }

    #[test]
    fn names_unsupported_compressions() {
        for (magic, expected) in [
            (
                &b"BZh91AY"[..],
                "compressed with bzip2; unpack it with `bunzip2`",
            ),
            (b"\xfd7zXZ\0\0", "compressed with xz; unpack it with `unxz`"),
        ] {
            let error = Spool::default().store("a.tar", magic).unwrap_err();
            assert_eq!(*error.kind(), Kind::Unsupported);
            assert!(error.to_string().ends_with(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn a_body_takes_its_bytes_from_the_budget() {
        let budget = Budget::new(3);
        let body = |text: &'static str| budget.limit(Body::from(bytes::Bytes::from(text)));
        assert_eq!(body("ab").collect(10).await.unwrap(), "ab");
        assert_eq!(
            *body("ab").collect(10).await.unwrap_err().kind(),
            Kind::TooLarge
        );
        assert_eq!(body("c").collect(10).await.unwrap(), "c");
    }
}
