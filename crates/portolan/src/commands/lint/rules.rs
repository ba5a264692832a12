//! The rules, whatever the image.

use portolan_model::{Rule, Severity};
use serde::Serialize;

use crate::failure::Outcome;
use crate::output::{self, Table};

/// Every rule. Its JSON has stable names.
#[derive(Serialize)]
struct Rules {
    rules: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    rule: Rule,
    severity: Severity,
    section: &'static str,
    summary: &'static str,
    mend: &'static str,
}

impl Entry {
    fn of(rule: Rule) -> Self {
        Self {
            rule,
            severity: rule.severity(),
            section: rule.section(),
            summary: rule.summary(),
            mend: rule.mend(),
        }
    }
}

pub(super) fn show(json: bool) -> Outcome {
    let rules = Rule::ALL.into_iter().map(Entry::of).collect();
    if json {
        output::json(&Rules { rules })
    } else {
        output::text(&table().to_string())
    }
}

fn table() -> Table {
    let mut table = Table::new(["RULE", "SEVERITY", "WHAT IT FINDS"]);
    for rule in Rule::ALL {
        let severity = match rule.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        table.row([rule.to_string(), severity.into(), rule.summary().into()]);
    }
    table
}
