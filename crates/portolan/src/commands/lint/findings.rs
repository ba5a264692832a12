//! Text output of lint findings, document by document.

use std::collections::HashMap;

use portolan_model::lint::{Fix, LintDocument, LintTree};
use portolan_model::{Digest, Finding, Rule, Severity, child_platforms};

use super::Counts;
use super::fix::FixRenderer;
use crate::image_ref::Location;
use crate::manifest_io;
use crate::output::{Text, format_count, short_digest};

/// Maximum number of findings printed for one rule in one document, and of documents printed for
/// one group.
pub(super) const MAX_LOCATIONS: usize = 10;

/// Maximum number of groups of documents to print. Images that real tools build have fewer groups.
const MAX_GROUPS: usize = 100;

/// Renders all findings and their number. Documents with identical findings are printed as a group.
pub(super) fn render(location: &Location, tree: &LintTree, fixes: &FixRenderer) -> Text {
    let platforms = child_platforms(tree.documents().iter().map(|document| &document.manifest));
    let groups = group_documents(tree.documents());
    let mut text = Text::default();
    for documents in groups.iter().take(MAX_GROUPS) {
        for (position, document) in documents.iter().take(MAX_LOCATIONS) {
            let name = match position {
                0 => Some(location.to_string()),
                _ => platforms.get(&document.digest).map(ToString::to_string),
            };
            write_heading(document, name, &mut text);
        }
        if documents.len() > MAX_LOCATIONS {
            text.line(format_args!(
                "and {}",
                format_count(documents.len() - MAX_LOCATIONS, "more document")
            ));
        }
        if let Some((_, first)) = documents.first() {
            for findings in group_by_rule(&first.findings) {
                write_rule(&findings, fixes, &mut text);
            }
        }
        text.blank_line();
    }
    if groups.len() > MAX_GROUPS {
        let omitted: Vec<_> = groups
            .iter()
            .skip(MAX_GROUPS)
            .flatten()
            .map(|(_, document)| document)
            .collect();
        let counts = Counts::from_findings(omitted.iter().flat_map(|document| &document.findings));
        let documents = format_count(omitted.len(), "more document");
        text.line(format_args!(
            "and {documents} with {counts}; use --json to print all"
        ));
        text.blank_line();
    }
    let counts = Counts::from_findings(tree.findings());
    text.line(format_args!(
        "{counts} in {}",
        format_count(tree.documents().len(), "document")
    ));
    text
}

/// Groups the documents that have identical findings, so that the findings are printed once. Groups
/// are in the order of their first document. Each document is paired with its position in
/// `documents`. Documents without findings are skipped.
fn group_documents(documents: &[LintDocument]) -> Vec<Vec<(usize, &LintDocument)>> {
    let mut groups: Vec<Vec<_>> = Vec::new();
    let mut known: HashMap<Vec<FindingKey<'_>>, usize> = HashMap::new();
    for (position, document) in documents
        .iter()
        .enumerate()
        .filter(|(_, document)| !document.findings.is_empty())
    {
        let group = *known
            .entry(document.findings.iter().map(finding_key).collect())
            .or_insert(groups.len());
        match groups.get_mut(group) {
            Some(documents) => documents.push((position, document)),
            None => groups.push(vec![(position, document)]),
        }
    }
    groups
}

/// Properties of a finding that are printed. Documents whose findings have equal keys are identical
/// in the output, so they are printed as a group.
type FindingKey<'a> = (Rule, &'a str, &'a str, Fix, Option<&'a Digest>);

/// Returns the key of a finding. The key contains the digest only if the fix command contains it.
fn finding_key(finding: &Finding) -> FindingKey<'_> {
    let digest = finding
        .digest
        .as_ref()
        .filter(|_| finding.fix.names_digests());
    (
        finding.rule,
        &finding.pointer,
        &finding.message,
        finding.fix,
        digest,
    )
}

/// Renders the number of findings as one line, for output that does not list the findings.
pub(super) fn render_counts(location: &Location, tree: &LintTree) -> Text {
    let counts = Counts::from_findings(tree.findings());
    let mut text = Text::default();
    if !counts.is_zero() {
        text.blank_line();
        text.line(format_args!("Findings: {counts}"));
        text.line(format_args!(
            "help: for details, run `portolan lint {location}`"
        ));
    }
    text
}

/// Writes the heading of a document: its name, kind and digest.
fn write_heading(document: &LintDocument, name: Option<String>, text: &mut Text) {
    let kind = manifest_io::kind_name(&document.manifest);
    let name = name.map_or_else(String::new, |name| format!("{name}  "));
    let algorithm = document.digest.algorithm();
    text.line(format_args!(
        "{name}{kind}  {algorithm}:{}",
        short_digest(&document.digest)
    ));
}

