//! What a target makes of an image.

use serde::Serialize;

use super::{Cause, Fact, Observed, Operation, Outcome, Sighting, Target, mend};
use crate::lint::Tree;
use crate::{MediaType, Platform};

/// What a target makes of a tree of documents. For several targets, [`Observed::judge`] looks at the tree only once.
pub fn judge(tree: &Tree, target: &Target) -> Judgement {
    Observed::of(tree).judge(target)
}

/// What a target makes of an image.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The whole in one word: whether the target does what it is there for.
    ///
    /// It fails where the first operation of the target fails (of [`Target::operations`]): a client that pulls the image
    /// and cannot copy all of it is worth a remark.
    pub verdict: Verdict,
    /// Each fact that applies, failures first.
    pub reasons: Vec<Reason>,
}

/// A fact that applies to an image.
#[derive(Clone, Debug)]
pub struct Reason {
    /// The fact.
    pub fact: Fact,
    /// In how many places it applies.
    pub count: usize,
    /// The first of them.
    pub causes: Vec<Cause>,
    /// What mends it, written as [`Fact::mend`] is, which it mostly is.
    pub mend: &'static str,
}

/// Whether something works.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It works.
    Works,
    /// It works, and something is worth knowing.
    Remark,
    /// It fails.
    Fails,
}

impl Verdict {
    /// The verdict in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Remark => "works with a remark",
            Self::Fails => "fails",
        }
    }
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Remark => Self::Remark,
            Outcome::Fails => Self::Fails,
        }
    }
}

impl Judgement {
    pub(super) fn of(observed: &Observed, target: &Target) -> Self {
        let mut reasons: Vec<_> = target
            .facts()
            .filter_map(|fact| {
                observed
                    .sighting(fact.feature)
                    .map(|sighting| Reason::new(*fact, sighting, observed))
            })
            .collect();
        reasons.sort_by_key(|reason| {
            (
                std::cmp::Reverse(reason.fact.outcome),
                reason.fact.operation,
            )
        });
        let verdict = overall(&reasons, target.operations);
        Self { verdict, reasons }
    }

    /// How one operation of the target ends.
    pub fn verdict_of(&self, operation: Operation) -> Verdict {
        verdict(
            self.reasons
                .iter()
                .filter(|reason| reason.fact.operation == operation),
        )
    }

    /// How pulling the image for one platform ends, going by the places that are told.
    pub fn verdict_of_pulling(&self, platform: &Platform) -> Verdict {
        let concerns = |cause: &Cause| {
            cause
                .platform
                .as_ref()
                .is_none_or(|own| own.satisfies(platform))
        };
        let pulls = self
            .reasons
            .iter()
            .filter(|reason| reason.fact.operation == Operation::Pull);
        verdict(pulls.filter(|reason| reason.causes.iter().any(concerns)))
    }
}

impl Reason {
    fn new(fact: Fact, sighting: &Sighting, observed: &Observed) -> Self {
        let causes = sighting.causes.clone();
        Self {
            fact,
            count: sighting.count,
            mend: mending(fact, &causes, observed),
            causes,
        }
    }
}

/// What is known here, if to hardly anybody else, is not dropped as unknown; what stands in an inner index is not taken out
/// of the outer one.
fn mending(fact: Fact, causes: &[Cause], observed: &Observed) -> &'static str {
    let withdrawn = |cause: &Cause| {
        cause
            .media_type
            .as_ref()
            .is_some_and(|own| own.as_str() == MediaType::OCI_ARTIFACT)
    };
    let mend = match fact.mend() {
        mend::DROP_UNKNOWN if causes.iter().any(withdrawn) => mend::REMOVE,
        mend => mend,
    };
    if causes.iter().all(|cause| observed.is_root(&cause.document)) {
        mend
    } else {
        mend::below(mend)
    }
}

fn overall(reasons: &[Reason], operations: &[Operation]) -> Verdict {
    let main = |reason: &&Reason| operations.first() == Some(&reason.fact.operation);
    verdict(reasons.iter())
        .min(Verdict::Remark)
        .max(verdict(reasons.iter().filter(main)))
}

fn verdict<'a>(reasons: impl Iterator<Item = &'a Reason>) -> Verdict {
    reasons
        .map(|reason| reason.fact.outcome.into())
        .max()
        .unwrap_or(Verdict::Works)
}
