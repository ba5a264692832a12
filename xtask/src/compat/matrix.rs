//! The table beside the truth: each cell is one kind, one peer and one thing that it is asked to do.

use anyhow::{Context, Result};
use portolan_model::compat::{Fact, Judgement, Observed, Operation, Outcome, Target, Verdict};

use super::truth::{Peer, Task, Truth};
use super::{platforms, tree};
use crate::interop::document::Kind;
use crate::interop::place::Place;

/// A kind that stands in a registry, and what the table sees in it.
pub(super) struct Subject {
    kind: Kind,
    from: Place,
    /// The registry that it is copied to.
    to: String,
    observed: Observed,
}

impl Subject {
    pub(super) fn new(kind: Kind, from: Place, to: &str) -> Result<Self> {
        let observed = Observed::of(&tree::read(&kind)?);
        Ok(Self {
            kind,
            from,
            to: to.to_owned(),
            observed,
        })
    }
}

/// What the table says, and what happened.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) peer: &'static str,
    pub(super) target: &'static str,
    pub(super) operation: Operation,
    pub(super) kind: &'static str,
    /// The one that is pulled.
    pub(super) platform: Option<&'static str>,
    pub(super) verdict: Verdict,
    /// Why, according to the table; some may be about another platform.
    pub(super) facts: Vec<Fact>,
    /// What happened, or why that is not known.
    pub(super) truth: Result<Truth, String>,
}

impl Cell {
    /// Whether the table says what is not so; it does too when nobody knows what is so.
    pub(super) fn differs(&self) -> bool {
        match &self.truth {
            Ok(truth) => (self.verdict == Verdict::Fails) == (*truth == Truth::Works),
            Err(_) => true,
        }
    }

    /// The facts by which it fails.
    pub(super) fn failures(&self) -> impl Iterator<Item = &Fact> {
        self.facts
            .iter()
            .filter(|fact| fact.outcome == Outcome::Fails)
    }
}

/// Runs all of a peer's cells, one after another.
///
/// # Errors
/// When the table does not know the peer.
pub(super) fn run_peer(peer: &dyn Peer, subjects: &[Subject]) -> Result<Vec<Cell>> {
    let find = || {
        Target::find(peer.target()).with_context(|| format!("the table has no {}", peer.target()))
    };
    let target = find()?;
    let cells = subjects.iter().flat_map(|subject| {
        let judgement = subject.observed.judge(target);
        let run =
            move |operation: &Operation| run_cells(peer, target, *operation, subject, &judgement);
        peer.operations().iter().flat_map(run)
    });
    Ok(cells.collect())
}

/// One cell, or one for each platform that may be pulled.
fn run_cells(
    peer: &dyn Peer,
    target: &Target,
    operation: Operation,
    subject: &Subject,
    judgement: &Judgement,
) -> Vec<Cell> {
    let Subject { kind, from, to, .. } = subject;
    let to = &Place {
        host: to.clone(),
        repository: format!("{}/by-{}", from.repository, peer.name()),
        ..from.clone()
    };
    let kinds = if operation == Operation::Pull {
        platforms::each(kind)
    } else {
        vec![kind.clone()]
    };
    let facts = judgement
        .reasons
        .iter()
        .map(|reason| reason.fact)
        .filter(|fact| fact.operation == operation);
    let cell = |kind: &Kind| Cell {
        peer: peer.name(),
        target: target.id,
        operation,
        kind: kind.name,
        platform: (operation == Operation::Pull).then_some(kind.platform),
        verdict: verdict(judgement, operation, kind),
        facts: facts.clone().collect(),
        truth: peer
            .attempt(&Task {
                operation,
                kind,
                from,
                to,
            })
            .map_err(|error| format!("{error:#}")),
    };
    kinds.iter().map(cell).collect()
}

fn verdict(judgement: &Judgement, operation: Operation, kind: &Kind) -> Verdict {
    match kind.platform.parse() {
        Ok(platform) if operation == Operation::Pull => judgement.verdict_of_pulling(&platform),
        _ => judgement.verdict_of(operation),
    }
}

#[cfg(test)]
mod tests {
    use super::super::corpus;
    use super::*;

    /// A peer that does whatever it is asked the same way.
    struct Always(Result<Truth, &'static str>);

    impl Peer for Always {
        fn name(&self) -> &'static str {
            "always"
        }

        fn target(&self) -> &'static str {
            "distribution-2.8"
        }

        fn operations(&self) -> &'static [Operation] {
            &[Operation::Push]
        }

        fn attempt(&self, _: &Task) -> Result<Truth> {
            self.0.clone().map_err(anyhow::Error::msg)
        }
    }

    fn differing(answer: Result<Truth, &'static str>) -> Vec<&'static str> {
        let place = Place {
            host: "127.0.0.1:9".into(),
            repository: "open".into(),
            tag: "sea".into(),
        };
        let seed = |kind| Subject::new(kind, place.clone(), &place.host).unwrap();
        let wanted = |kind: &Kind| ["oci-image", "custom-type"].contains(&kind.name);
        let subjects: Vec<_> = corpus::small()
            .unwrap()
            .into_iter()
            .filter(wanted)
            .map(seed)
            .collect();
        let cells = run_peer(&Always(answer), &subjects).unwrap();
        cells
            .iter()
            .filter(|cell| cell.differs())
            .map(|cell| cell.kind)
            .collect()
    }

    #[test]
    fn a_table_that_is_wrong_differs() {
        assert_eq!(differing(Ok(Truth::Works)), ["custom-type"]);
        assert_eq!(differing(Ok(Truth::Refused("no".into()))), ["oci-image"]);
        assert_eq!(differing(Ok(Truth::Feigned("empty".into()))), ["oci-image"]);
    }

    #[test]
    fn what_nobody_knows_differs() {
        assert_eq!(
            differing(Err("no end after 60 seconds")),
            ["oci-image", "custom-type"]
        );
    }
}
