//! Fixes of rules that are commands, applied to the cases that violate the rules.

use portolan_model::convert::{Conversion, Converted};
use portolan_model::lint::{Fix, Invocation, LintDocument, LintTree, Linter};
use portolan_model::{ChildKind, Manifest, MediaType, Rule};
use portolan_registry::{Policy, Preset};
use portolan_testkit::corpus::{self, Case};

use crate::snapshot;

/// Cases that stay broken, because missing content cannot be converted.
const UNFIXED: [&str; 2] = [
    "index-mixed-families/fires-for-an-absent-child",
    "index-nested/fires-for-an-absent-index",
];

#[test]
fn suggested_conversions_fix_their_findings() {
    let mut broken = Vec::new();
    let topics = snapshot::by_topic();
    for rule in Rule::ALL {
        let cases = topics.get(rule.id()).map(Vec::as_slice).unwrap_or_default();
        for case in cases {
            let tree = case.tree();
            let first = tree.findings().find(|finding| finding.rule == rule);
            let Some(conversion) = first.and_then(|finding| conversion(finding.fix)) else {
                continue;
            };
            let fixed = corpus::convert(&case.tree(), None, &conversion)
                .ok()
                .map(|converted| lint_converted(case, &converted));
            if fixed.is_none_or(|tree| has_finding(&tree, rule)) {
                broken.push(case.name());
            }
        }
    }
    assert_eq!(broken, UNFIXED);
}

#[test]
fn suggested_conversions_satisfy_policies() {
    let (mut broken, mut fixed) = (Vec::new(), 0);
    for preset in [Preset::OciOnly, Preset::DockerOnly] {
        let policy = Policy::from(preset);
        for case in corpus::all().into_iter().filter(is_complete) {
            let rejected = policy.check_types(&case.manifest_of_root());
            let Some(conversion) = rejected.first().and_then(|finding| conversion(finding.fix))
            else {
                continue;
            };
            let converted = corpus::convert(&case.tree(), None, &conversion);
            let tree = converted
                .as_ref()
                .ok()
                .map(|converted| lint_converted(&case, converted));
            let accepted =
                |document: &LintDocument| policy.check_types(&document.manifest).is_empty();
            if tree.is_some_and(|tree| tree.documents().iter().all(accepted)) {
                fixed += 1;
            } else {
                broken.push(case.name());
            }
        }
    }
    assert!(fixed > 50, "{fixed}");
    // The child needs no conversion, so it stays stored with a type that differs from its own.
    assert_eq!(broken, ["media-type-mismatch/fires-for-a-child"]);
}

/// Returns whether all manifests of the tree are stored. Missing manifests cannot be converted.
fn is_complete(case: &Case) -> bool {
    let tree = case.tree();
    let children = tree
        .documents()
        .iter()
        .flat_map(|document| document.manifest.children());
    let mut documents = children.filter(|child| {
        let media_type = child.descriptor.media_type.as_ref();
        child.kind == ChildKind::Manifest && media_type.is_some_and(MediaType::is_known_manifest)
    });
    documents.all(|child| tree.document(&child.descriptor.digest).is_some())
}

/// Returns the conversion that a command makes, unless other commands follow it.
fn conversion(fix: Fix) -> Option<Conversion> {
    match fix {
        Fix::Command(Invocation::Convert(conversion)) => Some(conversion),
        Fix::Command(Invocation::DropUnknown) => Some(Conversion {
            drop_unknown: true,
            ..Conversion::default()
        }),
        _ => None,
    }
}

fn has_finding(tree: &LintTree, rule: Rule) -> bool {
    tree.findings().any(|finding| finding.rule == rule)
}

fn lint_converted(case: &Case, converted: &Converted) -> LintTree {
    let mut contents = case.contents().clone();
    for written in converted.documents.values() {
        let manifest = &written.manifest;
        contents.put(
            written.digest.clone(),
            Some(manifest.media_type().clone()),
            manifest.bytes().clone(),
        );
    }
    let root = contents.get(&converted.root).expect("the root is stored");
    let manifest = Manifest::parse(root.bytes.clone(), root.media_type.as_ref()).unwrap();
    contents.tree(Linter::new(converted.root.clone(), manifest, case.limits()))
}
