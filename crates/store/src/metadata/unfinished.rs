//! Manifests with more references than one transaction writes. Storing such a manifest writes its row
//! first, and its edges afterwards in pages. Deleting it makes the row a tombstone first, and marks
//! the edges in pages. Until all pages are done, the manifest has a row in `unfinished_manifests`.

use std::sync::Arc;

use portolan_model::{Digest, MediaType, RepositoryName};
use portolan_registry::Result;

use super::references;
use super::{
    Children, Document, Lookup, Row, Statement, Transaction, find_children, require_changes,
    store_media_type,
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
const FIND_REPOSITORY: &str = "SELECT u.manifest_id, r.name FROM unfinished_manifests u \
     JOIN repositories r ON r.id = u.repository_id WHERE u.manifest_id > ?1 \
     ORDER BY u.manifest_id LIMIT 1";
const STATE: &str = "SELECT u.manifest_id, u.repository_id, u.next_position, m.deleted_at, t.name \
     FROM repositories r JOIN manifest_contents c ON c.digest = ?2 \
     JOIN manifests m ON m.content_id = c.id AND m.repository_id = r.id \
     JOIN media_types t ON t.id = m.media_type_id JOIN unfinished_manifests u ON u.manifest_id = m.id WHERE r.name = ?1";
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

/// Returns a lookup of the next unfinished manifest after the row `after`, with its repository.
pub(crate) fn find_unfinished_repository(after: i64) -> Lookup<Option<(i64, RepositoryName)>> {
    let statement = Statement::new(FIND_REPOSITORY, [after.into()]);
    Lookup::first(statement, |mut row: Row| Ok((row.integer()?, row.parse()?)))
}

/// Writes the edges of unfinished manifests, up to [`REFERENCES_PAGE`]. Returns how many of the first
/// `documents` are finished.
pub(crate) fn write_pages(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    documents: &[Arc<Document>],
) -> Result<usize> {
    let mut room = REFERENCES_PAGE;
    for (position, document) in documents.iter().enumerate() {
        if room == 0 {
            return Ok(position);
        }
        let digest = &document.digest;
        match write_page(transaction, repository, digest, Some(document), room)? {
            Progress::Finished(written) => room -= written.min(room),
            Progress::Partial => return Ok(position),
        }
    }
    Ok(documents.len())
}

/// Result of [`write_page`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// This number of edges was written or marked, and none is left. It is 0 if another call has
    /// finished the manifest, or if the state of its row is not the one that the caller assumes.
    Finished(usize),
    Partial,
}

impl Progress {
    fn new(written: usize, is_last: bool) -> Self {
        if is_last {
            Self::Finished(written)
        } else {
            Self::Partial
        }
    }
}

/// Writes up to `room` edges of an unfinished manifest, or marks those of a tombstone. `document` is
/// the manifest, which is not needed for a tombstone. Does nothing if the row has another media type,
/// or is live and there is no document.
pub(crate) fn write_page(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    digest: &Digest,
    document: Option<&Document>,
    room: usize,
) -> Result<Progress> {
    let parameters = [repository.as_str().into(), digest.into()];
    let found = transaction.query(&Statement::new(STATE, parameters))?;
    let Some(mut row) = found.into_iter().next() else {
        return Ok(Progress::Finished(0));
    };
    let page = Page {
        manifest_id: row.integer()?,
        repository_id: row.integer()?,
        first: row.size()?,
        room,
    };
    let is_deleted = row.optional_integer()?.is_some();
    let media_type = row.media_type()?;
    match document {
        _ if is_deleted => page.mark(transaction),
        Some(document) if *document.manifest.media_type() == media_type => {
            page.write(transaction, repository, document)
        }
        _ => Ok(Progress::Finished(0)),
    }
}

/// Next page of an unfinished manifest.
struct Page {
    manifest_id: i64,
    repository_id: i64,
    /// Position of the first edge of the page.
    first: u64,
    /// Maximum number of edges of the page.
    room: usize,
}

impl Page {
    /// Marks the edges of a tombstone.
    fn mark(&self, transaction: &mut dyn Transaction) -> Result<Progress> {
        let end = self.first + self.room as u64;
        let has_more = Statement::new(HAS_MORE, [self.manifest_id.into(), end.into()]);
        let is_last = transaction.query(&has_more)?.is_empty();
        transaction.batch(&[self.statement(MARK_PAGE, end), self.end(end, is_last)])?;
        Ok(Progress::new(self.room, is_last))
    }

    /// Replaces the edges of a live manifest.
    fn write(
        &self,
        transaction: &mut dyn Transaction,
        repository: &RepositoryName,
        Document { digest, edges, .. }: &Document,
    ) -> Result<Progress> {
        let first = usize::try_from(self.first)
            .unwrap_or(usize::MAX)
            .min(edges.len());
        let end = (first + self.room).min(edges.len());
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
        require_changes(&statements, &outcomes)?;
        Ok(Progress::new(page.len(), is_last))
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
