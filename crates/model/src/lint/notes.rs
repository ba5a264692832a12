//! The findings about one document as they are gathered, with a bound.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Finding, Rule};

/// Most findings about one document: what is wrong throughout is shown by these.
const MAX_FINDINGS: usize = 1000;

/// Findings about one document.
///
/// A hostile document could have hundreds of thousands. Beyond the bound only the first finding of each rule is kept, so
/// that no rule is hidden by another, and the others are counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    findings: Vec<Finding>,
    rules: BTreeSet<Rule>,
    left_out: usize,
}

impl Notes {
    /// Adds a finding of `rule`, or counts it.
    pub(crate) fn add(&mut self, rule: Rule, finding: impl FnOnce(Rule) -> Finding) {
        let first = self.rules.insert(rule);
        if first || self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding(rule));
        } else {
            self.left_out += 1;
        }
    }

    /// What was gathered so far.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was gathered; the last finding says how many were left out.
    pub(crate) fn finish(mut self) -> Vec<Finding> {
        if let Some(last) = self.findings.last_mut().filter(|_| self.left_out > 0) {
            let _ = write!(last.message, " (and {} more findings about this document)", self.left_out);
        }
        self.findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(count: usize) -> Notes {
        let mut notes = Notes::default();
        for position in 0..count {
            notes.add(Rule::DuplicateKey, |rule| Finding::new(rule, format!("/{position}"), "twice"));
        }
        notes
    }

    #[test]
    fn what_is_left_out_is_told() {
        let within = notes(MAX_FINDINGS).finish();
        assert_eq!((within.len(), within.last().unwrap().message.as_str()), (MAX_FINDINGS, "twice"));
        let beyond = notes(MAX_FINDINGS + 2).finish();
        assert_eq!(beyond.len(), MAX_FINDINGS);
        assert_eq!(beyond.last().unwrap().message, "twice (and 2 more findings about this document)");
    }

    #[test]
    fn no_rule_is_hidden_by_another() {
        let mut notes = notes(MAX_FINDINGS);
        for _ in 0..2 {
            notes.add(Rule::TwoShapes, |rule| Finding::new(rule, "/layers", "two"));
        }
        let findings = notes.finish();
        assert_eq!(findings.last().unwrap().message, "two (and 1 more findings about this document)");
    }
}
