//! Manifests with more references than one transaction writes. Storing such a manifest writes its row
//! first, and its edges afterwards in pages. Deleting it makes the row a tombstone first, and marks
//! the edges in pages. Until all pages are done, the manifest has a row in `unfinished_manifests`.

use portolan_model::{Digest, MediaType, RepositoryName};
use portolan_registry::Result;

use super::references::{self, Edge};
use super::{
    Children, Lookup, Row, Statement, Transaction, find_children, require_changes, store_media_type,
};

/// Maximum number of edges that one transaction writes or marks.
pub(crate) const REFERENCES_PAGE: usize = 1_000;

const BEGIN: &str = "INSERT INTO unfinished_manifests (manifest_id, repository_id, next_position) \
     SELECT m.id, m.repository_id, 0 FROM manifest_contents c \
     JOIN manifests m ON m.content_id = c.id AND m.repository_id = ?1 WHERE c.digest = ?2 \
     ON CONFLICT (manifest_id) DO UPDATE SET next_position = 0";
const BEGIN_REMOVAL: &str = "INSERT INTO unfinished_manifests \
     (manifest_id, repository_id, next_position) \
     SELECT m.id, m.repository_id, ?2 FROM manifests m WHERE m.id = ?1 AND EXISTS \
     (SELECT 1 FROM manifest_references e WHERE e.parent_id = ?1 AND e.position >= ?2) \
     ON CONFLICT (manifest_id) DO UPDATE SET next_position = excluded.next_position";
const HAS_UNFINISHED: &str = "SELECT 1 FROM unfinished_manifests WHERE repository_id = ?1 LIMIT 1";
const FIND: &str = "SELECT c.digest, t.name, m.content_id, m.deleted_at FROM repositories r \
     JOIN unfinished_manifests u ON u.repository_id = r.id JOIN manifests m ON m.id = u.manifest_id \
     JOIN manifest_contents c ON c.id = m.content_id JOIN media_types t ON t.id = m.media_type_id \
     WHERE r.name = ?1 LIMIT 1";
const FIND_REPOSITORY: &str = "SELECT r.name FROM unfinished_manifests u \
     JOIN repositories r ON r.id = u.repository_id WHERE u.manifest_id > ?1 LIMIT 1";
const STATE: &str = "SELECT u.manifest_id, u.repository_id, u.next_position, m.deleted_at \
     FROM repositories r JOIN manifest_contents c ON c.digest = ?2 \
     JOIN manifests m ON m.content_id = c.id AND m.repository_id = r.id \
     JOIN unfinished_manifests u ON u.manifest_id = m.id WHERE r.name = ?1";
const CLEAR_PAGE: &str = "DELETE FROM manifest_references \
     WHERE parent_id = ?1 AND position >= ?2 AND position < ?3";
const MARK_PAGE: &str = "UPDATE manifest_references SET parent_deleted = 1 \
     WHERE parent_id = ?1 AND position >= ?2 AND position < ?3";
const HAS_MORE: &str =
    "SELECT 1 FROM manifest_references WHERE parent_id = ?1 AND position >= ?2 LIMIT 1";
const ADVANCE: &str = "UPDATE unfinished_manifests SET next_position = ?2 WHERE manifest_id = ?1";
const END: &str = "DELETE FROM unfinished_manifests WHERE manifest_id = ?1";

/// Returns the statement that leaves all edges of a stored manifest to [`write_page`].
pub(super) fn begin(repository_id: i64, digest: &Digest) -> Statement<'static> {
    Statement::new(BEGIN, [repository_id.into(), digest.into()]).changing_one()
}

/// Returns the statement that leaves the edges of a deleted manifest after the first page to
/// [`write_page`].
pub(super) fn begin_removal(manifest_id: i64) -> Statement<'static> {
    let parameters = [manifest_id.into(), REFERENCES_PAGE.into()];
    Statement::new(BEGIN_REMOVAL, parameters)
}

/// Returns whether the repository has an unfinished manifest, so that its edges do not show yet
/// whether a manifest references some content.
pub(super) fn has_unfinished(
    transaction: &mut dyn Transaction,
    repository_id: i64,
) -> Result<bool> {
    let found = transaction.query(&Statement::new(HAS_UNFINISHED, [repository_id.into()]))?;
    Ok(!found.is_empty())
}

