//! Findings as lines for people, document by document.

use std::collections::HashMap;
use std::fmt::Write;

use portolan_model::lint::{Tree, TreeDocument};
use portolan_model::{ChildKind, Digest, Finding, Platform, Severity};

use super::Counts;
use super::mend::Mender;
use crate::documents;
use crate::location::Location;
use crate::output::{count, short};

/// Most places that are told of one rule in one document.
pub(super) const MOST_PLACES: usize = 10;

/// All findings, and how many they are.
pub(super) fn told(location: &Location, tree: &Tree, mender: &Mender) -> String {
    let platforms = platforms(tree);
    let mut text = String::new();
    for (position, document) in
        tree.documents().iter().enumerate().filter(|(_, document)| !document.findings.is_empty())
    {
        let name = if position == 0 {
            Some(location.to_string())
        } else {
            platforms.get(&document.digest).map(ToString::to_string)
        };
        heading(document, name, &mut text);
        for findings in by_rule(&document.findings) {
            rule(&findings, mender, &mut text);
        }
        text.push('\n');
    }
    let counts = Counts::of(tree.findings());
    let _ = writeln!(text, "{counts} in {}", count(tree.documents().len(), "document"));
    text
}

/// One line for those who asked for something else.
pub(super) fn mentioned(location: &Location, tree: &Tree) -> String {
    match Counts::of(tree.findings()) {
        counts if counts.is_zero() => String::new(),
        counts => format!("\nFindings: {counts}, see portolan lint {location}\n"),
    }
}

fn heading(document: &TreeDocument, name: Option<String>, text: &mut String) {
    let kind = documents::kind(&document.manifest);
    let name = name.map_or_else(String::new, |name| format!("{name}  "));
    let algorithm = document.digest.algorithm();
    // Writing to a string does not fail.
    let _ = writeln!(text, "{name}{kind}  {algorithm}:{}", short(&document.digest));
}

fn rule(findings: &[&Finding], mender: &Mender, text: &mut String) {
    let Some(first) = findings.first() else { return };
    let rule = first.rule;
    let _ = writeln!(text, "  {}  {rule}", severity(rule.severity()));
    for finding in findings.iter().take(MOST_PLACES) {
        let place = if finding.pointer.is_empty() { String::new() } else { format!("{}: ", finding.pointer) };
        let _ = writeln!(text, "    {place}{}", finding.message);
    }
    if findings.len() > MOST_PLACES {
        let _ = writeln!(text, "    and {} more", findings.len() - MOST_PLACES);
    }
    let digest = if findings.len() == 1 { first.digest.as_ref() } else { None };
    let _ = writeln!(text, "    from: {}\n    mend: {}", rule.section(), mender.command(rule.mend(), digest));
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error  ",
        Severity::Warning => "warning",
        Severity::Info => "info   ",
    }
}

/// Findings of the same rule together, the gravest first, and else in the order in which they were found.
fn by_rule(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        match groups.iter_mut().find(|group| group[0].rule == finding.rule) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group[0].rule.severity()));
    groups
}

/// What each document is for, as far as an index says.
fn platforms(tree: &Tree) -> HashMap<&Digest, &Platform> {
    let mut platforms = HashMap::new();
    let children = tree.documents().iter().flat_map(|document| document.manifest.children());
    for child in children.filter(|child| child.kind == ChildKind::Manifest) {
        if let Some(platform) = &child.descriptor.platform {
            platforms.entry(&child.descriptor.digest).or_insert(platform);
        }
    }
    platforms
}
