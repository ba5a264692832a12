//! Repeated `kill -9` while clients push.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::closing;
use super::report::CheckReport;
use super::series::Series;

/// Number of kills after which the following start is killed too.
const KILLS_PER_START_KILL: u32 = 8;

/// Longest load before a kill, in milliseconds.
const LONGEST: u64 = 1000;

/// Kills the server `kills` times and completes the series.
pub(crate) async fn run_series(
    run: &mut Series,
    report: &mut CheckReport,
    data: &Path,
    kills: u32,
) -> Result<()> {
    let (mut server, _) = run.subject.start(data).await?;
    for round in 1..=kills {
        let load = run.start_load(&server, round);
        sleep(run.random_delay(LONGEST)).await;
        load.expect_crash();
        server.kill()?;
        let faults = load.join().await?;
        if round % KILLS_PER_START_KILL == 0 {
            kill_during_start(run, data).await?;
        }
        let name = format!("kill {round} of {kills}");
        server = run.recover(report, &name, round, data, faults).await?;
    }
    closing::close_series(run, report, "kill -9", data, server).await
}

/// Kills the server while it starts. An interrupted recovery must be as harmless as a crash at any
/// other time.
async fn kill_during_start(run: &mut Series, data: &Path) -> Result<()> {
    let mut starting = run.subject.spawn(data)?;
    sleep(Duration::from_millis(run.random.range(0, 30))).await;
    starting.kill()?;
    starting.wait()?;
    Ok(())
}
