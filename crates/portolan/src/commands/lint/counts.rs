//! How many findings there are.

use std::fmt;

use portolan_model::{Finding, Severity};
use serde::Serialize;

use crate::output::count;

/// Findings by severity. Its JSON has stable names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Counts {
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) infos: usize,
}

impl Counts {
    pub(crate) fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            match finding.rule.severity() {
                Severity::Error => counts.errors += finding.count(),
                Severity::Warning => counts.warnings += finding.count(),
                Severity::Info => counts.infos += finding.count(),
            }
        }
        counts
    }

    pub(crate) fn is_zero(self) -> bool {
        self == Self::default()
    }
}

/// Those that there are, the gravest first.
impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.errors, "error"),
            (self.warnings, "warning"),
            (self.infos, "info"),
        ];
        let told: Vec<_> = all
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, thing)| count(number, thing))
            .collect();
        formatter.write_str(&if told.is_empty() {
            "no findings".into()
        } else {
            told.join(", ")
        })
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::Rule;

    use super::*;

    #[test]
    fn the_gravest_are_told_first() {
        let findings = [Rule::IndexNested, Rule::SizeMismatch, Rule::IndexEmpty]
            .map(|rule| Finding::new(rule, "", ""));
        assert_eq!(Counts::of(&findings).to_string(), "1 error, 2 infos");
        assert_eq!(Counts::default().to_string(), "no findings");
    }

    #[test]
    fn what_is_not_told_one_by_one_is_counted() {
        let finding = Finding {
            further: 9000,
            ..Finding::new(Rule::IndexMixedFamilies, "/manifests/999", "mixed")
        };
        assert_eq!(Counts::of([&finding]).to_string(), "9001 warnings");
    }
}
