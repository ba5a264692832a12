//! Log that cannot be written: requests are answered all the same, and the server stops when asked.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::scene::Scene;
use super::caller::Caller;

/// Number of requests. A pipe that nobody reads holds the log lines of about 320.
const REQUESTS: u32 = 600;

/// Time limit for the requests, and for the stop.
const LIMIT: Duration = Duration::from_secs(15);

/// Writes the log to a full disk.
pub(super) fn full_disk(scene: &Scene) -> Result<()> {
    check(scene, "log-disk-full", "", "2>/dev/full")
}

/// Writes the log to a pipe that nobody reads.
pub(super) fn unread_pipe(scene: &Scene) -> Result<()> {
    let data = scene.data("log-pipe-unread");
    let pipe = data.with_extension("pipe").display().to_string();
    // Opened for reading too, so that the shell does not wait for a reader.
    let setup = format!("mkfifo '{pipe}'; ");
    check(scene, "log-pipe-unread", &setup, &format!("2<>'{pipe}'"))
}

/// Closes the standard error of the server.
pub(super) fn closed(scene: &Scene) -> Result<()> {
    check(scene, "log-closed", "", "2>&-")
}

fn check(scene: &Scene, name: &str, setup: &str, redirections: &str) -> Result<()> {
    let mut server = scene.start_in_shell(name, setup, redirections)?;
    let caller = Caller::new(scene, server.address());
    let begin = Instant::now();
    for number in 0..REQUESTS {
        let status = caller
            .status("/v2/absent/manifests/tag")
            .with_context(|| format!("request {number} of {REQUESTS}"))?;
        ensure!(status == 404, "request {number}: {status}");
    }
    server.stop()?;
    let elapsed = begin.elapsed();
    ensure!(
        elapsed < LIMIT,
        "{REQUESTS} requests and the stop took {elapsed:.1?}, limit {LIMIT:?}"
    );
    Ok(())
}
