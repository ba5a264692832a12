//! Table of clients and kinds: each cell is run and compared with the expected result.

use std::path::Path;

use super::client::{Arrival, Client};
use super::document::Kind;
use super::expect::{Direction, Expected, Limit, expected_result};
use super::reference::TaggedReference;
use super::registry::RegistryConnection;
use super::sandbox::ClientFailure;

/// Name of the row of [`run_own`].
pub(crate) const OWN: &str = "own-build";

/// Kind in the registry, or the error of pushing it.
#[derive(Clone)]
pub(crate) struct SeededKind {
    pub(crate) kind: Kind,
    pub(crate) place: TaggedReference,
    pub(crate) error: Option<String>,
}

/// Outcome of a cell.
#[derive(Debug)]
pub(crate) enum CellOutcome {
    /// Success as expected, in this form.
    Passed(Arrival),
    /// The client failed with this message, as expected.
    Unsupported(Limit, String),
    /// The client reported success but did something else, as expected. The comparison found this.
    FalseSuccess(Limit, String),
    Failed(String),
}

/// Cell of one client, one direction and one kind, each by its name in tables.
#[derive(Debug)]
pub(crate) struct MatrixCell {
    pub(crate) client: &'static str,
    pub(crate) direction: &'static str,
    pub(crate) kind: String,
    pub(crate) outcome: CellOutcome,
}

/// Runs all cells of a client, one after another.
pub(crate) fn run_client(
    client: &dyn Client,
    seeded: &[SeededKind],
    registry: &mut RegistryConnection,
) -> Vec<MatrixCell> {
    let cells = seeded
        .iter()
        .flat_map(|seed| Direction::ALL.map(|direction| (seed, direction)));
    cells
        .map(|(seed, direction)| run_cell(client, direction, seed, registry))
        .collect()
}

/// Runs the cell of what a client builds itself from the tar of a root folder. All its content is
/// uploaded.
pub(crate) fn run_own(
    client: &dyn Client,
    root_folder: &Path,
    to: &TaggedReference,
    registry: &mut RegistryConnection,
) -> Option<MatrixCell> {
    let pushed = client.push_own(root_folder, to)?;
    let compared = pushed.and_then(|digest| {
        registry.check_tree(&digest, to)?;
        Ok(Arrival::Rewritten(digest))
    });
    let outcome = cell_outcome(Expected::Rewritten, compared);
    Some(MatrixCell {
        client: client.name(),
        direction: Direction::Push.name(),
        kind: OWN.to_owned(),
        outcome,
    })
}

fn run_cell(
    client: &dyn Client,
    direction: Direction,
    seed: &SeededKind,
    registry: &mut RegistryConnection,
) -> MatrixCell {
    let outcome = if let Some(error) = &seed.error {
        CellOutcome::Failed(format!("failed to push to the registry: {error}"))
    } else {
        cell_outcome(
            expected_result(client.name(), direction, &seed.kind),
            transfer(client, direction, seed, registry),
        )
    };
    MatrixCell {
        client: client.name(),
        direction: direction.name(),
        kind: seed.kind.name.to_owned(),
        outcome,
    }
}

fn transfer(
    client: &dyn Client,
    direction: Direction,
    SeededKind { kind, place, .. }: &SeededKind,
    registry: &mut RegistryConnection,
) -> Result<Arrival, ClientFailure> {
    if direction == Direction::Pull {
        return client.pull(kind, place);
    }
    let repository = format!("{}/by-{}", place.repository, client.name());
    let to = TaggedReference {
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

/// Compares a result with the expected one.
pub(crate) fn cell_outcome(
    expected: Expected,
    result: Result<Arrival, ClientFailure>,
) -> CellOutcome {
    match (expected, result) {
        (_, Ok(arrival)) if expected.matches(&arrival) => CellOutcome::Passed(arrival),
        (_, Ok(arrival)) => {
            CellOutcome::Failed(format!("expected {expected:?}, but it was {arrival:?}"))
        }
        (Expected::Unsupported(limit), Err(ClientFailure::Rejected(message)))
            if message.contains(limit.text) =>
        {
            CellOutcome::Unsupported(limit, message)
        }
        (Expected::FalseSuccess(limit), Err(ClientFailure::Broken(error)))
            if format!("{error:#}").contains(limit.text) =>
        {
            CellOutcome::FalseSuccess(limit, format!("{error:#}"))
        }
        (_, Err(failure)) => CellOutcome::Failed(failure.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit {
        text: "unsupported",
        reason: "Not supported.",
    };

    #[test]
    fn rejection_counts_only_with_the_expected_text() {
        let refused = |words: &str| Err(ClientFailure::Rejected(words.to_owned()));
        let expected = Expected::Unsupported(LIMIT);
        assert!(matches!(
            cell_outcome(expected, refused("unsupported type")),
            CellOutcome::Unsupported(..)
        ));
        assert!(matches!(
            cell_outcome(expected, refused("500 Internal Server Error")),
            CellOutcome::Failed(_)
        ));
        assert!(matches!(
            cell_outcome(Expected::Full, refused("unsupported type")),
            CellOutcome::Failed(_)
        ));
        let broken = || Err(ClientFailure::Broken(anyhow::anyhow!("unsupported bytes")));
        assert!(matches!(
            cell_outcome(expected, broken()),
            CellOutcome::Failed(_)
        ));
        assert!(matches!(
            cell_outcome(Expected::FalseSuccess(LIMIT), broken()),
            CellOutcome::FalseSuccess(..)
        ));
        assert!(matches!(
            cell_outcome(Expected::FalseSuccess(LIMIT), refused("unsupported type")),
            CellOutcome::Failed(_)
        ));
    }

    #[test]
    fn better_result_than_expected_fails() {
        assert!(matches!(
            cell_outcome(Expected::Unsupported(LIMIT), Ok(Arrival::Full)),
            CellOutcome::Failed(_)
        ));
        assert!(matches!(
            cell_outcome(Expected::OneImage, Ok(Arrival::Full)),
            CellOutcome::Failed(_)
        ));
        assert!(matches!(
            cell_outcome(Expected::Full, Ok(Arrival::Full)),
            CellOutcome::Passed(_)
        ));
    }
}
