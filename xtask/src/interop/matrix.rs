//! The table of clients and kinds: each cell is run, judged against what is known, and printed.

use std::path::Path;

use super::client::{Arrival, Client};
use super::document::Kind;
use super::expect::{Direction, Expected, Limit, expected};
use super::place::Place;
use super::registry::Registry;
use super::sandbox::Failure;

/// The name of the row of [`run_own`].
pub(crate) const OWN: &str = "own-build";

/// A kind that was put into the registry, or why it could not be.
#[derive(Clone)]
pub(crate) struct Seeded {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    pub(crate) error: Option<String>,
}

/// How a cell ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// As expected, in this form.
    Passed(Arrival),
    /// The client refused with this message, as it is known to.
    Cannot(Limit, String),
    /// The client ended well and did not do it, as it is known to; this was found.
    Feigned(Limit, String),
    Failed(String),
}

/// One client, one direction, one kind, each by its name in tables.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) client: &'static str,
    pub(crate) direction: &'static str,
    pub(crate) kind: String,
    pub(crate) outcome: Outcome,
}

/// Runs all of a client's cells, one after another.
pub(crate) fn run_client(
    client: &dyn Client,
    seeded: &[Seeded],
    registry: &mut Registry,
) -> Vec<Cell> {
    let cells = seeded
        .iter()
        .flat_map(|seed| Direction::ALL.map(|direction| (seed, direction)));
    cells
        .map(|(seed, direction)| run_cell(client, direction, seed, registry))
        .collect()
}

/// The row of what a client makes itself out of the tar of a root folder: every byte of it is uploaded.
pub(crate) fn run_own(
    client: &dyn Client,
    root_folder: &Path,
    to: &Place,
    registry: &mut Registry,
) -> Option<Cell> {
    let pushed = client.push_own(root_folder, to)?;
    let compared = pushed.and_then(|digest| {
        registry.walk(&digest, to)?;
        Ok(Arrival::Rewritten(digest))
    });
    let outcome = judge(Expected::Rewritten, compared);
    Some(Cell {
        client: client.name(),
        direction: Direction::Push.name(),
        kind: OWN.to_owned(),
        outcome,
    })
}

fn run_cell(
    client: &dyn Client,
    direction: Direction,
    seed: &Seeded,
    registry: &mut Registry,
) -> Cell {
    let outcome = if let Some(error) = &seed.error {
        Outcome::Failed(format!("not in the registry: {error}"))
    } else {
        judge(
            expected(client.name(), direction, &seed.kind),
            transfer(client, direction, seed, registry),
        )
    };
    Cell {
        client: client.name(),
        direction: direction.name(),
        kind: seed.kind.name.to_owned(),
        outcome,
    }
}

fn transfer(
    client: &dyn Client,
    direction: Direction,
    Seeded { kind, place, .. }: &Seeded,
    registry: &mut Registry,
) -> Result<Arrival, Failure> {
    if direction == Direction::Pull {
        return client.pull(kind, place);
    }
    let repository = format!("{}/by-{}", place.repository, client.name());
    let to = Place {
        repository,
        ..place.clone()
    };
    let arrival = client.push(kind, place, &to)?;
    match (&arrival, &kind.image) {
        (Arrival::Rewritten(digest), _) => registry.compare_rewritten(kind, digest, &to)?,
        (Arrival::OneImage, Some(image)) => registry.compare(kind, &image.manifest, &to)?,
        _ => registry.compare(kind, &kind.top, &to)?,
    }
    Ok(arrival)
}

/// Whether it ended as expected.
pub(crate) fn judge(expected: Expected, result: Result<Arrival, Failure>) -> Outcome {
    match (expected, result) {
        (_, Ok(arrival)) if expected.is(&arrival) => Outcome::Passed(arrival),
        (_, Ok(arrival)) => {
            Outcome::Failed(format!("expected {expected:?}, and it was {arrival:?}"))
        }
        (Expected::Cannot(limit), Err(Failure::Refused(message)))
            if message.contains(limit.words) =>
        {
            Outcome::Cannot(limit, message)
        }
        (Expected::Feigns(limit), Err(Failure::Broken(error)))
            if format!("{error:#}").contains(limit.words) =>
        {
            Outcome::Feigned(limit, format!("{error:#}"))
        }
        (_, Err(failure)) => Outcome::Failed(failure.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit {
        words: "unsupported",
        reason: "It does not.",
    };

    #[test]
    fn a_refusal_counts_only_with_the_words_that_are_known() {
        let refused = |words: &str| Err(Failure::Refused(words.to_owned()));
        let expected = Expected::Cannot(LIMIT);
        assert!(matches!(
            judge(expected, refused("unsupported type")),
            Outcome::Cannot(..)
        ));
        assert!(matches!(
            judge(expected, refused("500 Internal Server Error")),
            Outcome::Failed(_)
        ));
        assert!(matches!(
            judge(Expected::Whole, refused("unsupported type")),
            Outcome::Failed(_)
        ));
        let broken = || Err(Failure::Broken(anyhow::anyhow!("unsupported bytes")));
        assert!(matches!(judge(expected, broken()), Outcome::Failed(_)));
        assert!(matches!(
            judge(Expected::Feigns(LIMIT), broken()),
            Outcome::Feigned(..)
        ));
        assert!(matches!(
            judge(Expected::Feigns(LIMIT), refused("unsupported type")),
            Outcome::Failed(_)
        ));
    }

    #[test]
    fn doing_better_than_known_fails_too() {
        assert!(matches!(
            judge(Expected::Cannot(LIMIT), Ok(Arrival::Whole)),
            Outcome::Failed(_)
        ));
        assert!(matches!(
            judge(Expected::OneImage, Ok(Arrival::Whole)),
            Outcome::Failed(_)
        ));
        assert!(matches!(
            judge(Expected::Whole, Ok(Arrival::Whole)),
            Outcome::Passed(_)
        ));
    }
}
