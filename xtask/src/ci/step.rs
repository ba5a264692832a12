//! Step of `cargo xtask ci`: a command whose output is printed while it runs and kept until the end.

use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::servers::workspace;

/// Number of lines that are printed again if the step fails.
const LAST_LINES: usize = 60;

/// Time to wait for the end of the output after the command has ended. A process that the command
/// left running can hold the output open.
const OUTPUT_GRACE: Duration = Duration::from_secs(5);

/// Outcome of one step.
pub(super) struct Step {
    name: String,
    took: Duration,
    passed: bool,
    lines: Vec<String>,
}

/// Runs a step to its end.
pub(super) fn run(name: &str, command: &mut Command) -> Step {
    println!("=== {name}: {command:?}");
    let begin = Instant::now();
    let mut lines = Vec::new();
    let passed = print_and_keep(command.current_dir(workspace()), &mut lines)
        .inspect_err(|error| println!("{error}"))
        .unwrap_or_default();
    let step = Step {
        name: name.to_owned(),
        took: begin.elapsed(),
        passed,
        lines,
    };
    println!("=== {}", step.summary());
    step
}

/// Prints and keeps both outputs of a command in the order of their lines. Returns whether the
/// command succeeded.
fn print_and_keep(command: &mut Command, lines: &mut Vec<String>) -> io::Result<bool> {
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn();
    // The command keeps its ends of the pipe until they are replaced.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = child?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            println!("{line}");
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let status = child.wait()?;
    while let Ok(line) = receiver.recv_timeout(OUTPUT_GRACE) {
        lines.push(line);
    }
    Ok(status.success())
}

impl Step {
    /// Fails the step unless a line of its output starts with this text. Cargo succeeds even if the
    /// name of a test matches none.
    pub(super) fn expect_line(mut self, start: &str) -> Self {
        self.passed &= self.lines.iter().any(|line| line.starts_with(start));
        self
    }

    pub(super) fn has_passed(&self) -> bool {
        self.passed
    }

    /// Returns one line: name, time and outcome.
    pub(super) fn summary(&self) -> String {
        format!(
            "{:<28} {:>7.1} s  {}",
            self.name,
            self.took.as_secs_f64(),
            if self.passed { "passed" } else { "FAILED" }
        )
    }

    /// Prints the last lines of the output again.
    pub(super) fn print_last_lines(&self) {
        println!("=== {}: last lines", self.name);
        for line in &self.lines[self.lines.len().saturating_sub(LAST_LINES)..] {
            println!("{line}");
        }
    }
}
