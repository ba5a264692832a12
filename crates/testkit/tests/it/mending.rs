//! The commands that rules give as what mends them, carried out on the cases that fire them.

use portolan_model::convert::{Conversion, Converted, Format};
use portolan_model::lint::{Lint, Tree, TreeDocument};
use portolan_model::{ChildKind, Manifest, MediaType, Rule};
use portolan_registry::{Policy, Preset};
use portolan_testkit::corpus::{self, Case};

use crate::snapshot;

/// What is not there cannot be converted.
const UNMENDED: [&str; 2] = [
    "index-mixed-families/fires-for-an-absent-child",
    "index-nested/fires-for-an-absent-index",
];

#[test]
fn a_conversion_that_is_said_to_mend_does() {
    let mut left = Vec::new();
    let topics = snapshot::by_topic();
    for rule in Rule::ALL {
        let cases = topics.get(rule.id()).map(Vec::as_slice).unwrap_or_default();
        for case in cases {
            let tree = case.tree();
            let first = tree.findings().find(|finding| finding.rule == rule);
            let Some(conversion) = first.and_then(|finding| conversion(finding.mend)) else {
                continue;
            };
            let mended = corpus::convert(&case.tree(), None, &conversion)
                .ok()
                .map(|converted| looked_at(case, &converted));
            if mended.is_none_or(|tree| found(&tree, rule)) {
                left.push(case.name());
            }
        }
    }
    assert_eq!(left, UNMENDED);
}

#[test]
fn what_a_policy_does_not_take_is_mended_for_it() {
    let (mut left, mut mended) = (Vec::new(), 0);
    for preset in [Preset::OciOnly, Preset::DockerOnly] {
        let policy = Policy::from(preset);
        for case in corpus::all().into_iter().filter(is_all_there) {
            let refused = policy.types(&case.manifest_of_root());
            let Some(conversion) = refused.first().and_then(|finding| conversion(finding.mend))
            else {
                continue;
            };
            let converted = corpus::convert(&case.tree(), None, &conversion);
            let tree = converted
                .as_ref()
                .ok()
                .map(|converted| looked_at(&case, converted));
            let taken = |document: &TreeDocument| policy.types(&document.manifest).is_empty();
            if tree.is_some_and(|tree| tree.documents().iter().all(taken)) {
                mended += 1;
            } else {
                left.push(case.name());
            }
        }
    }
    assert!(mended > 50, "{mended}");
    // It stays as it is, and so it stays stored as another type than its own.
    assert_eq!(left, ["media-type-mismatch/fires-for-a-child"]);
}

/// Whether every document was read; what is not there cannot be converted.
fn is_all_there(case: &Case) -> bool {
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

/// What a command of `portolan convert` or `portolan copy` does, if it is one alone.
fn conversion(mend: &str) -> Option<Conversion> {
    let is_one =
        mend.starts_with("portolan convert REF DST") || mend.starts_with("portolan copy REF DST");
    let is_one = is_one && !mend.contains("&&");
    let to = [Format::Oci, Format::Docker]
        .into_iter()
        .find(|to| mend.contains(&format!("--to {to}").to_lowercase()));
    let (flatten, drop_unknown) = (mend.contains("--flatten"), mend.contains("--drop-unknown"));
    is_one.then_some(Conversion {
        to,
        flatten,
        drop_unknown,
    })
}

fn found(tree: &Tree, rule: Rule) -> bool {
    tree.findings().any(|finding| finding.rule == rule)
}

fn looked_at(case: &Case, converted: &Converted) -> Tree {
    let mut contents = case.contents().clone();
    for written in converted.documents.values() {
        let manifest = &written.manifest;
        contents.put(
            written.digest.clone(),
            Some(manifest.media_type().clone()),
            manifest.bytes().clone(),
        );
    }
    let root = contents.get(&converted.root).expect("the root is there");
    let manifest = Manifest::parse(root.bytes.clone(), root.media_type.as_ref()).unwrap();
    contents.tree(Lint::new(converted.root.clone(), manifest, case.limits()))
}
