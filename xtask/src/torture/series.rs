//! State of a series: its server, its ledger, and the checks after the restart that follows each
//! crash.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::ledger::Ledger;
use super::load::Load;
use super::report::CheckReport;
use super::subject::TestedServer;
use super::verify::verify;
use crate::load::Random;
use crate::servers::RunningServer;

/// Promised limit for every restart.
const RESTART_LIMIT: Duration = Duration::from_secs(1);

/// State of a series.
pub(crate) struct Series {
    pub(crate) subject: TestedServer,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) random: Random,
    pub(crate) tally: Tally,
}

/// Totals of a series.
#[derive(Default)]
pub(crate) struct Tally {
    rounds: u32,
    passed: u32,
    lost: usize,
    slowest: Duration,
}

impl Series {
    pub(crate) fn new(subject: TestedServer, seed: u64) -> Self {
        let ledger = Arc::default();
        Self {
            subject,
            ledger,
            random: Random::new(seed, 0),
            tally: Tally::default(),
        }
    }

    /// Starts the load of a round on `server`.
    pub(crate) fn start_load(&mut self, server: &RunningServer, round: u32) -> Load {
        Load::begin(&self.ledger, server.address(), round, &mut self.random)
    }

    /// Returns a random time between the start of a round's load and the crash.
    pub(crate) fn random_delay(&mut self, longest: u64) -> Duration {
        Duration::from_millis(self.random.range(100, longest))
    }

    /// Restarts the server on the data left by the crash, checks this round and the one before it,
    /// and reports.
    pub(crate) async fn recover(
        &mut self,
        report: &mut CheckReport,
        name: &str,
        round: u32,
        data: &Path,
        mut faults: Vec<String>,
    ) -> Result<RunningServer> {
        let (server, restart) = self
            .subject
            .start(data)
            .await
            .with_context(|| name.to_owned())?;
        if restart > RESTART_LIMIT {
            faults.push(format!(
                "restart took {restart:.2?}, more than {RESTART_LIMIT:?}"
            ));
        }
        let since = round.saturating_sub(1);
        let verdict = verify(server.address(), &self.ledger, since).await?;
        self.tally.rounds += 1;
        self.tally.lost += verdict.faults.len();
        self.tally.slowest = self.tally.slowest.max(restart);
        faults.extend(verdict.faults);
        self.tally.passed += u32::from(faults.is_empty());
        let (contents, tags) = (verdict.contents, verdict.tags);
        let remark =
            format!("checked {contents} contents and {tags} tags, restart took {restart:.3?}");
        report.check(name, &remark, &faults);
        Ok(server)
    }

    /// Returns the totals of the series in one line.
    pub(crate) fn summary(&self, name: &str) -> String {
        let entries = self.ledger.entries();
        let answered = entries
            .contents
            .values()
            .filter(|fate| fate.acknowledged)
            .count();
        let Tally {
            rounds,
            passed: held,
            lost,
            slowest,
        } = &self.tally;
        format!(
            "{name}: {held} of {rounds} rounds passed; {} pushes acknowledged ({answered} \
             contents stored), \
             {lost} faults in stored content; {} uploads abandoned; slowest restart {slowest:.3?}",
            entries.pushes, entries.abandoned
        )
    }
}
