//! Findings as lines for people, document by document.

use std::collections::HashMap;
use std::fmt::Write;

use portolan_model::lint::{Tree, TreeDocument};
use portolan_model::{ChildKind, Digest, Finding, Platform, Rule, Severity};

use super::Counts;
use super::mend::Mender;
use crate::documents;
use crate::location::Location;
use crate::output::{count, short};

/// Most places that are told of one rule in one document.
pub(super) const MOST_PLACES: usize = 10;

/// Most groups of documents that are told. No image that somebody builds has as many.
const MOST_GROUPS: usize = 100;

/// All findings, and how many they are. Documents about which the same is to be said are told together.
pub(super) fn told(location: &Location, tree: &Tree, mender: &Mender) -> String {
    let platforms = platforms(tree);
    let groups = alike(tree.documents());
    let mut text = String::new();
    for documents in groups.iter().take(MOST_GROUPS) {
        for (position, document) in documents.iter().take(MOST_PLACES) {
            let name = match position {
                0 => Some(location.to_string()),
                _ => platforms.get(&document.digest).map(ToString::to_string),
            };
            heading(document, name, &mut text);
        }
        if documents.len() > MOST_PLACES {
            let _ = writeln!(
                text,
                "and {} more",
                count(documents.len() - MOST_PLACES, "document")
            );
        }
        if let Some((_, first)) = documents.first() {
            for findings in by_rule(&first.findings) {
                rule(&findings, mender, &mut text);
            }
        }
        text.push('\n');
    }
    if groups.len() > MOST_GROUPS {
        let untold: Vec<_> = groups
            .iter()
            .skip(MOST_GROUPS)
            .flatten()
            .map(|(_, document)| document)
            .collect();
        let counts = Counts::of(untold.iter().flat_map(|document| &document.findings));
        let documents = count(untold.len(), "document");
        let _ = writeln!(
            text,
            "and {documents} with {counts}, which portolan lint --json tells\n"
        );
    }
    let counts = Counts::of(tree.findings());
    let _ = writeln!(
        text,
        "{counts} in {}",
        count(tree.documents().len(), "document")
    );
    text
}

/// Documents with findings, in the order in which they were read, each with those behind it of which the same is said.
fn alike(documents: &[TreeDocument]) -> Vec<Vec<(usize, &TreeDocument)>> {
    let mut groups: Vec<Vec<_>> = Vec::new();
    let mut known: HashMap<Vec<Said<'_>>, usize> = HashMap::new();
    for (position, document) in documents
        .iter()
        .enumerate()
        .filter(|(_, document)| !document.findings.is_empty())
    {
        let group = *known
            .entry(document.findings.iter().map(said).collect())
            .or_insert(groups.len());
        match groups.get_mut(group) {
            Some(documents) => documents.push((position, document)),
            None => groups.push(vec![(position, document)]),
        }
    }
    groups
}

/// What is said of a finding, and what its command names.
type Said<'a> = (Rule, &'a str, &'a str, &'a str, Option<&'a Digest>);

fn said(finding: &Finding) -> Said<'_> {
    let named = finding
        .digest
        .as_ref()
        .filter(|_| finding.mend.contains("DIGEST"));
    (
        finding.rule,
        &finding.pointer,
        &finding.message,
        finding.mend,
        named,
    )
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
    let _ = writeln!(
        text,
        "{name}{kind}  {algorithm}:{}",
        short(&document.digest)
    );
}

fn rule(findings: &[&Finding], mender: &Mender, text: &mut String) {
    let Some(first) = findings.first() else {
        return;
    };
    let rule = first.rule;
    let _ = writeln!(text, "  {}  {rule}", severity(rule.severity()));
    for finding in findings.iter().take(MOST_PLACES) {
        let place = if finding.pointer.is_empty() {
            String::new()
        } else {
            format!("{}: ", finding.pointer)
        };
        let _ = writeln!(text, "    {place}{}", finding.message);
    }
    let all: usize = findings.iter().map(|finding| finding.count()).sum();
    let told = findings.len().min(MOST_PLACES);
    if all > told {
        let _ = writeln!(text, "    and {} more", all - told);
    }
    let _ = writeln!(text, "    from: {}", rule.section());
    for command in mender.commands(findings.iter().copied()) {
        let _ = writeln!(text, "    mend: {command}");
    }
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
        match groups
            .iter_mut()
            .find(|group| group[0].rule == finding.rule)
        {
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
    let children = tree
        .documents()
        .iter()
        .flat_map(|document| document.manifest.children());
    for child in children.filter(|child| child.kind == ChildKind::Manifest) {
        if let Some(platform) = &child.descriptor.platform {
            platforms
                .entry(&child.descriptor.digest)
                .or_insert(platform);
        }
    }
    platforms
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::{Image, Index, image};
    use portolan_model::lint::{Answer, Limits, Lint, Seek};
    use serde_json::json;

    use super::*;

    /// What is told of an index of these images, of whose content nothing is known.
    fn told_of(index: &Index, images: &[Image]) -> String {
        let mut lint = Lint::new(index.digest(), index.manifest(), Limits::default());
        while let Some(want) = lint.next_want() {
            let found = images
                .iter()
                .find(|image| want.seek == Seek::Manifest && image.digest() == want.digest);
            lint.supply(
                &want,
                found.map_or(Answer::Unknown, |image| Answer::Manifest(image.manifest())),
            );
        }
        let location = "oci:images:app".parse().unwrap();
        told(&location, &lint.finish(), &Mender::new(&location))
    }

    /// An index for as many platforms, and the images, of which this is said.
    fn siblings(number: usize, image_of: impl Fn(usize) -> Image) -> (Index, Vec<Image>) {
        let images: Vec<_> = (0..number).map(image_of).collect();
        let place = |index: Index, (number, image): (usize, &Image)| {
            index.image(image, &format!("linux/arch{number}"))
        };
        (images.iter().enumerate().fold(Index::oci(), place), images)
    }

    #[test]
    fn what_is_beyond_the_bound_is_counted() {
        let (index, _) = siblings(1200, |number| image(&number.to_string()).docker());
        let text = told_of(&index, &[]);
        assert!(
            text.contains("    and 1190 more\n") && text.ends_with("1200 warnings in 1 document\n"),
            "{text}"
        );
    }

    #[test]
    fn the_same_about_siblings_is_told_once() {
        let (index, images) = siblings(30, |number| {
            image(&number.to_string()).field("x", json!(number))
        });
        let text = told_of(&index, &images);
        assert_eq!(text.matches("unknown-field").count(), 1, "{text}");
        assert!(
            text.starts_with("linux/arch0  ")
                && text.contains("linux/arch9  ")
                && !text.contains("arch10"),
            "{text}"
        );
        assert!(
            text.contains("\nand 20 documents more\n  info     unknown-field\n    /x: "),
            "{text}"
        );
        assert!(text.ends_with("30 infos in 31 documents\n"), "{text}");
    }

    #[test]
    fn what_differs_about_too_many_is_left_to_the_report() {
        let different = |number: usize| image("a").field(&format!("x{number}"), json!(1));
        let (index, images) = siblings(MOST_GROUPS + 3, different);
        let text = told_of(&index, &images);
        assert_eq!(text.matches("unknown-field").count(), MOST_GROUPS, "{text}");
        assert!(
            text.contains("and 3 documents with 3 infos, which portolan lint --json tells\n"),
            "{text}"
        );
        assert!(text.ends_with("103 infos in 104 documents\n"), "{text}");
    }
}
