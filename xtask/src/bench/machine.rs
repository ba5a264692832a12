//! Where it was measured and by which command.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::tools;

/// A paragraph naming processor, memory, system, file system, peers and the command.
pub(crate) fn describe(folder: &Path) -> Result<String> {
    let processor = first("/proc/cpuinfo", "model name")?;
    let cores = std::thread::available_parallelism()?;
    let memory: u64 = first("/proc/meminfo", "MemTotal")?
        .trim_end_matches(" kB")
        .parse()?;
    let system = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let file_system = said(
        Command::new("findmnt")
            .args(["--noheadings", "--output=FSTYPE", "--target"])
            .arg(folder),
    );
    let distribution = said(Command::new(tools::DISTRIBUTION.path()).arg("--version"));
    let nginx = said(Command::new(tools::NGINX.path()).arg("-v"));
    let skopeo = said(Command::new(tools::SKOPEO.path()).arg("--version"));
    let crane = said(Command::new(tools::CRANE.path()).arg("version"));
    let date = said(Command::new("date").args(["--utc", "--iso-8601"]));
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    Ok(format!(
        "Measured on {date}: {cores} cores of {processor}, {} GiB, Linux {}, {file_system}; beside {}; {}; \
         {skopeo}; crane {crane}.\n\
         Command: `cargo xtask {}`.\n",
        memory >> 20,
        system.trim(),
        distribution.rsplit('/').next().unwrap_or_default(),
        nginx.trim_start_matches("nginx version: "),
        arguments.join(" "),
    ))
}

/// The value of the first line with that key in a file of `key: value` lines.
fn first(path: &str, key: &str) -> Result<String> {
    let text = fs::read_to_string(path)?;
    let line = text
        .lines()
        .find(|line| line.starts_with(key))
        .unwrap_or_default();
    Ok(line
        .split_once(':')
        .map_or_else(String::new, |(_, value)| value.trim().to_owned()))
}

/// A program's first line; what cannot be said is left unknown rather than ending a long run.
fn said(command: &mut Command) -> String {
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
