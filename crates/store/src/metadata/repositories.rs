//! Repositories: a row from their first content on.

use portolan_model::RepositoryName;
use portolan_registry::Result;

use super::{Timestamp, Transaction};

const FIND: &str = "SELECT id FROM repositories WHERE name = ?1";
const CREATE: &str =
    "INSERT INTO repositories (name, created_at) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
const LIST: &str = "SELECT name FROM repositories WHERE name > ?1 AND (\
     EXISTS (SELECT 1 FROM manifests WHERE repository_id = repositories.id AND deleted_at IS NULL) OR \
     EXISTS (SELECT 1 FROM repository_blobs WHERE repository_id = repositories.id AND deleted_at IS NULL)) \
     ORDER BY name LIMIT ?2";

pub(crate) fn find(
    transaction: &mut dyn Transaction,
    name: &RepositoryName,
) -> Result<Option<i64>> {
    let rows = transaction.query(FIND, &[name.as_str().into()])?;
    rows.into_iter()
        .next()
        .map(|mut row| row.integer())
        .transpose()
}

/// The repository's id, which it gets now if it has none.
pub(crate) fn repository_id(
    transaction: &mut dyn Transaction,
    name: &RepositoryName,
    now: Timestamp,
) -> Result<i64> {
    if let Some(id) = find(transaction, name)? {
        return Ok(id);
    }
    transaction.execute(CREATE, &[name.as_str().into(), now.into()])?;
    find(transaction, name)?.ok_or_else(|| super::unexpected("the repository just created", None))
}

/// The names behind `after` of repositories that hold anything.
pub(crate) fn list_repositories(
    transaction: &mut dyn Transaction,
    after: &str,
    limit: usize,
) -> Result<Vec<RepositoryName>> {
    let rows = transaction.query(LIST, &[after.into(), limit.into()])?;
    rows.into_iter().map(|mut row| row.parsed()).collect()
}
