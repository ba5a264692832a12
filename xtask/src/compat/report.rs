//! Prints the matrix, what peers said that refused, which facts it shows, and every difference.

use std::collections::BTreeSet;

use portolan_model::compat::{Fact, Feature, Operation, Outcome, Target, Verdict};

use super::matrix::Cell;
use super::truth::Truth;
use crate::interop::report::{joined, unique};

/// Prints everything; answers how many cells differ.
pub(super) fn print(cells: &[Cell]) -> usize {
    print_table(cells);
    let (differing, agreeing): (Vec<_>, Vec<_>) = cells.iter().partition(|cell| cell.differs());
    for cell in agreeing
        .iter()
        .filter(|cell| cell.verdict == Verdict::Fails)
    {
        println!("{}: as the table says: {}", title(cell), ending(cell));
    }
    println!();
    print_unshown(cells);
    for cell in &differing {
        println!(
            "{}: DIFFERS: the table says that it {}",
            title(cell),
            cell.verdict.as_str()
        );
        for fact in &cell.facts {
            println!("  {}: {} ({})", fact.feature, fact.says, fact.source);
        }
        println!("  in truth: {}", ending(cell));
    }
    println!(
        "{} cells are as the table says, {} differ",
        agreeing.len(),
        differing.len()
    );
    differing.len()
}

fn title(cell: &Cell) -> String {
    let Cell {
        peer,
        operation,
        kind,
        platform,
        ..
    } = cell;
    [peer, word(*operation), kind]
        .into_iter()
        .chain(*platform)
        .collect::<Vec<_>>()
        .join(" ")
}

fn ending(cell: &Cell) -> String {
    match &cell.truth {
        Ok(Truth::Works) => "it works".to_owned(),
        Ok(Truth::Refused(words)) => format!("it refuses: {words}"),
        Ok(Truth::Feigned(found)) => format!("it ends well, and {found}"),
        Err(error) => format!("nobody knows: {error}"),
    }
}

fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Push => "push",
        Operation::Pull => "pull",
        Operation::Copy => "copy",
    }
}

fn print_table(cells: &[Cell]) {
    let columns = unique(cells.iter().map(|cell| (cell.peer, cell.operation)));
    let head = |text: fn(&(&'static str, Operation)) -> &'static str| {
        joined(columns.iter().map(|column| format!("{:<13}", text(column))))
    };
    println!("{:<28}{}", "", head(|(peer, _)| peer));
    println!("{:<28}{}", "", head(|(_, operation)| word(*operation)));
    for kind in unique(cells.iter().map(|cell| cell.kind)) {
        let cells = cells.iter().filter(|cell| cell.kind == kind);
        let find = |column: &_| {
            cells
                .clone()
                .filter(|cell| (cell.peer, cell.operation) == *column)
                .collect::<Vec<_>>()
        };
        let row = joined(
            columns
                .iter()
                .map(|column| format!("{:<13}", in_table(&find(column)))),
        );
        println!("{kind:<28}{row}");
    }
    println!();
}

/// Of several platforms the worst.
fn in_table(cells: &[&Cell]) -> &'static str {
    match cells.iter().map(|cell| cell.verdict).max() {
        _ if cells.iter().any(|cell| cell.differs()) => "DIFFERS",
        None => "",
        Some(Verdict::Works) => "works",
        Some(Verdict::Remark) => "remark",
        Some(Verdict::Fails) => "fails",
    }
}

/// Names the failures that the corpus does not show: a fact that only ever applies beside another failure, or never,
/// could be wrong and nobody would see it.
fn print_unshown(cells: &[Cell]) {
    let key = |target: &'static str, fact: &Fact| (target, word(fact.operation), fact.feature);
    let alone = cells.iter().filter(|cell| cell.failures().count() == 1);
    let shown: BTreeSet<_> = alone
        .flat_map(|cell| cell.failures().map(|fact| key(cell.target, fact)))
        .collect();
    let asked: BTreeSet<_> = cells
        .iter()
        .map(|cell| (cell.target, cell.operation))
        .collect();
    for (target, operation) in asked {
        let facts = Target::find(target).into_iter().flat_map(Target::facts);
        let failures =
            facts.filter(|fact| fact.operation == operation && fact.outcome == Outcome::Fails);
        let features: Vec<_> = failures
            .filter(|fact| !shown.contains(&key(target, fact)))
            .map(|fact| Feature::id(fact.feature))
            .collect();
        if !features.is_empty() {
            println!(
                "{target} {}: not shown by itself: {}",
                word(operation),
                features.join(", ")
            );
        }
    }
    println!();
}
