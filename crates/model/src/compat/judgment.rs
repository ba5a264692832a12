//! Prediction of the behavior of a target for an image.

use serde::Serialize;

use super::{Cause, DetectedFeatures, Fact, FactOutcome, Occurrences, Operation, Target, fix};
use crate::lint::{Fix, LintTree};
use crate::{MediaType, Platform};

/// Predicts the behavior of a target for the image in `tree`.
///
/// For several targets, [`DetectedFeatures::judge`] is cheaper, because it reads the tree only
/// once.
pub fn judge(tree: &LintTree, target: &Target) -> Judgment {
    DetectedFeatures::detect(tree).judge(target)
}

/// Predicted behavior of a target for an image.
#[derive(Clone, Debug)]
pub struct Judgment {
    /// Overall result. It depends mostly on the main operation of the target.
    ///
    /// The verdict is [`TargetVerdict::Fails`] only if the first of [`Target::operations`] fails.
    /// If another operation fails, the verdict is [`TargetVerdict::Remark`], for example for a
    /// client that can pull the image for one platform but cannot copy the full image.
    pub verdict: TargetVerdict,
    /// Facts that apply to the image. Failures come first.
    pub reasons: Vec<Reason>,
}

/// [`Fact`] that applies to an image, with its causes.
#[derive(Clone, Debug)]
pub struct Reason {
    /// Fact that applies to the image.
    pub fact: Fact,
    /// Number of occurrences of the feature in the image.
    pub count: usize,
    /// First occurrences of the feature, at most [`Occurrences::MAX_CAUSES`].
    pub causes: Vec<Cause>,
    /// Fix for this image. Usually [`Fact::fix`].
    pub fix: Fix,
}

/// Predicted result of an operation, or of all operations of a target. The best result comes first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetVerdict {
    /// The operation works.
    Works,
    /// The operation works, with a caveat.
    Remark,
    /// The operation fails.
    Fails,
}

impl TargetVerdict {
    /// Returns the verdict as human-readable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Remark => "works with a remark",
            Self::Fails => "fails",
        }
    }
}

impl From<FactOutcome> for TargetVerdict {
    fn from(outcome: FactOutcome) -> Self {
        match outcome {
            FactOutcome::Remark => Self::Remark,
            FactOutcome::Fails => Self::Fails,
        }
    }
}

impl Judgment {
    pub(super) fn new(observed: &DetectedFeatures, target: &Target) -> Self {
        let mut reasons: Vec<_> = target
            .facts()
            .filter_map(|fact| {
                observed
                    .occurrences(fact.feature)
                    .map(|occurrences| Reason::new(*fact, occurrences, observed))
            })
            .collect();
        reasons.sort_by_key(|reason| {
            (
                std::cmp::Reverse(reason.fact.outcome),
                reason.fact.operation,
            )
        });
        let verdict = overall_verdict(&reasons, target.operations);
        Self { verdict, reasons }
    }

    /// Returns the result of one operation of the target.
    pub fn operation_verdict(&self, operation: Operation) -> TargetVerdict {
        worst_verdict(
            self.reasons
                .iter()
                .filter(|reason| reason.fact.operation == operation),
        )
    }

    /// Returns the result of pulling the image for one platform.
    ///
    /// Considers only the occurrences in [`Reason::causes`], so it may miss some if there are more
    /// than [`Occurrences::MAX_CAUSES`].
    pub fn pull_verdict(&self, platform: &Platform) -> TargetVerdict {
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
        worst_verdict(pulls.filter(|reason| reason.causes.iter().any(concerns)))
    }
}

impl Reason {
    fn new(fact: Fact, occurrences: &Occurrences, observed: &DetectedFeatures) -> Self {
        let causes = occurrences.causes.clone();
        Self {
            fact,
            count: occurrences.count,
            fix: fix_for(fact, &causes, observed),
            causes,
        }
    }
}

/// Returns the fix for a fact, adapted to its causes.
///
/// Two fixes do not always apply. `--drop-unknown` does not drop OCI artifact manifests, because
/// Portolan still supports their withdrawn type, so they are removed by digest. A child of a nested
/// index cannot be removed with the reference of the root index.
fn fix_for(fact: Fact, causes: &[Cause], observed: &DetectedFeatures) -> Fix {
    let withdrawn = |cause: &Cause| {
        cause
            .media_type
            .as_ref()
            .is_some_and(|own| own.as_str() == MediaType::OCI_ARTIFACT)
    };
    let fix = match fact.fix() {
        fix::DROP_UNKNOWN if causes.iter().any(withdrawn) => fix::REMOVE,
        other => other,
    };
    if causes.iter().all(|cause| observed.is_root(&cause.document)) {
        fix
    } else {
        fix.for_nested_index()
    }
}

/// Combines the verdicts of all reasons. Only a failure of the first operation makes the overall
/// verdict a failure.
fn overall_verdict(reasons: &[Reason], operations: &[Operation]) -> TargetVerdict {
    let main = |reason: &&Reason| operations.first() == Some(&reason.fact.operation);
    worst_verdict(reasons.iter())
        .min(TargetVerdict::Remark)
        .max(worst_verdict(reasons.iter().filter(main)))
}

/// Returns the worst verdict of the reasons.
fn worst_verdict<'a>(reasons: impl Iterator<Item = &'a Reason>) -> TargetVerdict {
    reasons
        .map(|reason| reason.fact.outcome.into())
        .max()
        .unwrap_or(TargetVerdict::Works)
}
