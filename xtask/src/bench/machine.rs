//! Description of the machine and of the command.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::tools;

/// Returns a paragraph that names processor, memory, system, file system, peers and the command.
pub(crate) fn describe(folder: &Path) -> Result<String> {
    let processor = read_value("/proc/cpuinfo", "model name")?;
    let cores = std::thread::available_parallelism()?;
    let memory: u64 = read_value("/proc/meminfo", "MemTotal")?
        .trim_end_matches(" kB")
        .parse()?;
    let system = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let file_system = first_output_line(
        Command::new("findmnt")
            .args(["--noheadings", "--output=FSTYPE", "--target"])
            .arg(folder),
    );
    let distribution = first_output_line(Command::new(tools::DISTRIBUTION.path()).arg("--version"));
    let nginx = first_output_line(Command::new(tools::NGINX.path()).arg("-v"));
    let skopeo = first_output_line(Command::new(tools::SKOPEO.path()).arg("--version"));
    let crane = first_output_line(Command::new(tools::CRANE.path()).arg("version"));
    let date = first_output_line(Command::new("date").args(["--utc", "--iso-8601"]));
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    Ok(format!(
        "Measured on {date}: {cores} cores of {processor}, {} GiB, Linux {}, {file_system}; \
         compared with {}; {}; \
         {skopeo}; crane {crane}.\n\
         Command: `cargo xtask {}`.\n",
        memory >> 20,
        system.trim(),
        distribution.rsplit('/').next().unwrap_or_default(),
        nginx.trim_start_matches("nginx version: "),
        arguments.join(" "),
    ))
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
