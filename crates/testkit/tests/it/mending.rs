//! The commands that rules give as what mends them, carried out on the cases that fire them.

use portolan_model::convert::{Conversion, Converted, Format};
use portolan_model::lint::{Lint, Tree};
use portolan_model::{Manifest, Rule};
use portolan_testkit::corpus::{self, Case};

use crate::snapshot;

/// A document of OCI's types without `mediaType` is consistent and stays as it is; what is not there cannot be
/// converted; and a document cannot be left out of itself.
const UNMENDED: [&str; 6] = [
    "missing-media-type/fires-in-an-image",
    "missing-media-type/fires-in-an-index",
    "missing-media-type/fires-when-empty",
    "unknown-media-type/fires-for-the-root",
    "index-mixed-families/fires-for-an-absent-child",
    "index-nested/fires-for-an-absent-index",
];

#[test]
fn a_conversion_that_is_said_to_mend_does() {
    let mut left = Vec::new();
    let topics = snapshot::by_topic();
    for rule in Rule::ALL {
        let Some(conversion) = conversion(rule.mend()) else { continue };
        let cases = topics.get(rule.id()).map(Vec::as_slice).unwrap_or_default();
        for case in cases.iter().filter(|case| found(&case.tree(), rule)) {
            let mended =
                corpus::convert(&case.tree(), None, &conversion).ok().map(|converted| looked_at(case, &converted));
            if mended.is_none_or(|tree| found(&tree, rule)) {
                left.push(case.name());
            }
        }
    }
    assert_eq!(left, UNMENDED);
}

/// What a command of `portolan convert` or `portolan copy` does, if it is one.
fn conversion(mend: &str) -> Option<Conversion> {
    let is_one = mend.contains("portolan convert REF DST") || mend.contains("portolan copy REF DST");
    let to = mend.contains("--to oci").then_some(Format::Oci);
    let (flatten, drop_unknown) = (mend.contains("--flatten"), mend.contains("--drop-unknown"));
    is_one.then_some(Conversion { to, flatten, drop_unknown })
}

fn found(tree: &Tree, rule: Rule) -> bool {
    tree.findings().any(|finding| finding.rule == rule)
}

fn looked_at(case: &Case, converted: &Converted) -> Tree {
    let mut contents = case.contents().clone();
    for written in converted.documents.values() {
        let manifest = &written.manifest;
        contents.put(written.digest.clone(), Some(manifest.media_type().clone()), manifest.bytes().clone());
    }
    let root = contents.get(&converted.root).expect("the root is there");
    let manifest = Manifest::parse(root.bytes.clone(), root.media_type.as_ref()).unwrap();
    contents.tree(Lint::new(converted.root.clone(), manifest, case.limits()))
}
