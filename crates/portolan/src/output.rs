//! Output of commands: data on standard output, messages on standard error.

mod console;
mod progress;
mod table;
mod text;

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, Write};

use indicatif::HumanBytes;
use portolan_model::{Digest, escape_line};
use serde::Serialize;

use crate::failure::{Failure, Outcome, Status};

pub(crate) use console::Console;
pub(crate) use progress::Progress;
pub(crate) use table::Table;
pub(crate) use text::Text;

/// Buffered writer to standard output, or to standard error.
///
/// If the reader closes the pipe early, as `head` does, writing returns a failure with the status
/// [`Status::Done`], so that the command ends without an error message.
pub(crate) struct DataWriter(BufWriter<Box<dyn Write>>);

impl DataWriter {
    pub(crate) fn new() -> Self {
        Self(BufWriter::new(Box::new(io::stdout())))
    }

    /// Creates a writer to standard error, for a command that writes an archive to standard output.
    pub(crate) fn to_standard_error() -> Self {
        Self(BufWriter::new(Box::new(io::stderr())))
    }

    /// Writes bytes unchanged, such as the content of a blob.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Outcome {
        self.0.write_all(bytes).map_err(write_failure)
    }

    /// Writes one line. Control and formatting characters are escaped.
    pub(crate) fn line(&mut self, line: impl Display) -> Outcome {
        writeln!(self.0, "{}", escape_line(&line.to_string())).map_err(write_failure)
    }

    pub(crate) fn text(&mut self, text: &Text) -> Outcome {
        self.bytes(text.as_str().as_bytes())
    }

    pub(crate) fn json(&mut self, value: &impl Serialize) -> Outcome {
        let mut document = serde_json::to_vec_pretty(value)
            .map_err(|error| Failure::new(Status::Failed, error))?;
        document.push(b'\n');
        self.bytes(&document)
    }

    /// Flushes the buffer. Call this before a long wait and at the end of the output.
    pub(crate) fn flush(&mut self) -> Outcome {
        self.0.flush().map_err(write_failure)
    }
}

/// Prints one line to standard output.
pub(crate) fn line(line: impl Display) -> Outcome {
    let mut data = DataWriter::new();
    data.line(line)?;
    data.flush()
}

/// Prints text to standard output.
pub(crate) fn text(text: &Text) -> Outcome {
    let mut data = DataWriter::new();
    data.text(text)?;
    data.flush()
}

/// Prints bytes unchanged to standard output.
pub(crate) fn bytes(bytes: &[u8]) -> Outcome {
    let mut data = DataWriter::new();
    data.bytes(bytes)?;
    data.flush()
}

/// Prints a value as JSON to standard output.
pub(crate) fn json(value: &impl Serialize) -> Outcome {
    let mut data = DataWriter::new();
    data.json(value)?;
    data.flush()
}

fn write_failure(error: io::Error) -> Failure {
    let status = if error.kind() == ErrorKind::BrokenPipe {
        Status::Done
    } else {
        Status::Failed
    };
    Failure::new(status, error).context("failed to write to standard output")
}

/// Formats a number of bytes as human-readable text, as in `12 MiB`.
pub(crate) fn format_size(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// Formats a count with its noun in the singular or plural, as in `2 blobs`.
pub(crate) fn format_count(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// Returns the first 12 characters of the encoded part of a digest. They are enough to distinguish
/// digests in text output.
pub(crate) fn short_digest(digest: &Digest) -> &str {
    let encoded = digest.encoded_part();
    encoded.get(..12).unwrap_or(encoded)
}
