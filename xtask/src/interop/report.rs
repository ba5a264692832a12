//! Prints the matrix, what clients cannot do with their words, and what failed.

use super::client::Arrival;
use super::matrix::{Cell, Outcome};

const LEGEND: &str = "ok: all of it, byte for byte; image: the image for linux/amd64 out of it; own: in a manifest that \
the client wrote itself; cannot: the client refuses, see below";

/// Prints the tables and everything about their cells; answers how many failed.
pub(crate) fn print(tables: [&[Cell]; 2]) -> usize {
    tables
        .into_iter()
        .filter(|cells| !cells.is_empty())
        .for_each(print_table);
    println!("{LEGEND}\n");
    let cells: Vec<_> = tables.into_iter().flatten().collect();
    print_messages(&cells, "the client cannot", |outcome| match outcome {
        Outcome::Cannot(_, message) => Some(message),
        _ => None,
    });
    print_messages(
        &cells,
        "the client says that it did, and",
        |outcome| match outcome {
            Outcome::Feigned(_, found) => Some(found),
            _ => None,
        },
    );
    print_messages(&cells, "FAILED", |outcome| match outcome {
        Outcome::Failed(message) => Some(message),
        _ => None,
    });
    let count =
        |wanted: fn(&Outcome) -> bool| cells.iter().filter(|cell| wanted(&cell.outcome)).count();
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let passed = count(|outcome| matches!(outcome, Outcome::Passed(_)));
    println!(
        "{} cells are what the client itself cannot do, as recorded",
        cells.len() - passed - failed
    );
    println!("{passed} passed, {failed} failed");
    failed
}

fn print_table(cells: &[Cell]) {
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
    let heads = joined(clients.iter().map(|client| format!("{client:<14}")));
    let names = joined(columns().map(|(_, direction)| format!("{direction:<7}")));
    println!("{:<36}{heads}\n{:<36}{names}", "", "");
    for kind in kinds {
        let row = joined(columns().map(|column| format!("{:<7}", word(cells, kind, column))));
        println!("{kind:<36}{row}");
    }
    println!();
}

/// The cells of a row.
pub(crate) fn joined(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().concat().trim_end().to_owned()
}

fn word(cells: &[Cell], kind: &str, (client, direction): (&str, &str)) -> &'static str {
    let of =
        |cell: &&Cell| cell.kind == kind && cell.client == client && cell.direction == direction;
    match cells.iter().find(of).map(|cell| &cell.outcome) {
        Some(Outcome::Passed(Arrival::Whole)) => "ok",
        Some(Outcome::Passed(Arrival::OneImage)) => "image",
        Some(Outcome::Passed(Arrival::Rewritten(_))) => "own",
        Some(Outcome::Cannot(..) | Outcome::Feigned(..)) => "cannot",
        Some(Outcome::Failed(_)) => "FAILED",
        None => "",
    }
}

fn print_messages(cells: &[&Cell], what: &str, message: impl Fn(&Outcome) -> Option<&String>) {
    for cell in cells {
        if let Some(message) = message(&cell.outcome) {
            println!(
                "{} {} {}: {what}: {message}",
                cell.client, cell.direction, cell.kind
            );
        }
    }
    println!();
}

/// The items in order, each once.
pub(crate) fn unique<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}
