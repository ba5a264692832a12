//! Power cuts: the server restarts with only what was synced to disk, at a random time under load.
//!
//! `kill -9` preserves the page cache and proves nothing about syncs. Here the data folder is on a
//! loop-mounted ext4 image. The server is stopped with all its threads, the image file is copied
//! (it contains only what the file system was forced to write), and the server is started again on
//! the copy.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use super::closing;
use super::disk::Disk;
use super::report::CheckReport;
use super::series::Series;
use crate::load::process::is_stopped;
use crate::servers::RunningServer;

/// Time limit for stopping. A sync in progress completes first, and does not take longer than this.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Longest load before a cut, in milliseconds. It is well below the time after which Linux writes
/// back on its own.
const LONGEST: u64 = 1500;

/// Cuts the power `cuts` times and completes the series.
pub(crate) async fn run_series(
    run: &mut Series,
    report: &mut CheckReport,
    folder: &Path,
    cuts: u32,
) -> Result<()> {
    let mut disk = Disk::format(&folder.join("0"))?;
    let (mut server, _) = run.subject.start(&disk.data()).await?;
    for round in 1..=cuts {
        let load = run.start_load(&server, round);
        sleep(run.random_delay(LONGEST)).await;
        load.expect_crash();
        stop_threads(&server).await?;
        let after = disk.copy(&folder.join(round.to_string()))?;
        server.kill()?;
        // The clients notice the crash only now: a stopped server keeps its connections open.
        let faults = load.join().await?;
        disk.remove()?;
        disk = after;
        disk.mount()?;
        let name = format!("cut {round} of {cuts}");
        server = run
            .recover(report, &name, round, &disk.data(), faults)
            .await?;
    }
    closing::close_series(run, report, "power cut", &disk.data(), server).await?;
    disk.remove()
}

/// Stops every thread of the server. Each completes its current system call first.
async fn stop_threads(server: &RunningServer) -> Result<()> {
    let begin = Instant::now();
    kill_process(pid(server)?, Signal::STOP)?;
    while !is_stopped(server.pid())? {
        if begin.elapsed() > STOP_LIMIT {
            bail!("the server did not stop within {STOP_LIMIT:?}");
        }
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

fn pid(server: &RunningServer) -> Result<Pid> {
    match i32::try_from(server.pid()).ok().and_then(Pid::from_raw) {
        Some(pid) => Ok(pid),
        None => bail!("{} is not a valid process id", server.pid()),
    }
}
