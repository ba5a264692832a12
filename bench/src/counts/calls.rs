//! System calls of a traced program, as strace counts them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use xtask::tools;

/// Counted calls: the title of the column and the names of the calls.
pub(super) const CALLS: [(&str, &[&str]); 6] = [
    ("openat", &["openat"]),
    ("fsync, fdatasync", &["fsync", "fdatasync"]),
    ("rename", &["rename", "renameat", "renameat2"]),
    ("unlink", &["unlink", "unlinkat"]),
    ("pwrite64", &["pwrite64"]),
    ("pread64", &["pread64"]),
];

/// Column of `pwrite64`.
pub(super) const PWRITE: usize = 4;

/// Time for strace to write its summary after the program has exited.
const SUMMARY_LIMIT: Duration = Duration::from_secs(10);

/// Returns the command to which the program to trace is added. The program runs in the process of the
/// command, and strace beside it. Other calls do not stop the program, so that it works almost as fast
/// as otherwise and shares syncs as often.
pub(super) fn strace(summary: &Path) -> Command {
    let names = CALLS.iter().flat_map(|(_, names)| *names).copied();
    let names: Vec<_> = names.collect();
    let mut command = Command::new(tools::STRACE.path());
    command
        .args(["--daemonize", "--follow-forks", "--seccomp-bpf"])
        .args(["--summary-only", "--summary-columns=calls,name"])
        .arg(format!("--trace={}", names.join(",")))
        .arg(format!("--output={}", summary.display()));
    command
}

/// Reads the counts of each column after the program has exited.
pub(super) fn read(summary: &Path) -> Result<[u64; CALLS.len()]> {
    let begin = Instant::now();
    loop {
        let text = fs::read_to_string(summary)?;
        if text.trim_end().ends_with(" total") {
            return add_up(&text);
        }
        if begin.elapsed() > SUMMARY_LIMIT {
            bail!("strace wrote no summary, but {text:?}");
        }
        sleep(Duration::from_millis(10));
    }
}

/// Adds up the calls of each column. The lines of strace contain a number and a name.
fn add_up(summary: &str) -> Result<[u64; CALLS.len()]> {
    let mut counts = [0; CALLS.len()];
    for line in summary.lines() {
        let mut words = line.split_whitespace();
        let (Some(count), Some(name)) = (words.next(), words.next()) else {
            continue;
        };
        if let Some(column) = CALLS.iter().position(|(_, names)| names.contains(&name)) {
            counts[column] += count
                .parse::<u64>()
                .with_context(|| format!("unexpected line of strace: {line}"))?;
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str = "    calls syscall\n--------- ----------------\n       30 openat\n        \
        4 fsync\n        6 fdatasync\n        1 renameat2\n       12 pwrite64\n--------- \
        ----------------\n       53 total\n";

    #[test]
    fn adds_up_related_calls() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("summary");
        fs::write(&file, SUMMARY).unwrap();
        let counts = read(&file).unwrap();
        assert_eq!(counts, [30, 10, 1, 0, 12, 0]);
        assert_eq!(counts[PWRITE], 12);
        assert!(add_up("x openat\n").is_err());
    }
}