/// Unfinished manifest.
#[derive(Clone, Debug)]
pub(crate) struct UnfinishedManifest {
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
    pub(crate) content_id: i64,
    pub(crate) is_deleted: bool,
}

/// Returns a lookup of an unfinished manifest of a repository.
pub(crate) fn find_unfinished(repository: &RepositoryName) -> Lookup<Option<UnfinishedManifest>> {
    let parameters = [repository.to_string().into()];
    Lookup::first(Statement::new(FIND, parameters), |mut row: Row| {
        Ok(UnfinishedManifest {
            digest: row.digest()?,
            media_type: row.media_type()?,
            content_id: row.integer()?,
            is_deleted: row.optional_integer()?.is_some(),
        })
    })
}

/// Returns a lookup of a repository that has an unfinished manifest.
pub(crate) fn find_unfinished_repository() -> Lookup<Option<RepositoryName>> {
    let statement = Statement::new(FIND_REPOSITORY, [0_i64.into()]);
    Lookup::first(statement, |mut row: Row| row.parse())
}

/// Writes the next page of the edges of an unfinished manifest. `edges` are all edges of the
/// manifest; they are not read for a tombstone. Does nothing if the manifest is finished, or if it
/// is live and `edges` is `None`.
pub(crate) fn write_page(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    digest: &Digest,
    edges: Option<&[Edge]>,
) -> Result<()> {
    let parameters = [repository.as_str().into(), digest.into()];
    let found = transaction.query(&Statement::new(STATE, parameters))?;
    let Some(mut row) = found.into_iter().next() else {
        return Ok(());
    };
    let page = Page {
        manifest_id: row.integer()?,
        repository_id: row.integer()?,
        first: row.size()?,
    };
    let is_deleted = row.optional_integer()?.is_some();
    match edges {
        _ if is_deleted => page.mark(transaction),
        Some(edges) => page.write(transaction, repository, digest, edges),
        None => Ok(()),
    }
}

/// Next page of an unfinished manifest.
struct Page {
    manifest_id: i64,
    repository_id: i64,
    /// Position of the first edge of the page.
    first: u64,
}

impl Page {
    /// Marks the edges of a tombstone.
    fn mark(&self, transaction: &mut dyn Transaction) -> Result<()> {
        let end = self.first + REFERENCES_PAGE as u64;
        let has_more = Statement::new(HAS_MORE, [self.manifest_id.into(), end.into()]);
        let is_last = transaction.query(&has_more)?.is_empty();
        transaction.batch(&[self.statement(MARK_PAGE, end), self.end(end, is_last)])?;
        Ok(())
    }

    /// Replaces the edges of a live manifest.
    fn write(
        &self,
        transaction: &mut dyn Transaction,
        repository: &RepositoryName,
        digest: &Digest,
        edges: &[Edge],
    ) -> Result<()> {
        let first = usize::try_from(self.first)
            .unwrap_or(usize::MAX)
            .min(edges.len());
        let end = (first + REFERENCES_PAGE).min(edges.len());
        let (page, is_last) = (&edges[first..end], end == edges.len());
        let digests = page.iter().map(|edge| &edge.digest);
        let mut children = Children::default();
        for outcome in transaction.batch(&find_children(repository, digests))? {
            children.add(outcome.rows)?;
        }
        let clear_end = if is_last { i64::MAX as u64 } else { end as u64 };
        let types = references::served_types(page, &children);
        let mut statements: Vec<_> = types.into_iter().map(store_media_type).collect();
        statements.push(self.statement(CLEAR_PAGE, clear_end));
        let edges = references::insert(self.repository_id, digest, (first, page), &children);
        statements.extend(edges);
        statements.push(self.end(end as u64, is_last));
        let outcomes = transaction.batch(&statements)?;
        require_changes(&statements, &outcomes)
    }

    /// Returns a statement for the edges from the first edge of the page to `end`.
    fn statement(&self, sql: &'static str, end: u64) -> Statement<'static> {
        let parameters = [self.manifest_id.into(), self.first.into(), end.into()];
        Statement::new(sql, parameters)
    }

    fn end(&self, end: u64, is_last: bool) -> Statement<'static> {
        if is_last {
            Statement::new(END, [self.manifest_id.into()])
        } else {
            Statement::new(ADVANCE, [self.manifest_id.into(), end.into()])
        }
    }
}
