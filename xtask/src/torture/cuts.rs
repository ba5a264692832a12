//! Power cuts: the server goes on with what was synced, and nothing else, at some moment under load.
//!
//! `kill -9` keeps the page cache and proves nothing about syncs. Here the data folder stands on a loop-mounted
//! ext4 image. The server is stopped dead, the image file is copied (it holds only what the file system was made to
//! write), and the server starts again on the copy.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use super::closing;
use super::disk::Disk;
use super::report::Report;
use super::run::Run;
use crate::load::process::is_stopped;
use crate::servers::Server;

/// A sync that was under way ends first; longer than this it does not take.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Milliseconds of load before a cut, at most: well under the time after which Linux writes back by itself.
const LONGEST: u64 = 1500;

/// Cuts the power `cuts` times and closes the series.
pub(crate) async fn series(
    run: &mut Run,
    report: &mut Report,
    folder: &Path,
    cuts: u32,
) -> Result<()> {
    let mut disk = Disk::format(&folder.join("0"))?;
    let (mut server, _) = run.subject.start(&disk.data()).await?;
    for round in 1..=cuts {
        let load = run.load(&server, round);
        sleep(run.moment(LONGEST)).await;
        load.expect_crash();
        stop(&server).await?;
        let after = disk.copy(&folder.join(round.to_string()))?;
        server.kill()?;
        let faults = load.join().await?;
        disk.remove()?;
        disk = after;
        disk.mount()?;
        let name = format!("cut {round} of {cuts}");
        server = run
            .recover(report, &name, round, &disk.data(), faults)
            .await?;
    }
    closing::series(run, report, "power cut", &disk.data(), server).await?;
    disk.remove()
}

/// Stops every thread of the server; each finishes the system call it is in.
async fn stop(server: &Server) -> Result<()> {
    let begin = Instant::now();
    kill_process(pid(server)?, Signal::STOP)?;
    while !is_stopped(server.pid())? {
        if begin.elapsed() > STOP_LIMIT {
            bail!("the server does not stop");
        }
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

fn pid(server: &Server) -> Result<Pid> {
    match i32::try_from(server.pid()).ok().and_then(Pid::from_raw) {
        Some(pid) => Ok(pid),
        None => bail!("{} is no process id", server.pid()),
    }
}
