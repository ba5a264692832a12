//! What is done about findings when a manifest is stored.

use std::collections::BTreeMap;

use portolan_model::{Finding, Rule, Severity};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Error, Kind, Result};

/// A verdict per rule.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    verdicts: BTreeMap<Rule, Verdict>,
}

/// What is done about a finding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nothing.
    Accept,
    /// It is stored, and the answer says so.
    Warn,
    /// It is not stored.
    Reject,
}

/// Policies with a name.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Everything that the specification allows, and all that a manifest names is there.
    #[default]
    Open,
    /// The same, but what a manifest names may be absent.
    Sparse,
}

impl Policy {
    /// What is done about findings of `rule`: unless set, errors are rejected and warnings told.
    pub fn verdict(&self, rule: Rule) -> Verdict {
        let by_severity = || match rule.severity() {
            Severity::Info => Verdict::Accept,
            Severity::Warning => Verdict::Warn,
            Severity::Error => Verdict::Reject,
        };
        self.verdicts.get(&rule).copied().unwrap_or_else(by_severity)
    }

    /// The findings to tell of, if none is to be rejected.
    ///
    /// # Errors
    /// [`Kind::ContentMissing`] if all that is rejected is missing content, else
    /// [`Kind::ManifestInvalid`]; the detail holds every rejected finding.
    pub fn judge(&self, findings: Vec<Finding>) -> Result<Vec<Finding>> {
        let (rejected, others): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|finding| self.verdict(finding.rule) == Verdict::Reject);
        if rejected.is_empty() {
            let told = |finding: &Finding| self.verdict(finding.rule) == Verdict::Warn;
            return Ok(others.into_iter().filter(told).collect());
        }
        Err(rejection(&rejected))
    }
}

impl From<Preset> for Policy {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Open => Self::default(),
            Preset::Sparse => Self { verdicts: BTreeMap::from([(Rule::MissingChild, Verdict::Accept)]) },
        }
    }
}

fn rejection(findings: &[Finding]) -> Error {
    let missing = findings.iter().filter(|finding| finding.rule == Rule::MissingChild).count();
    let (kind, message) = if missing == findings.len() {
        (Kind::ContentMissing, missing_message(missing))
    } else {
        (Kind::ManifestInvalid, invalid_message(findings))
    };
    Error::new(kind, message).with_detail(json!({"findings": findings}))
}

fn missing_message(count: usize) -> String {
    let (what, it) = if count == 1 { ("descriptor names", "it") } else { ("descriptors name", "them") };
    format!(
        "{count} {what} content that this repository does not hold; push or mount {it} first, or have the repository's policy set to \"sparse\""
    )
}

fn invalid_message(findings: &[Finding]) -> String {
    let first =
        findings.first().map_or_else(String::new, |finding| format!("{}: {}", finding.pointer, finding.message));
    match findings.len() {
        0 | 1 => first,
        count => format!("{first} (and {} more findings)", count - 1),
    }
}
