//! What is told to the person at the terminal, or to a log, while a command runs.

use std::collections::HashSet;
use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::MultiProgress;
use portolan_registry::Error;

/// Standard error: lines, and on a terminal also bars.
pub(crate) struct Talk {
    quiet: bool,
    bars: Option<MultiProgress>,
    /// What has been told of hosts that are asked again.
    retries: Mutex<HashSet<String>>,
}

impl Talk {
    /// With `quiet`, nothing is said until something fails.
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            bars: (!quiet && stderr().is_terminal()).then(MultiProgress::new),
            retries: Mutex::default(),
        }
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

impl Talk {
    /// Whether this has not been told of a retry yet: many requests may fail for the same reason.
    fn is_news(&self, told: &str) -> bool {
        self.retries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(told.to_owned())
    }
}

impl portolan_client::Observer for Talk {
    fn warning(&self, host: &str, text: &str) {
        self.say(format_args!("{host} warns: {text}"));
    }

    fn retry(&self, host: &str, error: &Error, wait: Duration) {
        // Most errors say themselves who it is about.
        let error = error.to_string();
        let who = if error.contains(host) {
            String::new()
        } else {
            format!("{host}: ")
        };
        let told = format!("{who}{error}");
        if self.is_news(&told) {
            self.say(format_args!(
                "{told}; trying again in {:.1} s",
                wait.as_secs_f64()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_told_once() {
        let talk = Talk::new(false);
        assert!(talk.is_news("a is away") && talk.is_news("b is away"));
        assert!(!talk.is_news("a is away"));
    }
}
