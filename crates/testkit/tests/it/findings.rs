//! The findings about each case.

use std::collections::HashSet;
use std::fmt::Write;

use portolan_model::lint::{Reach, Tree};
use portolan_model::{Manifest, Rule};
use portolan_testkit::corpus::{self, Case};

use crate::snapshot;

#[test]
fn every_case_has_a_name_of_its_own() {
    let cases = corpus::all();
    let names: HashSet<_> = cases.iter().map(Case::name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= 60);
}

#[test]
fn every_rule_fires_where_it_should_and_nowhere_near() {
    let mut missing = Vec::new();
    let topics = snapshot::by_topic();
    for rule in Rule::ALL
        .into_iter()
        .filter(|rule| rule.reach() != Reach::Policy)
    {
        let cases = topics.get(rule.id()).map(Vec::as_slice).unwrap_or_default();
        let (fires, just_not): (Vec<_>, Vec<_>) =
            cases.iter().partition(|case| expects(case, rule));
        assert!(
            !fires.is_empty() && !just_not.is_empty(),
            "{rule} needs cases of both kinds"
        );
        let wrong = fires.iter().filter(|case| !found(&case.tree(), rule));
        missing.extend(
            wrong
                .chain(just_not.iter().filter(|case| found(&case.tree(), rule)))
                .map(|case| case.name()),
        );
    }
    assert_eq!(missing, [""; 0]);
}

/// Whether the name says that the rule fires.
fn expects(case: &Case, rule: Rule) -> bool {
    let what = case
        .name()
        .strip_prefix(rule.id())
        .and_then(|name| name.strip_prefix('/'))
        .unwrap_or_default();
    assert!(
        what.starts_with("fires") || what.starts_with("just-not"),
        "{}",
        case.name()
    );
    what.starts_with("fires")
}

fn found(tree: &Tree, rule: Rule) -> bool {
    tree.findings().any(|finding| finding.rule == rule)
}

#[test]
fn findings_are_as_reviewed() {
    for (topic, cases) in snapshot::by_topic() {
        let text: String = cases.iter().map(told).collect();
        snapshot::assert_same("findings", topic, &text);
    }
}

fn told(case: &Case) -> String {
    let mut text = format!("{}\n", case.name());
    for finding in case.tree().findings() {
        let document = finding
            .document
            .as_ref()
            .map_or("<the root>".into(), |digest| {
                case.with_names(digest.as_str())
            });
        let (rule, pointer, message) = (
            finding.rule,
            &finding.pointer,
            case.with_names(&finding.message),
        );
        let severity = format!("{:?}", rule.severity()).to_lowercase();
        writeln!(
            text,
            "  {severity} {rule}: {document} {pointer}\n    {message}"
        )
        .unwrap();
    }
    text
}

#[test]
fn what_is_refused_is_told_why() {
    let mut text = String::new();
    for refused in corpus::refused() {
        let error = Manifest::parse(refused.bytes, refused.claimed.as_ref()).unwrap_err();
        writeln!(text, "{}\n    {error}", refused.name).unwrap();
    }
    snapshot::assert_same("findings", "refused", &text);
}
