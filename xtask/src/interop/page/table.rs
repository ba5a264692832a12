//! Tables in Markdown, and the one of kinds and clients.

use super::super::client::Arrival;
use super::super::matrix::{Cell, Outcome};
use super::super::report::unique;

/// A column with a wider cell holds prose, which is not padded.
const WIDEST: usize = 36;

/// A table whose narrow columns are aligned in the source too.
pub(crate) fn markdown(head: &[&str], rows: &[Vec<String>]) -> String {
    let column = |index: usize| {
        rows.iter()
            .filter_map(move |row| row.get(index))
            .map(|cell| cell.chars().count())
    };
    let width = |(index, name): (usize, &&str)| {
        let widest = column(index).fold(name.len(), usize::max);
        if widest > WIDEST { 0 } else { widest }
    };
    let widths: Vec<_> = head.iter().enumerate().map(width).collect();
    let rule: Vec<_> = head.iter().map(|_| "---").collect();
    let rows = rows
        .iter()
        .map(|row| row.iter().map(String::as_str).collect());
    [head.to_vec(), rule]
        .into_iter()
        .chain(rows)
        .map(|row: Vec<&str>| line(&row, &widths))
        .collect()
}

/// A row for each kind, a column for each client; a cell has a word for each of both directions.
pub(crate) fn matrix(cells: &[&Cell]) -> String {
    let clients = unique(cells.iter().map(|cell| cell.client));
    let kinds = unique(cells.iter().map(|cell| cell.kind.as_str()));
    let directions = unique(cells.iter().map(|cell| cell.direction));
    let row = |kind: &str| {
        let words = clients
            .iter()
            .map(|client| words(cells, &directions, kind, client));
        std::iter::once(format!("`{kind}`")).chain(words).collect()
    };
    let rows: Vec<_> = kinds.into_iter().map(row).collect();
    markdown(&[&["kind"], &clients[..]].concat(), &rows)
}

fn line(cells: &[&str], widths: &[usize]) -> String {
    let cells = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!(" {cell:<width$} |"));
    format!("|{}\n", cells.collect::<String>())
}

fn words(cells: &[&Cell], directions: &[&str], kind: &str, client: &str) -> String {
    let cells = cells
        .iter()
        .filter(|cell| cell.kind == kind && cell.client == client);
    if cells.clone().next().is_none() {
        return String::new();
    }
    let word_of = |direction: &&str| {
        let found = cells.clone().find(|cell| cell.direction == *direction);
        found.map_or("", |cell| word(&cell.outcome))
    };
    directions
        .iter()
        .map(word_of)
        .collect::<Vec<_>>()
        .join(" / ")
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed(Arrival::Whole) => "ok",
        Outcome::Passed(Arrival::OneImage) => "image",
        Outcome::Passed(Arrival::Rewritten(_)) => "own",
        Outcome::Cannot(..) | Outcome::Feigned(..) => "—",
        Outcome::Failed(_) => "failed",
    }
}