/// Writes the findings of one rule, with their fix commands.
fn write_rule(findings: &[&Finding], fixes: &FixRenderer, text: &mut Text) {
    let Some(first) = findings.first() else {
        return;
    };
    let rule = first.rule;
    text.line(format_args!(
        "  {}  {rule}",
        severity_label(max_severity(findings))
    ));
    for finding in findings.iter().take(MAX_LOCATIONS) {
        let pointer = if finding.pointer.is_empty() {
            String::new()
        } else {
            format!("{}: ", finding.pointer)
        };
        text.line(format_args!("    {pointer}{}", finding.message));
    }
    let all: usize = findings.iter().map(|finding| finding.count()).sum();
    let printed = findings.len().min(MAX_LOCATIONS);
    if all > printed {
        text.line(format_args!("    and {} more", all - printed));
    }
    text.line(format_args!("    see: {}", rule.section()));
    for command in fixes.render_all(findings.iter().copied()) {
        text.line(format_args!("    help: {command}"));
    }
}

fn severity_label(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error  ",
        Severity::Warning => "warning",
        Severity::Info => "info   ",
    }
}

/// Groups findings by rule. The groups are sorted by severity, highest first, and then by the order
/// of `findings`.
fn group_by_rule(findings: &[Finding]) -> Vec<Vec<&Finding>> {
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
    groups.sort_by_key(|group| std::cmp::Reverse(max_severity(group)));
    groups
}

fn max_severity(findings: &[&Finding]) -> Severity {
    let severities = findings.iter().map(|finding| finding.severity);
    severities.max().unwrap_or(Severity::Info)
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::{ImageFixture, IndexFixture, image};
    use portolan_model::lint::{ContentKind, ContentResponse, LintLimits, Linter};
    use serde_json::json;

    use super::*;

    /// Lints `index`, and renders the findings. The repository has `images`, and the presence of
    /// other content is unknown.
    fn render_findings(index: &IndexFixture, images: &[ImageFixture]) -> String {
        let mut lint = Linter::new(index.digest(), index.manifest(), LintLimits::default());
        while let Some(want) = lint.next_request() {
            let found = images
                .iter()
                .find(|image| want.kind == ContentKind::Manifest && image.digest() == want.digest);
            lint.supply(
                &want,
                found.map_or(ContentResponse::Unknown, |image| {
                    ContentResponse::Manifest(image.manifest())
                }),
            );
        }
        let location = "oci:images:app".parse().unwrap();
        render(&location, &lint.finish(), &FixRenderer::new(&location))
            .as_str()
            .to_owned()
    }

    /// Builds an index with `number` images for different platforms.
    fn siblings(
        number: usize,
        image_of: impl Fn(usize) -> ImageFixture,
    ) -> (IndexFixture, Vec<ImageFixture>) {
        let images: Vec<_> = (0..number).map(image_of).collect();
        let add = |index: IndexFixture, (number, image): (usize, &ImageFixture)| {
            index.image(image, &format!("linux/arch{number}"))
        };
        (
            images.iter().enumerate().fold(IndexFixture::oci(), add),
            images,
        )
    }

    #[test]
    fn counts_findings_beyond_the_limit() {
        let (index, _) = siblings(1200, |number| image(&number.to_string()).docker());
        let text = render_findings(&index, &[]);
        assert!(
            text.contains("    and 1190 more\n") && text.ends_with("1200 warnings in 1 document\n"),
            "{text}"
        );
    }

    #[test]
    fn prints_identical_findings_of_siblings_once() {
        let (index, images) = siblings(30, |number| {
            image(&number.to_string()).field("x", json!(number))
        });
        let text = render_findings(&index, &images);
        assert_eq!(text.matches("unknown-field").count(), 1, "{text}");
        assert!(
            text.starts_with("linux/arch0  ")
                && text.contains("linux/arch9  ")
                && !text.contains("arch10"),
            "{text}"
        );
        assert!(
            text.contains("\nand 20 more documents\n  info     unknown-field\n    /x: "),
            "{text}"
        );
        assert!(text.ends_with("30 infos in 31 documents\n"), "{text}");
    }

    #[test]
    fn counts_document_groups_beyond_the_limit() {
        let different = |number: usize| image("a").field(&format!("x{number}"), json!(1));
        let (index, images) = siblings(MAX_GROUPS + 3, different);
        let text = render_findings(&index, &images);
        assert_eq!(text.matches("unknown-field").count(), MAX_GROUPS, "{text}");
        assert!(
            text.contains("and 3 more documents with 3 infos; use --json to print all\n"),
            "{text}"
        );
        assert!(text.ends_with("103 infos in 104 documents\n"), "{text}");
    }
}
