//! wrk as the source of many small requests.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use xtask::tools;

/// Number of connections of the reading workloads.
pub(crate) const CONNECTIONS: u64 = 64;
const THREADS: u64 = 2;

/// Requests `target` for the duration `reading` over 64 connections, and returns the number of
/// responses.
pub(crate) fn count_requests(address: SocketAddr, target: &str, reading: Duration) -> Result<u64> {
    let mut command = command(CONNECTIONS, reading);
    run(command.arg(format!("http://{address}{target}")))
}

/// Requests the targets of a script over some connections, and returns the number of responses.
pub(crate) fn count_scripted(
    address: SocketAddr,
    script: &Path,
    connections: u64,
    reading: Duration,
) -> Result<u64> {
    let mut command = command(connections, reading);
    command.arg("--script").arg(script);
    run(command.arg(format!("http://{address}")))
}

/// Returns a script with which each thread requests the targets in turn.
pub(crate) fn cycle_script(targets: &[String]) -> String {
    format!(
        "local targets = {{ \"{}\" }}\n\
         local last = 0\n\
         request = function()\n\
         \x20 last = last % #targets + 1\n\
         \x20 return wrk.format(\"GET\", targets[last])\n\
         end\n",
        targets.join("\", \"")
    )
}

/// Returns a script that requests a target with random numbers below `count` in the place of `%07d`.
/// The threads have different numbers, so that none repeats what another has just requested.
pub(crate) fn random_script(target: &str, count: u64) -> String {
    format!(
        "local threads = 0\n\
         setup = function(thread)\n\
         \x20 threads = threads + 1\n\
         \x20 thread:set(\"seed\", threads)\n\
         end\n\
         init = function() math.randomseed(seed) end\n\
         request = function()\n\
         \x20 return wrk.format(\"GET\", string.format(\"{target}\", math.random(0, {count} - 1)))\n\
         end\n"
    )
}

fn command(connections: u64, reading: Duration) -> Command {
    let mut command = Command::new(tools::WRK.path());
    command
        .args(["--timeout", "30s"])
        .arg(format!("--threads={}", THREADS.min(connections)))
        .arg(format!("--connections={connections}"))
        .arg(format!("--duration={}s", reading.as_secs()))
        .args([
            "--header",
            "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json",
        ]);
    command
}

fn run(command: &mut Command) -> Result<u64> {
    let output = command.output().context("failed to start wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("wrk: {}{text}", String::from_utf8_lossy(&output.stderr));
    }
    parse(&text).with_context(|| format!("{command:?}: {text}"))
}

/// Parses the number of requests from `  12345 requests in 5.00s, 1.23MB read`. Responses other
/// than 2xx and broken connections are errors.
fn parse(text: &str) -> Result<u64> {
    let fault = text
        .lines()
        .find(|line| line.contains("Non-2xx") || line.contains("Socket errors"));
    if let Some(fault) = fault {
        bail!("{}", fault.trim());
    }
    let line = text
        .lines()
        .find(|line| line.contains(" requests in "))
        .context("wrk printed no number of requests")?;
    let count = line
        .split_whitespace()
        .next()
        .context("wrk printed no number of requests")?
        .parse()?;
    if count == 0 {
        bail!("no request received a response");
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str = "  16398 requests in 1.10s, 366.81MB read\nRequests/sec:  14903.75\n";

    #[test]
    fn counts_requests() {
        assert_eq!(parse(SUMMARY).unwrap(), 16398);
    }

    #[test]
    fn fails_on_error_responses_and_broken_connections() {
        assert!(parse(&format!("{SUMMARY}  Non-2xx or 3xx responses: 16398\n")).is_err());
        assert!(
            parse(&format!(
                "{SUMMARY}  Socket errors: connect 0, read 3, write 0, timeout 0\n"
            ))
            .is_err()
        );
        assert!(parse("  0 requests in 1.10s, 0.00B read\n").is_err());
        assert!(parse("").is_err());
    }
    #[test]
    fn scripts_contain_their_targets() {
        let cycle = cycle_script(&["/a".to_owned(), "/b".to_owned()]);
        assert!(
            cycle.starts_with("local targets = { \"/a\", \"/b\" }\n"),
            "{cycle}"
        );
        let random = random_script("/v2/r%07d", 10);
        assert!(
            random.contains("string.format(\"/v2/r%07d\", math.random(0, 10 - 1))"),
            "{random}"
        );
    }
}
