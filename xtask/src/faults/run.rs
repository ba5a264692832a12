//! Run of a program: its output, and checks of it.

use std::process::Command;

use anyhow::{Context, Result, bail};

/// Completed run of a program.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Command line, for error messages.
    command: String,
    /// Exit status, or -1 if a signal ended the program.
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Runs a command to its end.
    pub(crate) fn new(command: &mut Command) -> Result<Self> {
        let arguments: Vec<_> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
        let output = command
            .output()
            .with_context(|| format!("failed to start {}", arguments[0]))?;
        Ok(Self {
            command: arguments.join(" "),
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Checks the exit status.
    pub(crate) fn expect_status(&self, status: i32) -> Result<&Self> {
        self.expect(self.status == status, &format!("exit status {status}"))
    }

    /// Checks that standard output contains a text.
    pub(crate) fn expect_stdout(&self, text: &str) -> Result<&Self> {
        self.expect(self.stdout.contains(text), &format!("{text:?} in stdout"))
    }

    /// Checks that standard error contains a text.
    pub(crate) fn expect_stderr(&self, text: &str) -> Result<&Self> {
        self.expect(self.stderr.contains(text), &format!("{text:?} in stderr"))
    }

    /// Checks that neither output contains a text.
    pub(crate) fn expect_no(&self, text: &str) -> Result<&Self> {
        let is_absent = !self.stdout.contains(text) && !self.stderr.contains(text);
        self.expect(is_absent, &format!("no {text:?}"))
    }

    /// Checks a condition on this run, which `expectation` describes.
    pub(crate) fn expect(&self, condition: bool, expectation: &str) -> Result<&Self> {
        if condition {
            return Ok(self);
        }
        bail!(
            "expected {expectation}\n$ {}\nexit status {}\n{}{}",
            self.command,
            self.status,
            self.stdout,
            self.stderr
        )
    }
}
