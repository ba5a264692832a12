//! Collection of findings, with a limit.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Finding, Rule};

/// Maximum number of individually listed findings, except for the first finding of each rule.
const MAX_FINDINGS: usize = 1000;

/// Collector of findings about one or more documents.
///
/// A hostile document could cause hundreds of thousands of findings. Beyond a limit of 1000
/// findings, the sink lists only the first finding of each rule, so that no rule hides another
/// rule. It counts the remaining findings of a rule in [`Finding::omitted`] of the last listed
/// finding of this rule.
#[derive(Clone, Debug, Default)]
pub struct FindingSink {
    findings: Vec<Finding>,
    last: BTreeMap<Rule, LastFinding>,
}

/// Last listed finding of a rule, and the number of findings omitted after it.
#[derive(Clone, Copy, Debug)]
struct LastFinding {
    position: usize,
    omitted: usize,
}

impl FindingSink {
    /// Adds a finding of `rule`, or only counts it beyond the limit.
    ///
    /// `finding` is a closure, so that no message is formatted for a finding that is only counted.
    pub(crate) fn add(&mut self, rule: Rule, finding: impl FnOnce(Rule) -> Finding) {
        if self.reserve(rule, 1) {
            self.findings.push(finding(rule));
        }
    }

    /// Adds a finding that may represent several findings, or only counts them beyond the limit.
    pub fn push(&mut self, finding: Finding) {
        if self.reserve(finding.rule, finding.count()) {
            self.findings.push(finding);
        }
    }

    /// Registers `count` findings of `rule`, and returns whether the caller must list the finding.
    /// If not, the findings were counted as omitted.
    fn reserve(&mut self, rule: Rule, count: usize) -> bool {
        let position = self.findings.len();
        if let Some(last) = self
            .last
            .get_mut(&rule)
            .filter(|_| position >= MAX_FINDINGS)
        {
            last.omitted += count;
            return false;
        }
        self.last.insert(
            rule,
            LastFinding {
                position,
                omitted: 0,
            },
        );
        true
    }

    /// Reduces the list to the first finding of each rule, and counts the removed findings as
    /// omitted.
    pub(crate) fn summarize(self) -> Self {
        let mut summary = Self::default();
        for finding in self.findings {
            let position = summary.findings.len();
            if let Some(first) = summary.last.get_mut(&finding.rule) {
                first.omitted += finding.count();
            } else {
                let left_out = self.last.get(&finding.rule).map_or(0, |last| last.omitted);
                summary.last.insert(
                    finding.rule,
                    LastFinding {
                        position,
                        omitted: left_out,
                    },
                );
                summary.findings.push(finding);
            }
        }
        summary
    }

    /// Returns the findings listed so far.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns the findings about one document.
    ///
    /// The message of the last finding of a rule states how many findings were omitted.
    pub(crate) fn finish(self) -> Vec<Finding> {
        self.finish_with_scope("this document")
    }

    /// Returns the findings about several documents, like `finish`. `scope` describes the documents
    /// in messages.
    pub fn finish_with_scope(mut self, scope: &str) -> Vec<Finding> {
        for LastFinding {
            position,
            omitted: left_out,
        } in self.last.into_values().filter(|last| last.omitted > 0)
        {
            let Finding {
                rule,
                message,
                omitted: further,
                ..
            } = &mut self.findings[position];
            *further += left_out;
            let noun = if left_out == 1 { "finding" } else { "findings" };
            let _ = write!(message, " (and {left_out} more {rule} {noun} in {scope})");
        }
        self.findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink_with(count: usize) -> FindingSink {
        let mut sink = FindingSink::default();
        for position in 0..count {
            sink.add(Rule::DuplicateKey, |rule| {
                Finding::new(rule, format!("/{position}"), "twice")
            });
        }
        sink
    }

    #[test]
    fn reports_the_number_of_omitted_findings() {
        let complete = sink_with(MAX_FINDINGS).finish();
        assert_eq!(
            (complete.len(), complete.last().unwrap().message.as_str()),
            (MAX_FINDINGS, "twice")
        );
        let truncated = sink_with(MAX_FINDINGS + 2).finish();
        assert_eq!(truncated.len(), MAX_FINDINGS);
        let last = truncated.last().unwrap();
        assert_eq!(
            (last.message.as_str(), last.omitted),
            (
                "twice (and 2 more duplicate-key findings in this document)",
                2
            )
        );
        assert_eq!(
            truncated.iter().map(Finding::count).sum::<usize>(),
            MAX_FINDINGS + 2
        );
    }

    #[test]
    fn a_summary_counts_all_findings() {
        let mut sink = sink_with(MAX_FINDINGS + 2);
        sink.add(Rule::TwoShapes, |rule| {
            Finding::new(rule, "/layers", "here")
        });
        let findings = sink.summarize().finish();
        let counts: Vec<_> = findings
            .iter()
            .map(|finding| (finding.pointer.as_str(), finding.count()))
            .collect();
        assert_eq!(counts, [("/0", MAX_FINDINGS + 2), ("/layers", 1)]);
    }

    #[test]
    fn counts_findings_that_represent_others() {
        let several = || Finding {
            omitted: 4,
            ..Finding::new(Rule::DuplicateKey, "/0", "twice")
        };
        let mut sink = sink_with(MAX_FINDINGS - 1);
        sink.push(several());
        sink.push(several());
        let last = sink.finish_with_scope("other documents").pop().unwrap();
        assert_eq!(
            (last.message.as_str(), last.count()),
            (
                "twice (and 5 more duplicate-key findings in other documents)",
                10
            )
        );
    }

    #[test]
    fn no_rule_hides_another() {
        let mut sink = sink_with(MAX_FINDINGS);
        for rule in [Rule::TwoShapes, Rule::TwoShapes, Rule::DuplicateKey] {
            sink.add(rule, |rule| Finding::new(rule, "/layers", "here"));
        }
        let findings = sink.finish();
        let with_omissions: Vec<_> = findings
            .iter()
            .filter(|finding| finding.omitted > 0)
            .collect();
        assert_eq!(findings.len(), MAX_FINDINGS + 1);
        assert_eq!(
            with_omissions[0].message,
            "twice (and 1 more duplicate-key finding in this document)"
        );
        assert_eq!(
            with_omissions[1].message,
            "here (and 1 more two-shapes finding in this document)"
        );
    }
}
