//! docs/compatibility.md, made of the table in the code.

use std::fmt::Write;
use std::{env, fs};

use portolan_model::compat::{Fact, Feature, Operation, Outcome, Role, Target};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compatibility.md");

/// Set to anything, the file is written instead of compared.
const WRITE: &str = "WRITE_COMPATIBILITY_REFERENCE";

/// What the table itself does not say: how to read it.
const HEAD: &str = "# Compatibility
What other registries and clients do with images that are not made of OCI images in one index alone. `portolan lint REF --for
TARGET` says it of an image; `portolan lint REF --for all` asks all of them.

This page is made of the code (`crates/model/src/compat`); write it anew with
`WRITE_COMPATIBILITY_REFERENCE=1 cargo test -p portolan-model --test compatibility`. `cargo xtask compat` runs those targets
that can be run here on images of every kind, and fails where the table and the truth differ.

What stands here is known from where each line says, for the version that is named. What does not stand here is not known to
fail, which is less than to work.
";

/// What the cells of the matrices mean.
const CELLS: &str = "
In the matrices a registry is pushed to, and a client pulls the image for one platform / copies all of it. A cell is **F** where
that fails, *R* where it works with a remark, and – or empty where nothing is known to stand in the way.
";

#[test]
fn the_reference_is_current() {
    let mut reference = format!("{HEAD}{CELLS}");
    matrix(Role::Registry, "Registries", &mut reference);
    matrix(Role::Client, "Clients", &mut reference);
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
        "docs/compatibility.md is not current; write it with: {WRITE}=1 cargo test -p portolan-model --test compatibility"
    );
}

fn matrix(role: Role, title: &str, text: &mut String) {
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
    let of = |operation: Operation| {
        let fact = target
            .facts()
            .find(|fact| fact.feature == feature && fact.operation == operation);
        fact.map_or("", |fact| {
            if fact.outcome == Outcome::Fails {
                "**F**"
            } else {
                "*R*"
            }
        })
    };
    match target.role {
        Role::Registry => of(Operation::Push).to_owned(),
        Role::Client => match (of(Operation::Pull), of(Operation::Copy)) {
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
        "\n## Features\n\n| feature | what an image with it has | what mends it |\n| --- | --- | --- |\n"
    );
    for feature in Feature::ALL {
        let _ = writeln!(
            text,
            "| `{feature}` | {} | {} |",
            feature.summary(),
            feature.mend()
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
        "\n| {} | | | known from |\n| --- | --- | --- | --- |\n",
        operation.as_str()
    );
    for fact in facts {
        let outcome = if fact.outcome == Outcome::Fails {
            "fails"
        } else {
            "remark"
        };
        let _ = writeln!(
            text,
            "| `{}` | {outcome} | {} | {} |",
            fact.feature, fact.says, fact.source
        );
    }
}

/// The part of an address that leads to a heading.
fn anchor(heading: &str) -> String {
    heading
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || "-_".contains(*character))
        .collect()
}
