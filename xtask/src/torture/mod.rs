//! `cargo xtask torture`: `kill -9` and power cuts under a pushing load; what was answered 201 must be there afterwards.

mod closing;
mod cuts;
mod disk;
mod files;
mod kills;
mod ledger;
mod load;
mod namespace;
mod proof;
mod pusher;
mod report;
mod run;
mod subject;
mod tags;
mod verify;

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::load::optimised;
use crate::servers::{build_portolan, target_folder};
use crate::tools::{self, require};
use report::Report;
use run::Run;
use subject::Subject;

/// How often, and against what.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often the server is ended by `kill -9`.
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// How often the power is cut, as far as the server's file system can tell.
    #[arg(long, default_value_t = 20)]
    cuts: u32,
    /// Decides images, ways of pushing and moments of death.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The server under test; the peer is there to show what the test finds elsewhere.
    #[arg(long, value_enum, default_value_t = Subject::Portolan)]
    server: Subject,
}

/// Runs both series and fails if any check did.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    optimised::enter()?;
    if arguments.cuts > 0 {
        require(&[tools::MKFS, tools::MOUNT, tools::UNSHARE])?;
        namespace::enter()?;
    }
    match arguments.server {
        Subject::Portolan => build_portolan()?,
        Subject::Distribution => require(&[tools::DISTRIBUTION])?,
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut report = Report::default();
    if let Err(error) = runtime.block_on(interruptible(arguments, &mut report)) {
        report.check("the series", "broken off", &[format!("{error:#}")]);
    }
    report.close();
    if report.failed() > 0 {
        bail!("torture: {} checks failed", report.failed());
    }
    Ok(())
}

/// Ctrl-C and SIGTERM drop the series, and with them its servers and mounts.
async fn interruptible(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = series(arguments, report) => ended,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

async fn series(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let target = target_folder();
    fs::create_dir_all(&target)?;
    let folder = tempfile::Builder::new()
        .prefix("torture")
        .tempdir_in(&target)?;
    let ended = both(arguments, report, folder.path()).await;
    if ended.is_err() || report.failed() > 0 {
        keep(folder, &target.join("torture-kept"))?;
    }
    ended
}

/// Keeps what the server left, in place of what an earlier run kept.
fn keep(folder: TempDir, place: &Path) -> Result<()> {
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fs::rename(folder.keep(), place)?;
    Report::remark(&format!(
        "what the server left is kept in {}",
        place.display()
    ));
    Ok(())
}

async fn both(arguments: &Arguments, report: &mut Report, folder: &Path) -> Result<()> {
    if arguments.kills > 0 {
        let mut run = Run::new(arguments.server, arguments.seed);
        kills::series(&mut run, report, &folder.join("kills"), arguments.kills).await?;
    }
    if arguments.cuts > 0 {
        let mut run = Run::new(arguments.server, arguments.seed ^ 0xC07);
        cuts::series(&mut run, report, &folder.join("cuts"), arguments.cuts).await?;
    }
    Ok(())
}
