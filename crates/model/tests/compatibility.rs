//! Test that docs/compatibility.md, which is generated from the table in the code, is current.

use std::fmt::Write;
use std::{env, fs};

use portolan_model::compat::{Fact, FactOutcome, Feature, Operation, Target, TargetRole};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compatibility.md");

/// Environment variable that makes the test write the file instead of comparing it.
const WRITE: &str = "WRITE_COMPATIBILITY_REFERENCE";

/// Introduction of the page, which explains how to read it.
const HEAD: &str = "# Compatibility
This page lists what other registries and clients do with images that are not simply OCI images in a single index. To check an
image against one of them, run `portolan lint REF --for TARGET`. To check it against all of them, run
`portolan lint REF --for all`.

The page is generated from the code (`crates/model/src/compat`). To write it again, run
`WRITE_COMPATIBILITY_REFERENCE=1 cargo test -p portolan-model --test compatibility`. `cargo xtask compat` runs the targets that
are available locally on images of every kind, and fails if the results differ from the table.

Each row gives its source, and applies to the version that is listed. If a combination is missing here, it is not known to
fail; this does not mean that it is known to work.
";

/// Explanation of the cells of the matrices.
const CELLS: &str = "
The matrices show, for registries, a push; and for clients, a pull of the image for one platform / a copy of the full image.
A cell is **F** if the operation fails, *R* if it works with a remark, and – or empty if no problem is known.
";

#[test]
fn reference_is_current() {
    let mut reference = format!("{HEAD}{CELLS}");
    matrix(TargetRole::Registry, "Registries", &mut reference);
    matrix(TargetRole::Client, "Clients", &mut reference);
    features(&mut reference);
    for target in Target::all() {
        section(target, &mut reference);
    }
    if env::var_os(WRITE).is_some() {
        fs::write(FILE, &reference).unwrap();
    }
    let written = fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        written == reference,
        "docs/compatibility.md is out of date; run {WRITE}=1 cargo test -p portolan-model --test compatibility"
    );
}

fn matrix(role: TargetRole, title: &str, text: &mut String) {
    let targets: Vec<_> = Target::all()
        .iter()
        .filter(|target| target.role == role)
        .collect();
    let heads: Vec<_> = targets
        .iter()
        .map(|target| format!("[{}](#{})", target.id, anchor(target.id)))
        .collect();
    let _ = write!(
        text,
        "\n## {title}\n\n| feature | {} |\n| --- |{}\n",
        heads.join(" | "),
        " --- |".repeat(heads.len())
    );
    for feature in Feature::ALL {
        let cells: Vec<_> = targets.iter().map(|target| cell(target, feature)).collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            let _ = writeln!(text, "| [`{feature}`](#features) | {} |", cells.join(" | "));
        }
    }
}

fn cell(target: &Target, feature: Feature) -> String {
    let mark = |operation: Operation| {
        let fact = target
            .facts()
            .find(|fact| fact.feature == feature && fact.operation == operation);
        fact.map_or("", |fact| {
            if fact.outcome == FactOutcome::Fails {
                "**F**"
            } else {
                "*R*"
            }
        })
    };
    match target.role {
        TargetRole::Registry => mark(Operation::Push).to_owned(),
        TargetRole::Client => match (mark(Operation::Pull), mark(Operation::Copy)) {
            ("", "") => String::new(),
            (pull, copy) => format!("{} / {}", or_dash(pull), or_dash(copy)),
        },
    }
}

fn or_dash(mark: &str) -> &str {
    if mark.is_empty() { "–" } else { mark }
}

fn features(text: &mut String) {
    let _ = write!(
        text,
        "\n## Features\n\n| feature | description | fix |\n| --- | --- | --- |\n"
    );
    for feature in Feature::ALL {
        let _ = writeln!(
            text,
            "| `{feature}` | {} | {} |",
            feature.summary(),
            feature.fix()
        );
    }
}

fn section(target: &Target, text: &mut String) {
    let aliases: Vec<_> = target
        .aliases
        .iter()
        .map(|alias| format!("`{alias}`"))
        .collect();
    let _ = write!(
        text,
        "\n## {}\n{}. Version: {}. Also called {}.\n",
        target.id,
        target.name,
        target.version,
        aliases.join(", ")
    );
    for note in target.notes {
        let _ = write!(text, "\n{note}\n");
    }
    for operation in target.operations {
        let facts: Vec<_> = target
            .facts()
            .filter(|fact| fact.operation == *operation)
            .collect();
        if !facts.is_empty() {
            table(*operation, &facts, text);
        }
    }
}

fn table(operation: Operation, facts: &[&Fact], text: &mut String) {
    let _ = write!(
        text,
        "\n| {} | | | source |\n| --- | --- | --- | --- |\n",
        operation.as_str()
    );
    for fact in facts {
        let outcome = if fact.outcome == FactOutcome::Fails {
            "fails"
        } else {
            "remark"
        };
        let _ = writeln!(
            text,
            "| `{}` | {outcome} | {} | {} |",
            fact.feature, fact.summary, fact.source
        );
    }
}

/// Returns the URL fragment of a heading.
fn anchor(heading: &str) -> String {
    heading
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || "-_".contains(*character))
        .collect()
}
