//! `--rules`: lists all lint rules.

use portolan_model::lint::Fix;
use portolan_model::{Rule, Severity};
use serde::Serialize;

use crate::failure::Outcome;
use crate::output::{self, Table};

/// List of all lint rules. Scripts parse the JSON form, so its fields are stable.
#[derive(Serialize)]
struct RuleList {
    rules: Vec<RuleEntry>,
}

/// Properties of a lint rule.
#[derive(Serialize)]
struct RuleEntry {
    rule: Rule,
    severity: Severity,
    section: &'static str,
    summary: &'static str,
    fix: Fix,
}

impl RuleEntry {
    fn from_rule(rule: Rule) -> Self {
        Self {
            rule,
            severity: rule.severity(),
            section: rule.section(),
            summary: rule.summary(),
            fix: rule.fix(),
        }
    }
}

/// Prints all lint rules.
pub(super) fn show(json: bool) -> Outcome {
    let rules = Rule::ALL.into_iter().map(RuleEntry::from_rule).collect();
    if json {
        output::json(&RuleList { rules })
    } else {
        output::text(&(&render_table()).into())
    }
}

fn render_table() -> Table {
    let mut table = Table::new(["RULE", "SEVERITY", "DESCRIPTION"]);
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
