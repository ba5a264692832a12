//! What clients cannot do: a section for each client, an item for each reason, with the client's words.

use super::super::expect::Limit;
use super::super::matrix::{Cell, Outcome};
use super::super::report::unique;
use super::message::{Scrub, tidy};

/// A cell in which a client could not.
struct Refusal<'a> {
    kind: &'a str,
    direction: &'a str,
    limit: Limit,
    /// Nothing, if it claims that it could.
    message: Option<&'a str>,
}

/// All sections; a client without a limit has none.
pub(crate) fn sections(cells: &[&Cell], scrub: &Scrub) -> String {
    let clients = unique(cells.iter().map(|cell| cell.client));
    clients
        .into_iter()
        .map(|client| section(client, &refusals(cells, client), scrub))
        .collect()
}

fn refusals<'a>(cells: &[&'a Cell], client: &str) -> Vec<Refusal<'a>> {
    let cells = cells.iter().filter(|cell| cell.client == client);
    cells
        .filter_map(
            |Cell {
                 kind,
                 direction,
                 outcome,
                 ..
             }| {
                let (limit, message) = match outcome {
                    Outcome::Cannot(limit, message) => (*limit, Some(message.as_str())),
                    Outcome::Feigned(limit, _) => (*limit, None),
                    _ => return None,
                };
                Some(Refusal {
                    kind,
                    direction,
                    limit,
                    message,
                })
            },
        )
        .collect()
}

fn section(client: &str, refusals: &[Refusal], scrub: &Scrub) -> String {
    let reasons = unique(refusals.iter().map(|refusal| refusal.limit.reason));
    if reasons.is_empty() {
        return String::new();
    }
    let of = |reason: &str| {
        refusals
            .iter()
            .filter(|refusal| refusal.limit.reason == reason)
            .collect::<Vec<_>>()
    };
    let items = reasons
        .into_iter()
        .map(|reason| item(reason, &of(reason), client, scrub));
    format!("\n### {client}\n{}", items.collect::<String>())
}

fn item(reason: &str, refusals: &[&Refusal], client: &str, scrub: &Scrub) -> String {
    let feigned = refusals.iter().filter(|refusal| refusal.message.is_none());
    let feigned = unique(feigned.map(|refusal| refusal.direction));
    let remark = match feigned.first() {
        Some(direction) => format!(" The {direction} ends with status 0 all the same."),
        None => String::new(),
    };
    format!(
        "- {reason} {}.{remark}\n{}",
        places(refusals),
        quotes(refusals, client, scrub)
    )
}

/// For example: Pull and push of `a`, `b`; push of `c`.
fn places(refusals: &[&Refusal]) -> String {
    let directions = |kind: &str| {
        let of = refusals.iter().filter(|refusal| refusal.kind == kind);
        of.map(|refusal| refusal.direction)
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
    capitalised(&places.collect::<Vec<_>>().join("; "))
}

fn capitalised(text: &str) -> String {
    let mut signs = text.chars();
    signs
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(signs.as_str().chars())
        .collect()
}

/// One message for each of the words that a limit is known by.
fn quotes(refusals: &[&Refusal], client: &str, scrub: &Scrub) -> String {
    let limits = unique(refusals.iter().map(|refusal| refusal.limit.words));
    let first = |words: &str| {
        refusals
            .iter()
            .find(|refusal| refusal.limit.words == words)?
            .message
    };
    let messages = limits
        .into_iter()
        .filter_map(|words| Some(tidy(first(words)?, words, client, scrub)));
    messages.fold(String::new(), |text, message| {
        text + &format!("  ```text\n  {message}\n  ```\n")
    })
}
