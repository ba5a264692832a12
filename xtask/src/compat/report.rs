//! Output of the comparison: the matrix, the messages of peers that rejected a kind, the facts that
//! are covered, and every difference.

use std::collections::BTreeSet;

use portolan_model::compat::{Fact, FactOutcome, Feature, Operation, Target, TargetVerdict};

use super::matrix::CompatCell;
use super::outcome::PeerOutcome;
use crate::interop::report::{join_cells, unique};

/// Prints everything and returns the number of cells that differ.
pub(super) fn print(cells: &[CompatCell]) -> usize {
    print_table(cells);
    let (differing, agreeing): (Vec<_>, Vec<_>) = cells.iter().partition(|cell| cell.is_mismatch());
    for cell in agreeing
        .iter()
        .filter(|cell| cell.verdict == TargetVerdict::Fails)
    {
        println!("{}: as predicted: {}", title(cell), outcome_text(cell));
    }
    println!();
    print_uncovered_facts(cells);
    for cell in &differing {
        println!(
            "{}: DIFFERS: predicted {}",
            title(cell),
            cell.verdict.as_str()
        );
        for fact in &cell.facts {
            println!("  {}: {} ({})", fact.feature, fact.summary, fact.source);
        }
        println!("  outcome: {}", outcome_text(cell));
    }
    println!(
        "{} cells match the table, {} differ",
        agreeing.len(),
        differing.len()
    );
    differing.len()
}

fn title(cell: &CompatCell) -> String {
    let CompatCell {
        peer,
        operation,
        kind,
        platform,
        ..
    } = cell;
    [peer, operation_name(*operation), kind]
        .into_iter()
        .chain(*platform)
        .collect::<Vec<_>>()
        .join(" ")
}

fn outcome_text(cell: &CompatCell) -> String {
    match &cell.outcome {
        Ok(PeerOutcome::Works) => "works".to_owned(),
        Ok(PeerOutcome::Rejected(words)) => format!("rejected: {words}"),
        Ok(PeerOutcome::FalseSuccess(found)) => format!("reports success, but {found}"),
        Err(error) => format!("unknown: {error}"),
    }
}

fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Push => "push",
        Operation::Pull => "pull",
        Operation::Copy => "copy",
    }
}

fn print_table(cells: &[CompatCell]) {
    let columns = unique(cells.iter().map(|cell| (cell.peer, cell.operation)));
    let head = |text: fn(&(&'static str, Operation)) -> &'static str| {
        join_cells(columns.iter().map(|column| format!("{:<13}", text(column))))
    };
    println!("{:<28}{}", "", head(|(peer, _)| peer));
    println!(
        "{:<28}{}",
        "",
        head(|(_, operation)| operation_name(*operation))
    );
    for kind in unique(cells.iter().map(|cell| cell.kind)) {
        let cells = cells.iter().filter(|cell| cell.kind == kind);
        let find = |column: &_| {
            cells
                .clone()
                .filter(|cell| (cell.peer, cell.operation) == *column)
                .collect::<Vec<_>>()
        };
        let row = join_cells(
            columns
                .iter()
                .map(|column| format!("{:<13}", cell_text(&find(column)))),
        );
        println!("{kind:<28}{row}");
    }
    println!();
}

/// Returns the word for a cell of the table: the worst verdict of several platforms.
fn cell_text(cells: &[&CompatCell]) -> &'static str {
    match cells.iter().map(|cell| cell.verdict).max() {
        _ if cells.iter().any(|cell| cell.is_mismatch()) => "DIFFERS",
        None => "",
        Some(TargetVerdict::Works) => "works",
        Some(TargetVerdict::Remark) => "remark",
        Some(TargetVerdict::Fails) => "fails",
    }
}

/// Prints the predicted failures that no kind of the corpus shows alone. A fact that applies only
/// together with another failure, or never, could be wrong without being noticed.
fn print_uncovered_facts(cells: &[CompatCell]) {
    let key =
        |target: &'static str, fact: &Fact| (target, operation_name(fact.operation), fact.feature);
    let alone = cells
        .iter()
        .filter(|cell| cell.predicted_failures().count() == 1);
    let shown: BTreeSet<_> = alone
        .flat_map(|cell| cell.predicted_failures().map(|fact| key(cell.target, fact)))
        .collect();
    let compared: BTreeSet<_> = cells
        .iter()
        .map(|cell| (cell.target, cell.operation))
        .collect();
    for (target, operation) in compared {
        let facts = Target::find(target).into_iter().flat_map(Target::facts);
        let failures =
            facts.filter(|fact| fact.operation == operation && fact.outcome == FactOutcome::Fails);
        let features: Vec<_> = failures
            .filter(|fact| !shown.contains(&key(target, fact)))
            .map(|fact| Feature::id(fact.feature))
            .collect();
        if !features.is_empty() {
            println!(
                "{target} {}: not covered alone: {}",
                operation_name(operation),
                features.join(", ")
            );
        }
    }
    println!();
}
