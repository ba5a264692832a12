//! Output of the run: the matrix, the known limits with the clients' messages, and the failures.

use super::client::Arrival;
use super::matrix::{CellOutcome, MatrixCell};

const LEGEND: &str = "ok: the full kind, byte for byte; image: only the image for linux/amd64; \
 own: in a manifest that \
the client wrote itself; cannot: the client fails as expected, see below";

/// Prints the tables and the messages of their cells, and returns the number of failed cells.
pub(crate) fn print(tables: [&[MatrixCell]; 2]) -> usize {
    tables
        .into_iter()
        .filter(|cells| !cells.is_empty())
        .for_each(print_table);
    println!("{LEGEND}\n");
    let cells: Vec<_> = tables.into_iter().flatten().collect();
    print_messages(&cells, "the client cannot", |outcome| match outcome {
        CellOutcome::Unsupported(_, message) => Some(message),
        _ => None,
    });
    print_messages(
        &cells,
        "the client reports success, but",
        |outcome| match outcome {
            CellOutcome::FalseSuccess(_, found) => Some(found),
            _ => None,
        },
    );
    print_messages(&cells, "FAILED", |outcome| match outcome {
        CellOutcome::Failed(message) => Some(message),
        _ => None,
    });
    let count = |wanted: fn(&CellOutcome) -> bool| {
        cells.iter().filter(|cell| wanted(&cell.outcome)).count()
    };
    let failed = count(|outcome| matches!(outcome, CellOutcome::Failed(_)));
    let passed = count(|outcome| matches!(outcome, CellOutcome::Passed(_)));
    println!(
        "{} cells are known limits of the clients",
        cells.len() - passed - failed
    );
    println!("{passed} passed, {failed} failed");
    failed
}

fn print_table(cells: &[MatrixCell]) {
    let kinds = unique(cells.iter().map(|cell| cell.kind.as_str()));
    let clients = unique(cells.iter().map(|cell| cell.client));
    let directions = unique(cells.iter().map(|cell| cell.direction));
    let columns = || {
        clients.iter().flat_map(|client| {
            directions
                .iter()
                .map(move |direction| (*client, *direction))
        })
    };
    let heads = join_cells(clients.iter().map(|client| format!("{client:<14}")));
    let names = join_cells(columns().map(|(_, direction)| format!("{direction:<7}")));
    println!("{:<36}{heads}\n{:<36}{names}", "", "");
    for kind in kinds {
        let row =
            join_cells(columns().map(|column| format!("{:<7}", outcome_word(cells, kind, column))));
        println!("{kind:<36}{row}");
    }
    println!();
}

/// Joins the cells of a row.
pub(crate) fn join_cells(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().concat().trim_end().to_owned()
}

fn outcome_word(
    cells: &[MatrixCell],
    kind: &str,
    (client, direction): (&str, &str),
) -> &'static str {
    let matches = |cell: &&MatrixCell| {
        cell.kind == kind && cell.client == client && cell.direction == direction
    };
    match cells.iter().find(matches).map(|cell| &cell.outcome) {
        Some(CellOutcome::Passed(Arrival::Full)) => "ok",
        Some(CellOutcome::Passed(Arrival::OneImage)) => "image",
        Some(CellOutcome::Passed(Arrival::Rewritten(_))) => "own",
        Some(CellOutcome::Unsupported(..) | CellOutcome::FalseSuccess(..)) => "cannot",
        Some(CellOutcome::Failed(_)) => "FAILED",
        None => "",
    }
}

fn print_messages(
    cells: &[&MatrixCell],
    label: &str,
    message: impl Fn(&CellOutcome) -> Option<&String>,
) {
    for cell in cells {
        if let Some(message) = message(&cell.outcome) {
            println!(
                "{} {} {}: {label}: {message}",
                cell.client, cell.direction, cell.kind
            );
        }
    }
    println!();
}

/// Returns the distinct items in order.
pub(crate) fn unique<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}
