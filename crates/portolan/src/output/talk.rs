//! What is told to the person at the terminal, or to a log, while a command runs.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use indicatif::MultiProgress;
use portolan_registry::Error;

/// Standard error: lines, and on a terminal also bars.
pub(crate) struct Talk {
    quiet: bool,
    bars: Option<MultiProgress>,
}

impl Talk {
    /// With `quiet`, nothing is said until something fails.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, bars: (!quiet && stderr().is_terminal()).then(MultiProgress::new) }
    }

    /// Where bars can be drawn, if anywhere.
    pub(super) fn bars(&self) -> Option<&MultiProgress> {
        self.bars.as_ref()
    }

    /// Says a line. Whether anybody listens makes no difference to the command.
    pub(crate) fn say(&self, line: impl Display) {
        if !self.quiet {
            self.insist(line);
        }
    }

    /// Says a line even to those who asked for quiet: what failed.
    pub(crate) fn insist(&self, line: impl Display) {
        let write = || {
            let _ = writeln!(stderr(), "{line}");
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

impl portolan_client::Observer for Talk {
    fn warning(&self, host: &str, text: &str) {
        self.say(format_args!("{host} warns: {text}"));
    }

    fn retry(&self, host: &str, error: &Error, wait: Duration) {
        // Most errors say themselves who it is about.
        let error = error.to_string();
        let who = if error.contains(host) { String::new() } else { format!("{host}: ") };
        self.say(format_args!("{who}{error}; trying again in {:.1} s", wait.as_secs_f64()));
    }
}
