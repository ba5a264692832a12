//! Description of the machine, the measured programs and the command.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde::Serialize;
use xtask::tools;

use super::zot;

/// Machine and programs of one run.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    date: String,
    processor: String,
    cores: usize,
    memory_bytes: u64,
    kernel: String,
    file_system: String,
    /// Versions by name of the program.
    programs: BTreeMap<&'static str, String>,
    command: String,
}

/// Describes the machine, with the file system of `folder`.
pub(crate) fn describe(folder: &Path) -> Result<Machine> {
    let memory: u64 = read_value("/proc/meminfo", "MemTotal")?
        .trim_end_matches(" kB")
        .parse()?;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    Ok(Machine {
        date: first_output_line(Command::new("date").args(["--utc", "--iso-8601"])),
        processor: read_value("/proc/cpuinfo", "model name")?,
        cores: std::thread::available_parallelism()?.get(),
        memory_bytes: memory << 10,
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
            .trim()
            .to_owned(),
        file_system: first_output_line(
            Command::new("findmnt")
                .args(["--noheadings", "--output=FSTYPE", "--target"])
                .arg(folder),
        ),
        programs: program_versions(),
        command: format!("cargo xtask bench {}", arguments.join(" ")),
    })
}

impl Display for Machine {
    fn fmt(&self, text: &mut Formatter<'_>) -> fmt::Result {
        let programs: Vec<_> = self
            .programs
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        writeln!(
            text,
            "Measured on {}: {} cores of {}, {} GiB, Linux {}, {}; compared with {}.\n\
             Command: `{}`.",
            self.date,
            self.cores,
            self.processor,
            self.memory_bytes >> 30,
            self.kernel,
            self.file_system,
            programs.join(", "),
            self.command.trim_end(),
        )
    }
}

fn program_versions() -> BTreeMap<&'static str, String> {
    let version = |program: &Path, argument| {
        let line = first_output_line(Command::new(program).arg(argument));
        // The number is the last word, after the name of the program.
        line.rsplit([' ', '/'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let mut programs = BTreeMap::from([
        (
            "distribution 2",
            version(&tools::DISTRIBUTION.path(), "--version"),
        ),
        (
            "distribution 3",
            tools::DISTRIBUTION_3
                .version()
                .unwrap_or_default()
                .to_owned(),
        ),
        ("nginx", version(&tools::NGINX.path(), "-v")),
        ("skopeo", version(&tools::SKOPEO.path(), "--version")),
        ("crane", version(&tools::CRANE.path(), "version")),
    ]);
    if let Some(program) = zot::program() {
        programs.insert("zot", version(&program, "--version"));
    }
    programs
}

/// Returns the value of the first line with `key` in a file of `key: value` lines.
fn read_value(path: &str, key: &str) -> Result<String> {
    let text = fs::read_to_string(path)?;
    let line = text
        .lines()
        .find(|line| line.starts_with(key))
        .unwrap_or_default();
    Ok(line
        .split_once(':')
        .map_or_else(String::new, |(_, value)| value.trim().to_owned()))
}

/// Returns the first line that a program prints. A failure yields `unknown` rather than ending a
/// long run.
fn first_output_line(command: &mut Command) -> String {
    let Ok(output) = command.output() else {
        return "unknown".to_owned();
    };
    let text = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    String::from_utf8_lossy(&text)
        .lines()
        .next()
        .unwrap_or("unknown")
        .to_owned()
}
