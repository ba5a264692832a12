//! Messages on standard error while a command runs.

use std::collections::HashSet;
use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::MultiProgress;
use portolan_registry::Error;

use super::Text;
use crate::failure::Failure;

/// Standard error of a command: prints lines, and coordinates them with progress bars on a
/// terminal.
pub(crate) struct Console {
    quiet: bool,
    bars: Option<MultiProgress>,
    /// Messages about retries that were already printed.
    retries: Mutex<HashSet<String>>,
}

impl Console {
    /// Creates the console. If `quiet` is true, it prints only the lines of
    /// [`Console::print_always`].
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            bars: (!quiet && stderr().is_terminal()).then(MultiProgress::new),
            retries: Mutex::default(),
        }
    }

    /// Returns the group of progress bars, or `None` if no bars are shown, because the console is
    /// quiet or standard error is not a terminal.
    pub(super) fn bars(&self) -> Option<&MultiProgress> {
        self.bars.as_ref()
    }

    /// Prints a line, unless the console is quiet. Ignores write errors, because messages are not
    /// the result of the command.
    pub(crate) fn print(&self, line: impl Display) {
        self.print_text(&Text::default().with_line(line));
    }

    /// Prints lines, unless the console is quiet.
    pub(crate) fn print_text(&self, text: &Text) {
        if !self.quiet {
            self.write(text);
        }
    }

    /// Prints a line even if the console is quiet, for important warnings.
    pub(crate) fn print_always(&self, line: impl Display) {
        self.write(&Text::default().with_line(line));
    }

    /// Prints the error of a part of the command, even if the console is quiet. `prefix` precedes
    /// its message.
    pub(crate) fn print_failure(&self, prefix: &str, failure: &Failure) {
        self.write(&failure.to_text(prefix));
    }

    fn write(&self, text: &Text) {
        let write = || {
            let _ = stderr().write_all(text.as_str().as_bytes());
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

impl Console {
    /// Records a retry message, and returns whether it is new. Many requests may fail for the same
    /// reason, and the reason is printed only once.
    fn is_new_message(&self, message: &str) -> bool {
        self.retries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(message.to_owned())
    }
}

impl portolan_client::Observer for Console {
    fn warning(&self, host: &str, text: &str) {
        // A Portolan registry ends a warning about a finding with the fix.
        match text.rsplit_once("; help: ") {
            Some((text, help)) => self.print_text(
                &Text::default()
                    .with_line(format_args!("warning: {host}: {text}"))
                    .with_line(format_args!("help: {help}")),
            ),
            None => self.print(format_args!("warning: {host}: {text}")),
        }
    }

    fn retry(&self, host: &str, error: &Error, wait: Duration) {
        // Most errors already contain their host, so print the host only if it is missing.
        let error = error.to_string();
        let prefix = if error.contains(host) {
            String::new()
        } else {
            format!("{host}: ")
        };
        let message = format!("{prefix}{error}");
        if self.is_new_message(&message) {
            self.print(format_args!(
                "warning: {message}; retrying in {:.1} s",
                wait.as_secs_f64()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_printed_once() {
        let talk = Console::new(false);
        assert!(talk.is_new_message("a is down") && talk.is_new_message("b is down"));
        assert!(!talk.is_new_message("a is down"));
    }
}
