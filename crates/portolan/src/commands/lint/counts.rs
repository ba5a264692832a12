//! Number of lint findings by severity.

use std::fmt;

use portolan_model::{Finding, Severity};
use serde::Serialize;

use crate::output::format_count;

/// Number of lint findings by severity. Scripts parse the JSON form, so its fields are stable.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Counts {
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) infos: usize,
}

impl Counts {
    /// Counts findings, including the omitted findings that a [`Finding`] represents.
    pub(crate) fn from_findings<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            match finding.severity {
                Severity::Error => counts.errors += finding.count(),
                Severity::Warning => counts.warnings += finding.count(),
                Severity::Info => counts.infos += finding.count(),
            }
        }
        counts
    }

    /// Returns whether there are no findings.
    pub(crate) fn is_zero(self) -> bool {
        self == Self::default()
    }
}

/// Formats the numbers that are not zero, highest severity first: `1 error, 2 warnings`.
impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.errors, "error"),
            (self.warnings, "warning"),
            (self.infos, "info"),
        ];
        let parts: Vec<_> = all
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, noun)| format_count(number, noun))
            .collect();
        formatter.write_str(&if parts.is_empty() {
            "no findings".into()
        } else {
            parts.join(", ")
        })
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::Rule;

    use super::*;

    #[test]
    fn formats_the_highest_severity_first() {
        let findings = [Rule::IndexNested, Rule::SizeMismatch, Rule::IndexEmpty]
            .map(|rule| Finding::new(rule, "", ""));
        assert_eq!(
            Counts::from_findings(&findings).to_string(),
            "1 error, 2 infos"
        );
        assert_eq!(Counts::default().to_string(), "no findings");
    }

    #[test]
    fn counts_further_occurrences() {
        let finding = Finding {
            omitted: 9000,
            ..Finding::new(Rule::IndexMixedFamilies, "/manifests/999", "mixed")
        };
        assert_eq!(
            Counts::from_findings([&finding]).to_string(),
            "9001 warnings"
        );
    }
}
