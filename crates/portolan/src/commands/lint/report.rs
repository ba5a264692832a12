//! Findings and targets as JSON.

use portolan_model::compat::{
    Cause, Feature, Judgement, Operation, Outcome, Reason, Target, Verdict,
};
use portolan_model::lint::Tree;
use portolan_model::{Digest, Finding, MediaType};
use serde::Serialize;
use serde_json::Value;

use super::Counts;
use super::mend::Mender;
use crate::location::Location;

/// All that is said of an image. Its JSON has stable names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report<'a> {
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a MediaType>,
    /// Number of documents that were read.
    documents: usize,
    counts: Counts,
    findings: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    targets: Vec<Entry<'a>>,
}

/// What one target does.
#[derive(Serialize)]
struct Entry<'a> {
    target: &'static str,
    name: &'static str,
    version: &'static str,
    verdict: Verdict,
    reasons: Vec<Why<'a>>,
}

/// A fact that applies.
#[derive(Serialize)]
struct Why<'a> {
    operation: Operation,
    outcome: Outcome,
    feature: Feature,
    says: &'static str,
    source: &'static str,
    mend: String,
    /// Number of places in all.
    count: usize,
    causes: &'a [Cause],
}

impl<'a> Report<'a> {
    pub(super) fn new(
        location: &Location,
        tree: &'a Tree,
        judged: &'a [(&Target, Judgement)],
        mender: &Mender,
    ) -> Self {
        let top = tree.documents().first();
        Self {
            reference: location.to_string(),
            digest: top.map(|document| &document.digest),
            media_type: top.map(|document| document.manifest.media_type()),
            documents: tree.documents().len(),
            counts: Counts::of(tree.findings()),
            findings: tree
                .findings()
                .map(|finding| mended(finding, mender))
                .collect(),
            targets: judged
                .iter()
                .map(|(target, judgement)| Entry::new(target, judgement, mender))
                .collect(),
        }
    }
}

/// A finding whose command names the image.
fn mended(finding: &Finding, mender: &Mender) -> Value {
    let mut value = serde_json::to_value(finding).unwrap_or_default();
    value["mend"] = mender.command(finding.mend, &finding.digest).into();
    value
}

impl<'a> Entry<'a> {
    fn new(target: &Target, judgement: &'a Judgement, mender: &Mender) -> Self {
        let Target {
            id, name, version, ..
        } = *target;
        let reasons = judgement
            .reasons
            .iter()
            .map(|reason| Why::new(reason, mender))
            .collect();
        Self {
            target: id,
            name,
            version,
            verdict: judgement.verdict,
            reasons,
        }
    }
}

impl<'a> Why<'a> {
    fn new(reason: &'a Reason, mender: &Mender) -> Self {
        let Reason {
            fact,
            count,
            causes,
            mend,
        } = reason;
        let mend = mender.command(mend, causes.iter().map(|cause| &cause.digest));
        Self {
            operation: fact.operation,
            outcome: fact.outcome,
            feature: fact.feature,
            says: fact.says,
            source: fact.source,
            mend,
            count: *count,
            causes,
        }
    }
}
