//! What is printed: data on standard output, talk on standard error.

mod progress;
mod table;
mod talk;

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, Stdout, Write};

use indicatif::HumanBytes;
use portolan_model::Digest;
use serde::Serialize;

use crate::failure::{Failure, Outcome, Status};

pub(crate) use progress::Progress;
pub(crate) use table::Table;
pub(crate) use talk::Talk;

/// Standard output. Whoever reads it may go away in the middle, as `head` does: the failure that
/// this answers then has the status of success.
pub(crate) struct Data(BufWriter<Stdout>);

impl Data {
    pub(crate) fn new() -> Self {
        Self(BufWriter::new(io::stdout()))
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Outcome {
        self.0.write_all(bytes).map_err(unwritten)
    }

    pub(crate) fn line(&mut self, text: impl Display) -> Outcome {
        writeln!(self.0, "{text}").map_err(unwritten)
    }

    /// Hands everything on, as before a long wait and at the end.
    pub(crate) fn flush(&mut self) -> Outcome {
        self.0.flush().map_err(unwritten)
    }
}

/// Prints one line.
pub(crate) fn line(text: impl Display) -> Outcome {
    let mut data = Data::new();
    data.line(text)?;
    data.flush()
}

/// Prints text as it is.
pub(crate) fn text(text: &str) -> Outcome {
    bytes(text.as_bytes())
}

/// Prints bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Outcome {
    let mut data = Data::new();
    data.bytes(bytes)?;
    data.flush()
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Outcome {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::new(Status::Failed, error))?;
    line(text)
}

fn unwritten(error: io::Error) -> Failure {
    let status = if error.kind() == ErrorKind::BrokenPipe {
        Status::Done
    } else {
        Status::Failed
    };
    Failure::new(status, error).about("writing to standard output")
}

/// A number of bytes as people read it.
pub(crate) fn size(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// A number of things, one or many.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// As much of a digest as tells it from others on a screen.
pub(crate) fn short(digest: &Digest) -> &str {
    let encoded = digest.encoded();
    encoded.get(..12).unwrap_or(encoded)
}
