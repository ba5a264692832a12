//! Archives from and to pipes: standard input and output, and named pipes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use crate::failure::{Failure, Outcome};
use crate::image_ref::LocalLocation;

/// Path of standard input and output in an archive reference.
const STANDARD: &str = "-";

/// Input or output with its name in messages.
pub(super) struct NamedStream<S> {
    pub(super) name: String,
    pub(super) stream: S,
}

/// Opens the pipe from which an archive is read, or returns `None` for a regular file.
///
/// # Errors
/// Returns an error if the pipe cannot be opened, or if standard input is a terminal.
pub(super) fn input(local: &LocalLocation) -> Outcome<Option<NamedStream<Box<dyn Read + Send>>>> {
    let path = &local.path;
    if path == Path::new(STANDARD) {
        check_no_terminal(&io::stdin(), "read an archive from")?;
        return Ok(Some(NamedStream {
            name: "standard input".into(),
            stream: Box::new(io::stdin()),
        }));
    }
    if !is_pipe(path) {
        return Ok(None);
    }
    let file = File::open(path).with_context(|| format!("failed to open {}", path.display()))?;
    Ok(Some(NamedStream {
        name: path.display().to_string(),
        stream: Box::new(file),
    }))
}

/// Returns whether an archive is written to a pipe, and not to a regular file.
pub(super) fn is_output(local: &LocalLocation) -> bool {
    local.is_standard_output() || (local.format.is_archive() && is_pipe(&local.path))
}

/// Returns the pipe to which an archive is written, or `None` for a regular file.
///
/// # Errors
/// Returns a usage error if the output is a terminal.
pub(super) fn output(local: &LocalLocation) -> Outcome<Option<NamedStream<Box<dyn Write + Send>>>> {
    if local.is_standard_output() {
        check_no_terminal(&io::stdout(), "write an archive to")?;
        return Ok(Some(NamedStream {
            name: "standard output".into(),
            stream: Box::new(io::stdout()),
        }));
    }
    Ok(is_output(local).then(|| NamedStream {
        name: local.path.display().to_string(),
        stream: Box::new(LateFile::Path(local.path.clone())) as _,
    }))
}

/// Named pipe that is opened by the first write, because opening it blocks until another process
/// opens it for reading.
enum LateFile {
    Path(PathBuf),
    Open(File),
}

impl LateFile {
    fn open(&mut self) -> io::Result<&mut File> {
        if let Self::Path(path) = self {
            *self = Self::Open(OpenOptions::new().write(true).open(path)?);
        }
        match self {
            Self::Open(file) => Ok(file),
            Self::Path(_) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Write for LateFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open()?.flush()
    }
}

fn is_pipe(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| {
        let kind = metadata.file_type();
        kind.is_fifo() || kind.is_socket()
    })
}

fn check_no_terminal(stream: &impl IsTerminal, action: &str) -> Outcome {
    if stream.is_terminal() {
        let message = format!("cannot {action} a terminal; use a pipe or a file");
        return Err(Failure::usage(anyhow!(message)));
    }
    Ok(())
}
