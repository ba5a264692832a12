//! wrk as the source of many small requests.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use xtask::tools;

/// Requests `target` for the duration `reading` over 64 connections, and returns the number of
/// responses.
pub(crate) fn count_requests(address: SocketAddr, target: &str, reading: Duration) -> Result<u64> {
    let output = Command::new(tools::WRK.path())
        .args([
            "--threads",
            "2",
            "--connections",
            "64",
            "--timeout",
            "30s",
            "--duration",
        ])
        .arg(format!("{}s", reading.as_secs()))
        .args([
            "--header",
            "Accept: application/vnd.oci.image.manifest.v1+json",
        ])
        .arg(format!("http://{address}{target}"))
        .output()
        .context("failed to start wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("wrk: {}{text}", String::from_utf8_lossy(&output.stderr));
    }
    parse(&text).with_context(|| format!("{target}: {text}"))
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
    use super::parse;

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
}
