//! Limits of the clients: a section for each client, an item for each reason, with the client's
//! messages.

use super::super::expect::Limit;
use super::super::matrix::{CellOutcome, MatrixCell};
use super::super::report::unique;
use super::message::{RunDetails, normalize_message};

/// Cell in which a client failed.
struct Rejection<'a> {
    kind: &'a str,
    direction: &'a str,
    limit: Limit,
    /// Message of the client, or `None` if it reported success.
    message: Option<&'a str>,
}

/// Returns all sections. A client without limits has none.
pub(crate) fn render_sections(cells: &[&MatrixCell], scrub: &RunDetails) -> String {
    let clients = unique(cells.iter().map(|cell| cell.client));
    clients
        .into_iter()
        .map(|client| render_section(client, &rejections(cells, client), scrub))
        .collect()
}

fn rejections<'a>(cells: &[&'a MatrixCell], client: &str) -> Vec<Rejection<'a>> {
    let cells = cells.iter().filter(|cell| cell.client == client);
    cells
        .filter_map(
            |MatrixCell {
                 kind,
                 direction,
                 outcome,
                 ..
             }| {
                let (limit, message) = match outcome {
                    CellOutcome::Unsupported(limit, message) => (*limit, Some(message.as_str())),
                    CellOutcome::FalseSuccess(limit, _) => (*limit, None),
                    _ => return None,
                };
                Some(Rejection {
                    kind,
                    direction,
                    limit,
                    message,
                })
            },
        )
        .collect()
}

fn render_section(client: &str, refusals: &[Rejection], scrub: &RunDetails) -> String {
    let reasons = unique(refusals.iter().map(|refusal| refusal.limit.reason));
    if reasons.is_empty() {
        return String::new();
    }
    let with_reason = |reason: &str| {
        refusals
            .iter()
            .filter(|refusal| refusal.limit.reason == reason)
            .collect::<Vec<_>>()
    };
    let items = reasons
        .into_iter()
        .map(|reason| render_item(reason, &with_reason(reason), client, scrub));
    format!("\n### {client}\n{}", items.collect::<String>())
}

fn render_item(reason: &str, refusals: &[&Rejection], client: &str, scrub: &RunDetails) -> String {
    let feigned = refusals.iter().filter(|refusal| refusal.message.is_none());
    let feigned = unique(feigned.map(|refusal| refusal.direction));
    let remark = match feigned.first() {
        Some(direction) => format!(" The {direction} exits with status 0 nevertheless."),
        None => String::new(),
    };
    format!(
        "- {reason} {}.{remark}\n{}",
        format_cells(refusals),
        quotes(refusals, client, scrub)
    )
}

/// Returns the cells as text, for example: Pull and push of `a`, `b`; push of `c`.
fn format_cells(refusals: &[&Rejection]) -> String {
    let directions = |kind: &str| {
        let of_kind = refusals.iter().filter(|refusal| refusal.kind == kind);
        of_kind
            .map(|refusal| refusal.direction)
            .collect::<Vec<_>>()
            .join(" and ")
    };
    let kinds = unique(refusals.iter().map(|refusal| refusal.kind));
    let ways = unique(kinds.iter().map(|kind| directions(kind)));
    let places = ways.iter().map(|way| {
        let kinds = kinds.iter().filter(|kind| directions(kind) == *way);
        format!(
            "{way} of {}",
            kinds
                .map(|kind| format!("`{kind}`"))
                .collect::<Vec<_>>()
                .join(", ")
        )
    });
    capitalize(&places.collect::<Vec<_>>().join("; "))
}

fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars.as_str().chars())
        .collect()
}

/// Returns one message for each text that identifies a limit.
fn quotes(refusals: &[&Rejection], client: &str, scrub: &RunDetails) -> String {
    let limits = unique(refusals.iter().map(|refusal| refusal.limit.text));
    let first = |words: &str| {
        refusals
            .iter()
            .find(|refusal| refusal.limit.text == words)?
            .message
    };
    let messages = limits
        .into_iter()
        .filter_map(|words| Some(normalize_message(first(words)?, words, client, scrub)));
    messages.fold(String::new(), |text, message| {
        text + &format!("  ```text\n  {message}\n  ```\n")
    })
}
