//! Cells of the comparison: each is one kind, one peer and one operation.

use anyhow::{Context, Result};
use portolan_model::compat::{
    DetectedFeatures, Fact, FactOutcome, Judgment, Operation, Target, TargetVerdict,
};

use super::outcome::{Peer, PeerOutcome, Task};
use super::{platforms, tree};
use crate::interop::document::Kind;
use crate::interop::reference::TaggedReference;

/// Kind stored in a registry, with the features that the table observes in it.
pub(super) struct CompatSubject {
    kind: Kind,
    from: TaggedReference,
    /// Destination registry of copies.
    to: String,
    observed: DetectedFeatures,
}

impl CompatSubject {
    pub(super) fn new(kind: Kind, from: TaggedReference, to: &str) -> Result<Self> {
        let observed = DetectedFeatures::detect(&tree::read(&kind)?);
        Ok(Self {
            kind,
            from,
            to: to.to_owned(),
            observed,
        })
    }
}

/// Prediction of the table, and the outcome.
#[derive(Debug)]
pub(super) struct CompatCell {
    pub(super) peer: &'static str,
    pub(super) target: &'static str,
    pub(super) operation: Operation,
    pub(super) kind: &'static str,
    /// Platform of the pull.
    pub(super) platform: Option<&'static str>,
    pub(super) verdict: TargetVerdict,
    /// Facts that explain the verdict. Some may apply to another platform only.
    pub(super) facts: Vec<Fact>,
    /// Outcome, or the reason why it is unknown.
    pub(super) outcome: Result<PeerOutcome, String>,
}

impl CompatCell {
    /// Returns whether the table's verdict differs from the outcome, which includes an unknown
    /// outcome.
    pub(super) fn is_mismatch(&self) -> bool {
        match &self.outcome {
            Ok(truth) => (self.verdict == TargetVerdict::Fails) == (*truth == PeerOutcome::Works),
            Err(_) => true,
        }
    }

    /// Returns the facts that predict a failure.
    pub(super) fn predicted_failures(&self) -> impl Iterator<Item = &Fact> {
        self.facts
            .iter()
            .filter(|fact| fact.outcome == FactOutcome::Fails)
    }
}

/// Runs all cells of a peer, one after another.
///
/// # Errors
///
/// Returns an error if the table does not contain the peer.
pub(super) fn run_peer(peer: &dyn Peer, subjects: &[CompatSubject]) -> Result<Vec<CompatCell>> {
    let find = || {
        Target::find(peer.target())
            .with_context(|| format!("the table does not contain {}", peer.target()))
    };
    let target = find()?;
    let cells = subjects.iter().flat_map(|subject| {
        let judgment = subject.observed.judge(target);
        let run =
            move |operation: &Operation| run_cells(peer, target, *operation, subject, &judgment);
        peer.operations().iter().flat_map(run)
    });
    Ok(cells.collect())
}

/// Runs one cell, or one for each platform that clients can pull.
fn run_cells(
    peer: &dyn Peer,
    target: &Target,
    operation: Operation,
    subject: &CompatSubject,
    judgment: &Judgment,
) -> Vec<CompatCell> {
    let CompatSubject { kind, from, to, .. } = subject;
    let to = &TaggedReference {
        host: to.clone(),
        repository: format!("{}/by-{}", from.repository, peer.name()),
        ..from.clone()
    };
    let kinds = if operation == Operation::Pull {
        platforms::per_platform(kind)
    } else {
        vec![kind.clone()]
    };
    let facts = judgment
        .reasons
        .iter()
        .map(|reason| reason.fact)
        .filter(|fact| fact.operation == operation);
    let cell = |kind: &Kind| CompatCell {
        peer: peer.name(),
        target: target.id,
        operation,
        kind: kind.name,
        platform: (operation == Operation::Pull).then_some(kind.platform),
        verdict: verdict(judgment, operation, kind),
        facts: facts.clone().collect(),
        outcome: peer
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

fn verdict(judgment: &Judgment, operation: Operation, kind: &Kind) -> TargetVerdict {
    match kind.platform.parse() {
        Ok(platform) if operation == Operation::Pull => judgment.pull_verdict(&platform),
        _ => judgment.operation_verdict(operation),
    }
}

#[cfg(test)]
mod tests {
    use super::super::corpus;
    use super::*;

    /// Peer that responds to every operation in the same way.
    struct Always(Result<PeerOutcome, &'static str>);

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

        fn attempt(&self, _: &Task) -> Result<PeerOutcome> {
            self.0.clone().map_err(anyhow::Error::msg)
        }
    }

    fn differing(outcome: Result<PeerOutcome, &'static str>) -> Vec<&'static str> {
        let place = TaggedReference {
            host: "127.0.0.1:9".into(),
            repository: "open".into(),
            tag: "sea".into(),
        };
        let seed = |kind| CompatSubject::new(kind, place.clone(), &place.host).unwrap();
        let wanted = |kind: &Kind| ["oci-image", "custom-type"].contains(&kind.name);
        let subjects: Vec<_> = corpus::small_kinds()
            .unwrap()
            .into_iter()
            .filter(wanted)
            .map(seed)
            .collect();
        let cells = run_peer(&Always(outcome), &subjects).unwrap();
        cells
            .iter()
            .filter(|cell| cell.is_mismatch())
            .map(|cell| cell.kind)
            .collect()
    }

    #[test]
    fn wrong_verdict_differs() {
        assert_eq!(differing(Ok(PeerOutcome::Works)), ["custom-type"]);
        assert_eq!(
            differing(Ok(PeerOutcome::Rejected("no".into()))),
            ["oci-image"]
        );
        assert_eq!(
            differing(Ok(PeerOutcome::FalseSuccess("empty".into()))),
            ["oci-image"]
        );
    }

    #[test]
    fn unknown_outcome_differs() {
        assert_eq!(
            differing(Err("timed out after 60 seconds")),
            ["oci-image", "custom-type"]
        );
    }
}
