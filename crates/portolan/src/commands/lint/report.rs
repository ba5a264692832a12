//! JSON output of lint findings, and of predictions for the targets of `--for`.

use portolan_model::compat::{
    Cause, FactOutcome, Feature, Judgment, Operation, Reason, Target, TargetVerdict,
};
use portolan_model::lint::LintTree;
use portolan_model::{Digest, Finding, MediaType};
use serde::Serialize;
use serde_json::Value;

use super::Counts;
use super::fix::FixRenderer;
use crate::image_ref::Location;

/// Lint findings and predictions for an image. Scripts parse the JSON form, so its fields are
/// stable.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LintReport<'a> {
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a MediaType>,
    /// Number of documents read.
    documents: usize,
    counts: Counts,
    findings: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    targets: Vec<TargetEntry<'a>>,
}

/// Prediction for one target: whether it accepts the image.
#[derive(Serialize)]
struct TargetEntry<'a> {
    target: &'static str,
    name: &'static str,
    version: &'static str,
    verdict: TargetVerdict,
    reasons: Vec<ReasonEntry<'a>>,
}

/// Known behavior of a target that affects the image, and the parts of the image that cause it.
#[derive(Serialize)]
struct ReasonEntry<'a> {
    operation: Operation,
    outcome: FactOutcome,
    feature: Feature,
    summary: &'static str,
    source: &'static str,
    fix: String,
    /// Number of causes, including causes that are not in `causes`.
    count: usize,
    causes: &'a [Cause],
}

impl<'a> LintReport<'a> {
    /// Builds the report of an image.
    pub(super) fn new(
        location: &Location,
        tree: &'a LintTree,
        judged: &'a [(&Target, Judgment)],
        fixes: &FixRenderer,
    ) -> Self {
        let top = tree.documents().first();
        Self {
            reference: location.to_string(),
            digest: top.map(|document| &document.digest),
            media_type: top.map(|document| document.manifest.media_type()),
            documents: tree.documents().len(),
            counts: Counts::from_findings(tree.findings()),
            findings: tree
                .findings()
                .map(|finding| finding_with_fix(finding, fixes))
                .collect(),
            targets: judged
                .iter()
                .map(|(target, judgment)| TargetEntry::new(target, judgment, fixes))
                .collect(),
        }
    }
}

/// Serializes a finding, with its fix rendered for the image.
fn finding_with_fix(finding: &Finding, fixes: &FixRenderer) -> Value {
    let mut value = serde_json::to_value(finding).unwrap_or_default();
    value["fix"] = fixes.render(finding.fix, &finding.digest).into();
    value
}

impl<'a> TargetEntry<'a> {
    fn new(target: &Target, judgment: &'a Judgment, fixes: &FixRenderer) -> Self {
        let Target {
            id, name, version, ..
        } = *target;
        let reasons = judgment
            .reasons
            .iter()
            .map(|reason| ReasonEntry::new(reason, fixes))
            .collect();
        Self {
            target: id,
            name,
            version,
            verdict: judgment.verdict,
            reasons,
        }
    }
}

impl<'a> ReasonEntry<'a> {
    fn new(reason: &'a Reason, fixes: &FixRenderer) -> Self {
        let Reason {
            fact,
            count,
            causes,
            fix,
        } = reason;
        let fix = fixes.render(*fix, causes.iter().map(|cause| &cause.digest));
        Self {
            operation: fact.operation,
            outcome: fact.outcome,
            feature: fact.feature,
            summary: fact.summary,
            source: fact.source,
            fix,
            count: *count,
            causes,
        }
    }
}
