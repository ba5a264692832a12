//! Findings about each case.

use std::collections::HashSet;
use std::fmt::Write;

use portolan_model::lint::{LintTree, RuleScope};
use portolan_model::{Finding, Manifest, Rule};
use portolan_testkit::corpus::{self, Case};

use crate::snapshot;

#[test]
fn case_names_are_unique() {
    let cases = corpus::all();
    let names: HashSet<_> = cases.iter().map(Case::name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= 60);
}

#[test]
fn each_rule_fires_only_for_its_cases() {
    let mut wrong = Vec::new();
    let topics = snapshot::by_topic();
    for rule in Rule::ALL
        .into_iter()
        .filter(|rule| !matches!(rule.scope(), RuleScope::Policy | RuleScope::Layers))
    {
        let cases = topics.get(rule.id()).map(Vec::as_slice).unwrap_or_default();
        let (fires, near_misses): (Vec<_>, Vec<_>) =
            cases.iter().partition(|case| must_fire(case, rule));
        assert!(
            !fires.is_empty() && !near_misses.is_empty(),
            "{rule} needs cases of both kinds"
        );
        let silent = fires.iter().filter(|case| !has_finding(&case.tree(), rule));
        wrong.extend(
            silent
                .chain(
                    near_misses
                        .iter()
                        .filter(|case| has_finding(&case.tree(), rule)),
                )
                .map(|case| case.name()),
        );
    }
    assert_eq!(wrong, [""; 0]);
}

/// Returns whether the rule has to fire, according to the name of the case.
fn must_fire(case: &Case, rule: Rule) -> bool {
    let variant = case
        .name()
        .strip_prefix(rule.id())
        .and_then(|name| name.strip_prefix('/'))
        .unwrap_or_default();
    assert!(
        variant.starts_with("fires") || variant.starts_with("near-miss"),
        "{}",
        case.name()
    );
    variant.starts_with("fires")
}

fn has_finding(tree: &LintTree, rule: Rule) -> bool {
    tree.findings().any(|finding| finding.rule == rule)
}

#[test]
fn findings_round_trip_through_json() {
    for case in corpus::all() {
        for finding in case.tree().findings() {
            let json = serde_json::to_value(finding).unwrap();
            let read: Finding = serde_json::from_value(json).unwrap();
            let expected = Finding {
                omitted: 0,
                ..finding.clone()
            };
            assert_eq!(read, expected, "{}", case.name());
        }
    }
}

#[test]
fn findings_match_the_snapshots() {
    for (topic, cases) in snapshot::by_topic() {
        let text: String = cases.iter().map(render_case).collect();
        snapshot::assert_same("findings", topic, &text);
    }
}

fn render_case(case: &Case) -> String {
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
fn parse_errors_match_the_snapshot() {
    let mut text = String::new();
    for document in corpus::invalid_documents() {
        let error = Manifest::parse(document.bytes, document.claimed.as_ref()).unwrap_err();
        writeln!(text, "{}\n    {error}", document.name).unwrap();
    }
    snapshot::assert_same("findings", "rejected", &text);
}
