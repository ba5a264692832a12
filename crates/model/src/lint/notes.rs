//! Findings as they are gathered, with a bound.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Finding, Rule};

/// Most findings that are kept one by one: what is wrong throughout is shown by these.
const MAX_FINDINGS: usize = 1000;

/// Findings about one document, or about several.
///
/// A hostile document could have hundreds of thousands. Beyond the bound only the first finding of each rule is kept, so
/// that no rule is hidden by another, and the others are counted by the last one of their rule.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    findings: Vec<Finding>,
    last: BTreeMap<Rule, Last>,
}

/// The last finding of a rule that was kept, and how many were left out behind it.
#[derive(Clone, Copy, Debug)]
struct Last {
    position: usize,
    left_out: usize,
}

impl Notes {
    /// Adds a finding of `rule`, or counts it.
    pub(crate) fn add(&mut self, rule: Rule, finding: impl FnOnce(Rule) -> Finding) {
        if self.has_room_for(rule, 1) {
            self.findings.push(finding(rule));
        }
    }

    /// Adds a finding that stands for itself and perhaps for others, or counts them.
    pub fn take(&mut self, finding: Finding) {
        if self.has_room_for(finding.rule, finding.count()) {
            self.findings.push(finding);
        }
    }

    /// Whether the next finding of `rule` is kept; if not, so many are counted.
    fn has_room_for(&mut self, rule: Rule, count: usize) -> bool {
        let position = self.findings.len();
        if let Some(last) = self
            .last
            .get_mut(&rule)
            .filter(|_| position >= MAX_FINDINGS)
        {
            last.left_out += count;
            return false;
        }
        self.last.insert(
            rule,
            Last {
                position,
                left_out: 0,
            },
        );
        true
    }

    /// The first finding of each rule, which counts the others.
    pub(crate) fn briefly(self) -> Self {
        let mut brief = Self::default();
        for finding in self.findings {
            let position = brief.findings.len();
            if let Some(first) = brief.last.get_mut(&finding.rule) {
                first.left_out += finding.count();
            } else {
                let left_out = self.last.get(&finding.rule).map_or(0, |last| last.left_out);
                brief.last.insert(finding.rule, Last { position, left_out });
                brief.findings.push(finding);
            }
        }
        brief
    }

    /// What was gathered so far.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was gathered about one document; the last finding of each rule says how many were left out.
    pub(crate) fn finish(self) -> Vec<Finding> {
        self.finish_in("this document")
    }

    /// The same about whatever `place` calls it.
    pub fn finish_in(mut self, place: &str) -> Vec<Finding> {
        for Last { position, left_out } in self.last.into_values().filter(|last| last.left_out > 0)
        {
            let Finding {
                rule,
                message,
                further,
                ..
            } = &mut self.findings[position];
            *further += left_out;
            let _ = write!(message, " (and {left_out} more of {rule} in {place})");
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
            notes.add(Rule::DuplicateKey, |rule| {
                Finding::new(rule, format!("/{position}"), "twice")
            });
        }
        notes
    }

    #[test]
    fn what_is_left_out_is_told() {
        let within = notes(MAX_FINDINGS).finish();
        assert_eq!(
            (within.len(), within.last().unwrap().message.as_str()),
            (MAX_FINDINGS, "twice")
        );
        let beyond = notes(MAX_FINDINGS + 2).finish();
        assert_eq!(beyond.len(), MAX_FINDINGS);
        let last = beyond.last().unwrap();
        assert_eq!(
            (last.message.as_str(), last.further),
            ("twice (and 2 more of duplicate-key in this document)", 2)
        );
        assert_eq!(
            beyond.iter().map(Finding::count).sum::<usize>(),
            MAX_FINDINGS + 2
        );
    }

    #[test]
    fn what_is_told_briefly_is_counted() {
        let mut notes = notes(MAX_FINDINGS + 2);
        notes.add(Rule::TwoShapes, |rule| {
            Finding::new(rule, "/layers", "here")
        });
        let findings = notes.briefly().finish();
        let told: Vec<_> = findings
            .iter()
            .map(|finding| (finding.pointer.as_str(), finding.count()))
            .collect();
        assert_eq!(told, [("/0", MAX_FINDINGS + 2), ("/layers", 1)]);
    }

    #[test]
    fn what_stands_for_others_is_counted_with_them() {
        let several = || Finding {
            further: 4,
            ..Finding::new(Rule::DuplicateKey, "/0", "twice")
        };
        let mut notes = notes(MAX_FINDINGS - 1);
        notes.take(several());
        notes.take(several());
        let last = notes.finish_in("other documents").pop().unwrap();
        assert_eq!(
            (last.message.as_str(), last.count()),
            ("twice (and 5 more of duplicate-key in other documents)", 10)
        );
    }

    #[test]
    fn no_rule_is_hidden_by_another() {
        let mut notes = notes(MAX_FINDINGS);
        for rule in [Rule::TwoShapes, Rule::TwoShapes, Rule::DuplicateKey] {
            notes.add(rule, |rule| Finding::new(rule, "/layers", "here"));
        }
        let findings = notes.finish();
        let counted: Vec<_> = findings
            .iter()
            .filter(|finding| finding.further > 0)
            .collect();
        assert_eq!(findings.len(), MAX_FINDINGS + 1);
        assert_eq!(
            counted[0].message,
            "twice (and 1 more of duplicate-key in this document)"
        );
        assert_eq!(
            counted[1].message,
            "here (and 1 more of two-shapes in this document)"
        );
    }
}
