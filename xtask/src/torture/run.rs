//! One series in the making: its subject, its ledger, and what a restart after each crash must show.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::ledger::Ledger;
use super::load::Load;
use super::report::Report;
use super::subject::Subject;
use super::verify::verify;
use crate::load::Random;
use crate::servers::Server;

/// The promise for every restart.
const RESTART_LIMIT: Duration = Duration::from_secs(1);

/// The state of a series.
pub(crate) struct Run {
    pub(crate) subject: Subject,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) random: Random,
    pub(crate) tally: Tally,
}

/// What a series comes to.
#[derive(Default)]
pub(crate) struct Tally {
    rounds: u32,
    held: u32,
    lost: usize,
    slowest: Duration,
}

impl Run {
    pub(crate) fn new(subject: Subject, seed: u64) -> Self {
        let ledger = Arc::default();
        Self {
            subject,
            ledger,
            random: Random::new(seed, 0),
            tally: Tally::default(),
        }
    }

    /// Starts a round's load on `server`.
    pub(crate) fn load(&mut self, server: &Server, round: u32) -> Load {
        Load::begin(&self.ledger, server.address(), round, &mut self.random)
    }

    /// A moment at which to strike, after a round's load has begun.
    pub(crate) fn moment(&mut self, longest: u64) -> Duration {
        Duration::from_millis(self.random.between(100, longest))
    }

    /// Starts again on what the crash left, checks this round and the one before it, and reports.
    pub(crate) async fn recover(
        &mut self,
        report: &mut Report,
        name: &str,
        round: u32,
        data: &Path,
        mut faults: Vec<String>,
    ) -> Result<Server> {
        let (server, restart) = self
            .subject
            .start(data)
            .await
            .with_context(|| name.to_owned())?;
        if restart > RESTART_LIMIT {
            faults.push(format!(
                "started again after {restart:.2?}, over {RESTART_LIMIT:?}"
            ));
        }
        let since = round.saturating_sub(1);
        let verdict = verify(server.address(), &self.ledger, since).await?;
        self.tally.rounds += 1;
        self.tally.lost += verdict.faults.len();
        self.tally.slowest = self.tally.slowest.max(restart);
        faults.extend(verdict.faults);
        self.tally.held += u32::from(faults.is_empty());
        let (contents, tags) = (verdict.contents, verdict.tags);
        let remark =
            format!("{contents} contents and {tags} tags looked at, restart {restart:.3?}");
        report.check(name, &remark, &faults);
        Ok(server)
    }

    /// The series in one line of figures.
    pub(crate) fn summary(&self, name: &str) -> String {
        let entries = self.ledger.entries();
        let answered = entries
            .contents
            .values()
            .filter(|fate| fate.acknowledged)
            .count();
        let Tally {
            rounds,
            held,
            lost,
            slowest,
        } = &self.tally;
        format!(
            "{name}: {held} of {rounds} rounds held; {} pushes answered 201 ({answered} contents stand), \
             {lost} faults in what was stored; {} uploads left behind; slowest restart {slowest:.3?}",
            entries.pushes, entries.abandoned
        )
    }
}
