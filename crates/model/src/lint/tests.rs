//! Tests of the rules: for each rule, a document that violates it and a similar document that does
//! not. Also tests of hostile trees.

mod document_cases;
mod hostile;
mod scenario;
mod tree_cases;

use std::collections::BTreeSet;

use super::{Rule, RuleScope};
use scenario::Scenario;

/// Input that violates a rule at a position, and similar input that does not.
struct Case {
    rule: Rule,
    pointer: &'static str,
    fires: Scenario,
    passes: Scenario,
}

fn case(
    rule: Rule,
    pointer: &'static str,
    fires: impl Into<Scenario>,
    passes: impl Into<Scenario>,
) -> Case {
    Case {
        rule,
        pointer,
        fires: fires.into(),
        passes: passes.into(),
    }
}

fn cases() -> impl Iterator<Item = Case> {
    document_cases::cases()
        .into_iter()
        .chain(tree_cases::cases())
}

#[test]
fn each_case_fires_its_rule_and_its_counterpart_does_not() {
    for Case {
        rule,
        pointer,
        fires,
        passes,
    } in cases()
    {
        assert_eq!(fires.pointers(rule), [pointer], "{rule} fires");
        assert_eq!(passes.pointers(rule), [""; 0], "{rule} does not fire");
    }
}

#[test]
fn every_rule_has_a_case() {
    let covered: BTreeSet<_> = cases().map(|case| case.rule).collect();
    let expected = Rule::ALL
        .into_iter()
        .filter(|rule| !matches!(rule.scope(), RuleScope::Policy | RuleScope::Layers));
    assert_eq!(
        covered,
        expected.collect(),
        "all rules except those of policies and layers"
    );
}
