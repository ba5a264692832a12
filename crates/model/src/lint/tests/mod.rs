//! The rules, each by a case that fires it and one that just does not, and trees that mean harm.

mod hostile;
mod of_documents;
mod of_trees;
mod world;

use std::collections::BTreeSet;

use super::{Reach, Rule};
use world::World;

/// What fires a rule, where, and what just does not.
struct Case {
    rule: Rule,
    pointer: &'static str,
    fires: World,
    passes: World,
}

fn case(
    rule: Rule,
    pointer: &'static str,
    fires: impl Into<World>,
    passes: impl Into<World>,
) -> Case {
    Case {
        rule,
        pointer,
        fires: fires.into(),
        passes: passes.into(),
    }
}

fn cases() -> impl Iterator<Item = Case> {
    of_documents::cases().into_iter().chain(of_trees::cases())
}

#[test]
fn each_case_fires_its_rule_and_what_is_beside_it_does_not() {
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
fn no_rule_is_without_cases() {
    let covered: BTreeSet<_> = cases().map(|case| case.rule).collect();
    let judged = Rule::ALL
        .into_iter()
        .filter(|rule| rule.reach() != Reach::Policy);
    assert_eq!(covered, judged.collect(), "only policies judge the others");
}
