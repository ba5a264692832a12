//! Resources used by a process: CPU time including its children, and memory, from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::param::clock_ticks_per_second;

/// Returns the user and system CPU time of the process and of its living children, because nginx
/// serves from workers.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let mut total = sum_of_ticks(pid, 13..15)?;
    for child in children(pid)? {
        total += sum_of_ticks(child, 13..15)?;
    }
    Ok(to_duration(total))
}

/// Returns the CPU time of this process and of the children that it waited for, such as wrk.
pub fn own_cpu_time() -> Result<Duration> {
    Ok(to_duration(sum_of_ticks(std::process::id(), 13..17)?))
}

/// Returns the current resident memory in bytes.
pub fn resident_memory(pid: u32) -> Result<u64> {
    status_bytes(pid, "VmRSS:")
}

/// Returns the peak resident memory in bytes.
pub fn peak_memory(pid: u32) -> Result<u64> {
    status_bytes(pid, "VmHWM:")
}

/// Returns the bytes that this process and the children that it waited for caused to be written to
/// disks.
pub fn own_written_bytes() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/io").context("failed to read /proc/self/io")?;
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes:"))
        .context("the io file has no such field")?;
    Ok(count.trim().parse()?)
}

/// Returns whether every thread of the process is stopped, so that none is inside a system call.
pub fn is_stopped(pid: u32) -> Result<bool> {
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = fs::read_to_string(entry?.path().join("stat"))?;
        if stat_fields(&stat)?.first() != Some(&"T") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the living child processes of this process.
pub fn own_children() -> Result<Vec<u32>> {
    children(std::process::id())
}

/// Returns the children of all threads of a process.
fn children(pid: u32) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread that has exited in the meantime has no children.
        let text = fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        for child in text.split_whitespace() {
            children.push(child.parse().context("invalid process id of a child")?);
        }
    }
    Ok(children)
}

/// Returns the sum of fields of `/proc/PID/stat`. The process id is field 0; see proc(5).
fn sum_of_ticks(pid: u32, range: std::ops::Range<usize>) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat_fields(&stat)?;
    let mut sum = 0;
    for index in range {
        sum += fields
            .get(index - 2)
            .context("the stat line is too short")?
            .parse::<u64>()?;
    }
    Ok(sum)
}

/// Returns the fields after the command's name, which may contain spaces and parentheses.
fn stat_fields(stat: &str) -> Result<Vec<&str>> {
    let (_, rest) = stat
        .rsplit_once(')')
        .context("the stat line has no command")?;
    Ok(rest.split_whitespace().collect())
}

fn to_duration(ticks: u64) -> Duration {
    Duration::from_micros(ticks * 1_000_000 / clock_ticks_per_second())
}

fn status_bytes(pid: u32, key: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .context("the status file has no such field")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn reads_own_process() {
        let pid = std::process::id();
        assert!(peak_memory(pid).unwrap() >= resident_memory(pid).unwrap() / 2);
        assert!(own_cpu_time().unwrap() < Duration::from_hours(1));
        assert!(!is_stopped(pid).unwrap());
    }

    #[test]
    fn written_bytes_include_children_that_were_waited_for() {
        // The system's temporary folder may be in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let before = own_written_bytes().unwrap();
        let status = Command::new("dd")
            .args(["if=/dev/zero", "bs=64k", "count=4", "status=none"])
            .arg(format!("of={}", folder.path().join("file").display()))
            .status();
        assert!(status.unwrap().success());
        assert!(own_written_bytes().unwrap() - before >= 4 * 65_536);
    }

    #[test]
    fn accepts_commands_with_spaces_and_parentheses() {
        assert_eq!(stat_fields("12 (a b) c) S 1").unwrap(), ["S", "1"]);
    }
}
