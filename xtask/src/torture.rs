//! `cargo xtask torture`: `kill -9` and power cuts under load. Content that was acknowledged with
//! 201 must be stored afterwards. With `--hostile`: attacks by clients, and broken surroundings.

mod closing;
mod cuts;
mod disk;
mod files;
mod hostile;
mod kills;
mod ledger;
mod load;
mod namespace;
mod proof;
mod pusher;
mod report;
mod series;
mod subject;
mod tags;
mod verify;

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::release;
use crate::servers::{build_portolan, target_folder};
use crate::tools::{self, require};
use report::CheckReport;
use series::Series;
use subject::TestedServer;

/// Command line arguments of `cargo xtask torture`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Number of times to end the server with kill -9
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// Number of times to cut the power of the server's file system
    #[arg(long, default_value_t = 20)]
    cuts: u32,
    /// Seed for images, upload methods and times of crashes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Server under test; the peer shows which faults other servers have
    #[arg(long, value_enum, default_value_t = TestedServer::Portolan)]
    server: TestedServer,
    #[command(flatten)]
    hostile: hostile::HostileArguments,
}

/// Runs both series and fails if a check failed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if cfg!(debug_assertions) && !arguments.hostile.has_binary() {
        return release::replace_process("xtask", env::args_os().skip(1));
    }
    if arguments.hostile.is_chosen() {
        return hostile::run(&arguments.hostile, arguments.seed);
    }
    if arguments.cuts > 0 {
        require(&[tools::MKFS, tools::MOUNT, tools::UNSHARE])?;
        namespace::enter()?;
    }
    match arguments.server {
        TestedServer::Portolan => build_portolan()?,
        TestedServer::Distribution => require(&[tools::DISTRIBUTION])?,
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut report = CheckReport::default();
    if let Err(error) = runtime.block_on(run_until_signal(arguments, &mut report)) {
        report.check("series", "aborted", &[format!("{error:#}")]);
    }
    report.print_total();
    if report.failed_checks() > 0 {
        bail!("{} checks failed", report.failed_checks());
    }
    Ok(())
}

/// Runs the series until Ctrl-C or SIGTERM. Dropping the series stops its servers and unmounts its
/// disks.
async fn run_until_signal(arguments: &Arguments, report: &mut CheckReport) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = run_series(arguments, report) => ended,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

async fn run_series(arguments: &Arguments, report: &mut CheckReport) -> Result<()> {
    let target = target_folder();
    fs::create_dir_all(&target)?;
    let folder = tempfile::Builder::new()
        .prefix("torture")
        .tempdir_in(&target)?;
    let ended = run_both(arguments, report, folder.path()).await;
    if ended.is_err() || report.failed_checks() > 0 {
        keep_folder(folder, &target.join("torture-kept"))?;
    }
    ended
}

/// Keeps the server's files and replaces those of an earlier run.
fn keep_folder(folder: TempDir, place: &Path) -> Result<()> {
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fs::rename(folder.keep(), place)?;
    CheckReport::print_remark(&format!(
        "files of the server are kept in {}",
        place.display()
    ));
    Ok(())
}

async fn run_both(arguments: &Arguments, report: &mut CheckReport, folder: &Path) -> Result<()> {
    if arguments.kills > 0 {
        let mut run = Series::new(arguments.server, arguments.seed);
        kills::run_series(&mut run, report, &folder.join("kills"), arguments.kills).await?;
    }
    if arguments.cuts > 0 {
        let mut run = Series::new(arguments.server, arguments.seed ^ 0xC07);
        cuts::run_series(&mut run, report, &folder.join("cuts"), arguments.cuts).await?;
    }
    Ok(())
}
