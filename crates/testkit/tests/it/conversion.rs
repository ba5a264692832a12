//! Result of converting each case into each format: the changed documents, and the losses.

use std::fmt::Write;

use portolan_model::convert::{Conversion, Converted, ImageFormat};
use portolan_model::lint::LintTree;
use portolan_testkit::corpus::{self, Case};

use crate::snapshot;

#[test]
fn conversions_match_the_snapshots() {
    for (topic, cases) in snapshot::by_topic() {
        let text: String = cases.iter().map(render_case).collect();
        snapshot::assert_same("conversions", topic, &text);
    }
}

fn render_case(case: &Case) -> String {
    let tree = case.tree();
    let mut text = format!("{}\n", case.name());
    for (name, to) in [("oci", ImageFormat::Oci), ("docker", ImageFormat::Docker)] {
        let conversion = Conversion {
            to: Some(to),
            ..Conversion::default()
        };
        match corpus::convert(&tree, None, &conversion) {
            Ok(converted) if converted.documents.is_empty() && converted.remarks.is_empty() => {
                writeln!(text, "  to {name}: nothing changes").unwrap();
            }
            Ok(converted) => {
                write!(
                    text,
                    "  to {name}:\n{}",
                    render_changes(case, &tree, &converted)
                )
                .unwrap();
            }
            Err(error) => {
                writeln!(text, "  to {name}: {}", case.with_names(&error.to_string())).unwrap();
            }
        }
    }
    text
}

fn render_changes(case: &Case, tree: &LintTree, converted: &Converted) -> String {
    let mut text = String::new();
    for before in tree.documents() {
        if let Some(after) = converted.documents.get(&before.digest) {
            let (name, after) = (
                case.with_names(before.digest.as_str()),
                after.manifest.media_type(),
            );
            writeln!(
                text,
                "    {name}: {} -> {after}",
                before.manifest.media_type()
            )
            .unwrap();
        }
    }
    for remark in &converted.remarks {
        let (document, message) = (
            case.with_names(remark.document.as_str()),
            case.with_names(&remark.message),
        );
        writeln!(
            text,
            "    {}: {document} {}\n      {message}",
            remark.effect, remark.pointer
        )
        .unwrap();
    }
    text
}
