//! `kill -9` again and again while clients push.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::closing;
use super::report::Report;
use super::run::Run;

/// Every so many kills, another one strikes the start that follows.
const DOUBLE_STRIKE: u32 = 8;

/// Milliseconds of load before a kill, at most.
const LONGEST: u64 = 1000;

/// Kills the server `kills` times and closes the series.
pub(crate) async fn series(
    run: &mut Run,
    report: &mut Report,
    data: &Path,
    kills: u32,
) -> Result<()> {
    let (mut server, _) = run.subject.start(data).await?;
    for round in 1..=kills {
        let load = run.load(&server, round);
        sleep(run.moment(LONGEST)).await;
        load.expect_crash();
        server.kill()?;
        let faults = load.join().await?;
        if round % DOUBLE_STRIKE == 0 {
            strike_the_start(run, data).await?;
        }
        let name = format!("kill {round} of {kills}");
        server = run.recover(report, &name, round, data, faults).await?;
    }
    closing::series(run, report, "kill -9", data, server).await
}

/// A recovery that is cut short must be as harmless as any other moment.
async fn strike_the_start(run: &mut Run, data: &Path) -> Result<()> {
    let mut starting = run.subject.spawn(data)?;
    sleep(Duration::from_millis(run.random.between(0, 30))).await;
    starting.kill()?;
    starting.wait()?;
    Ok(())
}
