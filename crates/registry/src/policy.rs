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
    /// What a copy asks of a target that has no policy of its own: to take what another registry has
    /// taken. What a manifest names must be there, unless the copy is sparse.
    pub(crate) fn for_copies(sparse: bool) -> Self {
        let missing = if sparse { Verdict::Accept } else { Verdict::Reject };
        let lenient = [Rule::TwoShapes, Rule::MalformedField, Rule::MediaTypeMismatch, Rule::SizeMismatch];
        let verdicts = lenient.into_iter().map(|rule| (rule, Verdict::Warn));
        Self { verdicts: verdicts.chain([(Rule::MissingChild, missing)]).collect() }
    }

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
        2 => format!("{first} (and 1 more finding)"),
        count => format!("{first} (and {} more findings)", count - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(pointer: &str) -> Finding {
        Finding::new(Rule::MissingChild, pointer, "this repository does not hold it")
    }

    fn two_shapes() -> Finding {
        Finding::new(Rule::TwoShapes, "/layers", "reads as an image too")
    }

    fn refused(findings: &[Finding]) -> Error {
        Policy::default().judge(findings.to_vec()).unwrap_err()
    }

    #[test]
    fn a_verdict_follows_from_the_severity() {
        let open = Policy::default();
        assert_eq!(open.verdict(Rule::DuplicateKey), Verdict::Warn);
        for rule in [Rule::TwoShapes, Rule::MalformedField, Rule::MediaTypeMismatch, Rule::SizeMismatch] {
            assert_eq!((rule.severity(), open.verdict(rule)), (Severity::Error, Verdict::Reject), "{}", rule.id());
        }
    }

    #[test]
    fn a_verdict_that_is_set_comes_before_the_severity() {
        let verdicts = [(Rule::DuplicateKey, Verdict::Reject), (Rule::TwoShapes, Verdict::Warn)];
        let policy = Policy { verdicts: BTreeMap::from(verdicts) };
        for (rule, verdict) in verdicts {
            assert_eq!(policy.verdict(rule), verdict);
        }
        assert_eq!(policy.judge(vec![two_shapes()]).unwrap(), [two_shapes()]);
    }

    #[test]
    fn sparse_differs_from_open_in_missing_content_alone() {
        let (open, sparse) = (Policy::from(Preset::Open), Policy::from(Preset::Sparse));
        assert_eq!(open.verdict(Rule::MissingChild), Verdict::Reject);
        assert_eq!(sparse.verdict(Rule::MissingChild), Verdict::Accept);
        for rule in [Rule::DuplicateKey, Rule::TwoShapes, Rule::SizeMismatch] {
            assert_eq!(sparse.verdict(rule), open.verdict(rule), "{}", rule.id());
        }
    }

    #[test]
    fn warnings_are_told_and_what_is_accepted_is_not() {
        let twice = Finding::new(Rule::DuplicateKey, "/layers", "stands here twice");
        let sparse = Policy::from(Preset::Sparse);
        assert_eq!(sparse.judge(vec![missing("/config"), twice.clone()]).unwrap(), [twice]);
        assert_eq!(sparse.judge(Vec::new()).unwrap(), []);
    }

    #[test]
    fn missing_content_is_counted() {
        let one = refused(&[missing("/config")]);
        assert_eq!(one.kind(), &Kind::ContentMissing);
        assert_eq!(
            one.message(),
            "1 descriptor names content that this repository does not hold; push or mount it first, or have the \
             repository's policy set to \"sparse\""
        );
        let several = refused(&[missing("/config"), missing("/layers/0"), missing("/layers/1")]);
        assert_eq!(several.kind(), &Kind::ContentMissing);
        assert_eq!(
            several.message(),
            "3 descriptors name content that this repository does not hold; push or mount them first, or have the \
             repository's policy set to \"sparse\""
        );
    }

    #[test]
    fn the_first_of_mixed_findings_is_told_and_the_others_are_counted() {
        let one = refused(&[two_shapes()]);
        assert_eq!((one.kind(), one.message()), (&Kind::ManifestInvalid, "/layers: reads as an image too"));
        let two = refused(&[two_shapes(), missing("/config")]);
        assert_eq!(two.kind(), &Kind::ManifestInvalid);
        assert_eq!(two.message(), "/layers: reads as an image too (and 1 more finding)");
        let three = refused(&[two_shapes(), missing("/config"), missing("/layers/0")]);
        assert_eq!(three.message(), "/layers: reads as an image too (and 2 more findings)");
    }

    #[test]
    fn the_detail_holds_every_rejected_finding_and_no_other() {
        let twice = Finding::new(Rule::DuplicateKey, "/layers", "stands here twice");
        let error = refused(&[twice, missing("/config"), two_shapes()]);
        assert_eq!(error.detail(), &json!({"findings": [missing("/config"), two_shapes()]}));
        let rules = |index: usize| &error.detail()["findings"][index]["rule"];
        assert_eq!((rules(0), rules(1)), (&json!("missing-child"), &json!("two-shapes")));
    }
}
