//! What a process used: CPU time of it and its children, and memory, from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::param::clock_ticks_per_second;

/// CPU time, user and system, of the process and of its living children (nginx serves from workers).
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let mut total = ticks(pid, 13..15)?;
    for child in children(pid)? {
        total += ticks(child, 13..15)?;
    }
    Ok(to_duration(total))
}

/// CPU time of this process and of the children it has waited for (wrk is one).
pub(crate) fn own_cpu() -> Result<Duration> {
    Ok(to_duration(ticks(std::process::id(), 13..17)?))
}

/// Resident memory now, in bytes.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    status(pid, "VmRSS:")
}

/// The most resident memory so far, in bytes.
pub(crate) fn peak(pid: u32) -> Result<u64> {
    status(pid, "VmHWM:")
}

/// True when every thread of the process stands stopped, so that none is inside a system call.
pub(crate) fn is_stopped(pid: u32) -> Result<bool> {
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = fs::read_to_string(entry?.path().join("stat"))?;
        if fields(&stat)?.first() != Some(&"T") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The processes that this one started and that live.
pub(crate) fn own_children() -> Result<Vec<u32>> {
    children(std::process::id())
}

/// The children of a process's every thread.
fn children(pid: u32) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread that ended meanwhile has no children left.
        let text = fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        for child in text.split_whitespace() {
            children.push(child.parse().context("a child's id")?);
        }
    }
    Ok(children)
}

/// The sum of fields of `/proc/PID/stat`, counted from the process id as 0 (see proc(5)).
fn ticks(pid: u32, range: std::ops::Range<usize>) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = fields(&stat)?;
    let mut sum = 0;
    for index in range {
        sum += fields
            .get(index - 2)
            .context("a short stat line")?
            .parse::<u64>()?;
    }
    Ok(sum)
}

/// The fields after the command's name, which may itself hold spaces and parentheses.
fn fields(stat: &str) -> Result<Vec<&str>> {
    let (_, rest) = stat
        .rsplit_once(')')
        .context("no command in the stat line")?;
    Ok(rest.split_whitespace().collect())
}

fn to_duration(ticks: u64) -> Duration {
    Duration::from_micros(ticks * 1_000_000 / clock_ticks_per_second())
}

fn status(pid: u32, key: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .context("no memory in status")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_process() {
        let pid = std::process::id();
        assert!(peak(pid).unwrap() >= resident(pid).unwrap() / 2);
        assert!(own_cpu().unwrap() < Duration::from_hours(1));
        assert!(!is_stopped(pid).unwrap());
    }

    #[test]
    fn a_command_may_hold_spaces_and_parentheses() {
        assert_eq!(fields("12 (a b) c) S 1").unwrap(), ["S", "1"]);
    }
}
