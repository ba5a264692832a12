//! The findings about one document as they are gathered, with a bound.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Finding, Rule};

/// Most findings about one document: what is wrong throughout is shown by these.
const MAX_FINDINGS: usize = 1000;

/// Findings about one document.
///
/// A hostile document could have hundreds of thousands. Beyond the bound only the first finding of each rule is kept, so
/// that no rule is hidden by another, and the others are counted by the last one of their rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    findings: Vec<Finding>,
    /// Where the last finding of each rule stands.
    last: BTreeMap<Rule, usize>,
}

impl Notes {
    /// Adds a finding of `rule`, or counts it.
    pub(crate) fn add(&mut self, rule: Rule, finding: impl FnOnce(Rule) -> Finding) {
        let full = self.findings.len() >= MAX_FINDINGS;
        if let Some(last) = self.last.get(&rule).filter(|_| full) {
            self.findings[*last].further += 1;
        } else {
            self.last.insert(rule, self.findings.len());
            self.findings.push(finding(rule));
        }
    }

    /// The first finding of each rule, which counts the others.
    pub(crate) fn briefly(self) -> Self {
        let mut brief = Self::default();
        for finding in self.findings {
            if let Some(first) = brief.last.get(&finding.rule) {
                brief.findings[*first].further += finding.count();
            } else {
                brief.last.insert(finding.rule, brief.findings.len());
                brief.findings.push(finding);
            }
        }
        brief
    }

    /// What was gathered so far.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was gathered; the last finding of each rule says how many were left out.
    pub(crate) fn finish(mut self) -> Vec<Finding> {
        for Finding { rule, message, further, .. } in self.findings.iter_mut().filter(|finding| finding.further > 0) {
            let _ = write!(message, " (and {further} more of {rule} in this document)");
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
        let last = beyond.last().unwrap();
        assert_eq!((last.message.as_str(), last.further), ("twice (and 2 more of duplicate-key in this document)", 2));
        assert_eq!(beyond.iter().map(Finding::count).sum::<usize>(), MAX_FINDINGS + 2);
    }

    #[test]
    fn what_is_told_briefly_is_counted() {
        let mut notes = notes(MAX_FINDINGS + 2);
        notes.add(Rule::TwoShapes, |rule| Finding::new(rule, "/layers", "here"));
        let findings = notes.briefly().finish();
        let told: Vec<_> = findings.iter().map(|finding| (finding.pointer.as_str(), finding.count())).collect();
        assert_eq!(told, [("/0", MAX_FINDINGS + 2), ("/layers", 1)]);
    }

    #[test]
    fn no_rule_is_hidden_by_another() {
        let mut notes = notes(MAX_FINDINGS);
        for rule in [Rule::TwoShapes, Rule::TwoShapes, Rule::DuplicateKey] {
            notes.add(rule, |rule| Finding::new(rule, "/layers", "here"));
        }
        let findings = notes.finish();
        let counted: Vec<_> = findings.iter().filter(|finding| finding.further > 0).collect();
        assert_eq!(findings.len(), MAX_FINDINGS + 1);
        assert_eq!(counted[0].message, "twice (and 1 more of duplicate-key in this document)");
        assert_eq!(counted[1].message, "here (and 1 more of two-shapes in this document)");
    }
}
