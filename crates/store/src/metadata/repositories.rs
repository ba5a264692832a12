//! Rows of repositories. The first content of a repository creates its row.

use portolan_model::RepositoryName;
use portolan_registry::Result;

use super::{Lookup, Removal, Row, Statement, Transaction, blobs, manifests, tags};

const MARK: &str = "UPDATE repositories SET has_content = 1 WHERE name = ?1 RETURNING id";
const CREATE: &str = "INSERT INTO repositories (name, has_content, created_at) VALUES (?1, 1, ?2) \
     ON CONFLICT (name) DO NOTHING RETURNING id";
const UNLIST: &str = "UPDATE repositories SET has_content = 0 WHERE id = ?1 \
     AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository_id = ?1 AND deleted_at IS NULL) \
     AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE repository_id = ?1 AND deleted_at IS NULL)";
const FIND: &str = "SELECT id FROM repositories WHERE name = ?1 AND has_content = 1";
const LIST: &str =
    "SELECT name FROM repositories WHERE name > ?1 AND has_content = 1 ORDER BY name LIMIT ?2";

/// Returns the id of a repository that is about to receive content. Creates the row if it does not
/// exist, and marks the repository as having content.
pub(crate) fn ensure_repository(
    transaction: &mut dyn Transaction,
    name: &RepositoryName,
) -> Result<i64> {
    let mark = Statement::new(MARK, [name.as_str().into()]);
    let create = Statement::new(CREATE, [name.as_str().into(), transaction.now().into()]);
    // Mark the repository a second time, in case another process has created it between the first
    // two statements.
    for statement in [&mark, &create, &mark] {
        if let Some(mut row) = transaction.query(statement)?.into_iter().next() {
            return row.integer();
        }
    }
    Err(super::no_outcome())
}

/// Returns the statement that removes a repository from the list if it has no live content.
pub(super) fn unlist(repository_id: i64) -> Statement<'static> {
    Statement::new(UNLIST, [repository_id.into()])
}

/// Removes a repository with its content. One transaction removes at most a page of each kind of
/// content: after [`Removal::Partial`], call this again in another transaction. `who` is the
/// caller's name for the tag history.
///
/// The blobs come last, in a transaction that has seen that no manifest is left: referenced content
/// is never removed.
pub(crate) fn remove_repository(
    transaction: &mut dyn Transaction,
    name: &RepositoryName,
    who: Option<&str>,
) -> Result<Removal> {
    let found = transaction.query(&Statement::new(FIND, [name.as_str().into()]))?;
    let Some(mut row) = found.into_iter().next() else {
        return Ok(Removal::Unknown);
    };
    let id = row.integer()?;
    if tags::remove_page(transaction, id, who)?
        || manifests::remove_page(transaction, id)?
        || blobs::remove_page(transaction, id)?
    {
        return Ok(Removal::Partial);
    }
    transaction.execute(&unlist(id))?;
    Ok(Removal::Removed)
}

/// Returns a lookup of the names of up to `limit` repositories that have content, sorted by name,
/// starting after `after`.
pub(crate) fn list_repositories(after: &str, limit: usize) -> Lookup<Vec<RepositoryName>> {
    let statement = Statement::new(LIST, [after.to_owned().into(), limit.into()]);
    Lookup::rows(statement, |mut row: Row| row.parse()).into_list()
}
