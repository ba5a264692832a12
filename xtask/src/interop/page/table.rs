//! Markdown tables, and the table of kinds and clients.

use super::super::client::Arrival;
use super::super::matrix::{CellOutcome, MatrixCell};
use super::super::report::unique;

/// Largest width of a padded column. Wider columns contain prose.
const WIDEST: usize = 36;

/// Returns a table whose narrow columns are also aligned in the source.
pub(crate) fn render_markdown(head: &[&str], rows: &[Vec<String>]) -> String {
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

/// Returns the table with a row for each kind and a column for each client. A cell has one word per
/// direction.
pub(crate) fn render_matrix(cells: &[&MatrixCell]) -> String {
    let clients = unique(cells.iter().map(|cell| cell.client));
    let kinds = unique(cells.iter().map(|cell| cell.kind.as_str()));
    let directions = unique(cells.iter().map(|cell| cell.direction));
    let row = |kind: &str| {
        let words = clients
            .iter()
            .map(|client| cell_text(cells, &directions, kind, client));
        std::iter::once(format!("`{kind}`")).chain(words).collect()
    };
    let rows: Vec<_> = kinds.into_iter().map(row).collect();
    render_markdown(&[&["kind"], &clients[..]].concat(), &rows)
}

fn line(cells: &[&str], widths: &[usize]) -> String {
    let cells = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!(" {cell:<width$} |"));
    format!("|{}\n", cells.collect::<String>())
}

fn cell_text(cells: &[&MatrixCell], directions: &[&str], kind: &str, client: &str) -> String {
    let cells = cells
        .iter()
        .filter(|cell| cell.kind == kind && cell.client == client);
    if cells.clone().next().is_none() {
        return String::new();
    }
    let word_of = |direction: &&str| {
        let found = cells.clone().find(|cell| cell.direction == *direction);
        found.map_or("", |cell| outcome_word(&cell.outcome))
    };
    directions
        .iter()
        .map(word_of)
        .collect::<Vec<_>>()
        .join(" / ")
}

fn outcome_word(outcome: &CellOutcome) -> &'static str {
    match outcome {
        CellOutcome::Passed(Arrival::Full) => "ok",
        CellOutcome::Passed(Arrival::OneImage) => "image",
        CellOutcome::Passed(Arrival::Rewritten(_)) => "own",
        CellOutcome::Unsupported(..) | CellOutcome::FalseSuccess(..) => "—",
        CellOutcome::Failed(_) => "failed",
    }
}
