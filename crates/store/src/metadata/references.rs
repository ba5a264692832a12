//! Rows of edges. An edge is the reference from a stored manifest, the parent, to a distinct digest
//! in it, the child.
//!
//! An edge refers to its child by foreign keys, as a manifest, as a blob or as both, so that the
//! child cannot be removed. If the repository does not have the child, the edge stores the digest
//! instead and waits. Storing content with this digest attaches the waiting edges: it sets their
//! foreign keys.

use std::collections::HashMap;

use portolan_model::{ChildKind, Digest, Manifest, MediaType, RepositoryName};
use portolan_registry::Result;

use super::unfinished::{REFERENCES_PAGE, begin_removal, has_unfinished};
use super::view::Children;
use super::{Lookup, Parameter, Removal, Row, Statement, Transaction};

const CLEAR: &str = "DELETE FROM manifest_references WHERE parent_id = (SELECT m.id \
     FROM manifest_contents c JOIN manifests m ON m.content_id = c.id AND m.repository_id = ?1 \
     WHERE c.digest = ?2)";
// ?4 is the digest of a child that is a manifest, or NULL. The statement looks up its id, because
// the child may have been stored earlier in the same batch.
const INSERT: &str = "INSERT INTO manifest_references \
     (parent_id, position, repository_id, parent_deleted, child_manifest_id, child_blob_id, absent_digest, media_type_id) \
     SELECT m.id, ?3, m.repository_id, 0, (SELECT k.id FROM manifest_contents d \
     JOIN manifests k ON k.content_id = d.id AND k.repository_id = ?1 WHERE d.digest = ?4), \
     ?5, ?6, (SELECT id FROM media_types WHERE name = ?7) FROM manifest_contents c \
     JOIN manifests m ON m.content_id = c.id AND m.repository_id = ?1 WHERE c.digest = ?2";
const ATTACH_BLOB: &str = "UPDATE manifest_references SET child_blob_id = l.blob_id, absent_digest = NULL \
     FROM repositories r JOIN blobs b ON b.digest = ?2 \
     JOIN repository_blobs l ON l.repository_id = r.id AND l.blob_id = b.id \
     WHERE r.name = ?1 AND manifest_references.repository_id = r.id \
     AND manifest_references.absent_digest = ?2";
const ATTACH_MANIFEST: &str = "UPDATE manifest_references \
     SET child_manifest_id = m.id, absent_digest = NULL, media_type_id = NULL \
     FROM manifest_contents c JOIN manifests m ON m.content_id = c.id \
     WHERE c.digest = ?2 AND m.repository_id = ?1 \
     AND manifest_references.repository_id = ?1 AND manifest_references.absent_digest = ?2";
const ATTACH_TYPED: &str = "UPDATE manifest_references \
     SET child_manifest_id = m.id, media_type_id = NULL \
     FROM manifest_contents c JOIN manifests m ON m.content_id = c.id JOIN blobs b ON b.digest = ?2 \
     WHERE c.digest = ?2 AND m.repository_id = ?1 AND manifest_references.child_blob_id = b.id \
     AND manifest_references.repository_id = ?1 AND manifest_references.media_type_id IS NOT NULL";
const SHOW: &str = "UPDATE repository_blobs SET manifest_deleted_at = NULL \
     WHERE repository_id = ?1 AND blob_id = ?2";
const HIDE: &str = "UPDATE repository_blobs SET manifest_deleted_at = ?3 \
     WHERE repository_id = ?1 AND blob_id = ?2";
const PARENT_DELETED: &str = "UPDATE manifest_references SET parent_deleted = 1 \
     WHERE parent_id = ?1 AND position < ?2";
const IS_REFERENCED: &str = "SELECT parent_id FROM manifest_references \
     WHERE child_manifest_id = (SELECT m.id FROM manifest_contents c \
     JOIN manifests m ON m.content_id = c.id AND m.repository_id = ?1 WHERE c.digest = ?2) \
     AND parent_deleted = 0 \
     UNION ALL SELECT parent_id FROM manifest_references \
     WHERE child_blob_id = (SELECT id FROM blobs WHERE digest = ?2) \
     AND repository_id = ?1 AND parent_deleted = 0 \
     UNION ALL SELECT parent_id FROM manifest_references \
     WHERE repository_id = ?1 AND absent_digest = ?2 AND parent_deleted = 0 LIMIT 1";
const PARENTS: &str = "SELECT c.digest, t.name, m.content_id, c.size FROM (SELECT e.parent_id \
     FROM manifest_references e WHERE e.child_manifest_id = (SELECT k.id FROM repositories r \
     JOIN manifest_contents d ON d.digest = ?2 \
     JOIN manifests k ON k.content_id = d.id AND k.repository_id = r.id WHERE r.name = ?1) \
     AND e.parent_deleted = 0 \
     UNION ALL SELECT e.parent_id FROM repositories r JOIN blobs b ON b.digest = ?2 \
     JOIN manifest_references e ON e.child_blob_id = b.id AND e.repository_id = r.id \
     WHERE r.name = ?1 AND e.parent_deleted = 0 AND e.child_manifest_id IS NULL \
     UNION ALL SELECT e.parent_id FROM repositories r \
     JOIN manifest_references e ON e.repository_id = r.id \
     WHERE r.name = ?1 AND e.absent_digest = ?2 AND e.parent_deleted = 0 LIMIT ?3) p \
     JOIN manifests m ON m.id = p.parent_id JOIN manifest_contents c ON c.id = m.content_id \
     JOIN media_types t ON t.id = m.media_type_id";
const CONTENT: &str = "SELECT bytes FROM manifest_contents WHERE id = ?1";

/// Reference from a document to one distinct digest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edge {
    pub(crate) digest: Digest,
    /// True if the document references the digest in `manifests`.
    is_manifest: bool,
    /// Media type to serve the child with as a manifest while it is stored only as a blob. `None`
    /// if the child is not in `manifests`, or if its type is a known manifest type: such a child
    /// must first pass the checks of a manifest.
    media_type: Option<MediaType>,
}

/// Returns the edges of a document, in the order of the document. The parser limits the number of
/// edges.
pub(crate) fn edges(manifest: &Manifest) -> Vec<Edge> {
    let mut positions = HashMap::new();
    let mut edges: Vec<Edge> = Vec::new();
    for child in manifest.children() {
        let position = *positions
            .entry(&child.descriptor.digest)
            .or_insert(edges.len());
        if position == edges.len() {
            edges.push(Edge {
                digest: child.descriptor.digest.clone(),
                is_manifest: false,
                media_type: None,
            });
        }
        if child.kind == ChildKind::Manifest {
            let media_type = child.descriptor.media_type.clone();
            edges[position].record_manifest(media_type);
        }
    }
    edges
}

impl Edge {
    /// Records that the document references the digest in `manifests` with `media_type`. Of several
    /// types, the first type that is not a known manifest type is used.
    fn record_manifest(&mut self, media_type: Option<MediaType>) {
        self.is_manifest = true;
        let media_type = media_type.unwrap_or_else(|| MediaType::new(MediaType::OCTET_STREAM));
        if self.media_type.is_none() && !media_type.is_known_manifest() {
            self.media_type = Some(media_type);
        }
    }

    /// Returns the media type to store with the edge, or `None` if the child is stored as a
    /// manifest, because a stored manifest has its own type.
    pub(super) fn served_type(&self, children: &Children) -> Option<&MediaType> {
        let is_manifest = children.is_manifest(&self.digest);
        self.media_type.as_ref().filter(|_| !is_manifest)
    }
}

/// Returns the statement that removes the edges of a manifest.
pub(super) fn clear(repository_id: i64, parent: &Digest) -> Statement<'static> {
    Statement::new(CLEAR, [repository_id.into(), parent.into()])
}

/// Returns the media types that the rows of `edges` refer to, each once.
pub(super) fn served_types<'a>(edges: &'a [Edge], children: &'a Children) -> Vec<&'a MediaType> {
    let types = edges.iter().filter_map(|edge| edge.served_type(children));
    let mut types: Vec<_> = types.collect();
    types.sort_unstable_by_key(|media_type| media_type.as_str());
    types.dedup_by_key(|media_type| media_type.as_str());
    types
}

/// Returns the statements that insert edges of a manifest, and the position of the first of them. If a
/// child is a blob that a client has deleted as a manifest, the child is served as a manifest again:
/// who stores the parent wants its children to be served.
pub(super) fn insert<'a>(
    repository_id: i64,
    parent: &'a Digest,
    (first, edges): (usize, &'a [Edge]),
    children: &'a Children,
) -> impl Iterator<Item = Statement<'a>> {
    let mut positions: Vec<_> = (first..).zip(edges).collect();
    // In the order of the index on absent digests. Random pages of a large index would not fit into
    // the memory of the writing connection.
    positions.sort_unstable_by_key(|(_, edge)| &edge.digest);
    positions.into_iter().flat_map(move |(position, edge)| {
        let is_manifest = children.is_manifest(&edge.digest);
        let blob = children.blob(&edge.digest);
        let is_absent = !is_manifest && blob.is_none();
        let parameters = [
            repository_id.into(),
            parent.into(),
            position.into(),
            is_manifest.then_some(&edge.digest).into(),
            blob.map(|blob| blob.id).into(),
            is_absent.then_some(&edge.digest).into(),
            edge.served_type(children).into(),
        ];
        let hidden = blob.filter(|blob| blob.is_hidden && edge.is_manifest);
        let show = hidden.map(|blob| Statement::new(SHOW, [repository_id.into(), blob.id.into()]));
        [
            Some(Statement::new(INSERT, parameters).changing_one()),
            show,
        ]
        .into_iter()
        .flatten()
    })
}

/// Returns the statement that attaches the edges that wait for a blob.
pub(super) fn attach_blob(repository: &RepositoryName, digest: &Digest) -> Statement<'static> {
    let parameters = [repository.to_string().into(), digest.into()];
    Statement::new(ATTACH_BLOB, parameters)
}

/// Returns the statements that attach the edges that wait for a manifest. With `is_blob`, the
/// repository has the same bytes as a blob, and the edges that serve this blob as a manifest are
/// attached too.
pub(super) fn attach_manifest<'a>(
    repository_id: i64,
    digest: &Digest,
    is_blob: bool,
) -> impl Iterator<Item = Statement<'a>> + use<'a> {
    let parameters = || [repository_id.into(), digest.into()];
    let waiting = Statement::new(ATTACH_MANIFEST, parameters());
    let typed = is_blob.then(|| Statement::new(ATTACH_TYPED, parameters()));
    [Some(waiting), typed].into_iter().flatten()
}

/// Returns the statement that stops serving a blob as a manifest.
pub(super) fn hide(
    repository_id: i64,
    blob_id: i64,
    transaction: &dyn Transaction,
) -> Statement<'static> {
    let parameters = [
        repository_id.into(),
        blob_id.into(),
        transaction.now().into(),
    ];
    Statement::new(HIDE, parameters)
}

/// Returns the statements that mark the edges of a manifest as edges of a deleted parent. The edges
/// after the first page are left to [`write_page`](super::write_page).
pub(super) fn parent_deleted(manifest_id: i64) -> [Statement<'static>; 2] {
    let parameters = [manifest_id.into(), REFERENCES_PAGE.into()];
    [
        Statement::new(PARENT_DELETED, parameters),
        begin_removal(manifest_id),
    ]
}

/// Returns why `digest` must not be removed from the repository, or `None` if no live manifest
/// references it.
pub(super) fn find_obstacle(
    transaction: &mut dyn Transaction,
    repository_id: i64,
    digest: &Digest,
) -> Result<Option<Removal>> {
    if has_unfinished(transaction, repository_id)? {
        return Ok(Some(Removal::Unfinished));
    }
    let parameters: [Parameter<'_>; 2] = [repository_id.into(), digest.into()];
    let parents = transaction.query(&Statement::new(IS_REFERENCED, parameters))?;
    Ok((!parents.is_empty()).then_some(Removal::Referenced))
}

/// Row of a manifest that references a digest. The places of the references are found by parsing
/// its bytes.
#[derive(Clone, Debug)]
pub(crate) struct ParentRow {
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
    pub(crate) content_id: i64,
    pub(crate) size: u64,
}

/// Returns a lookup of up to `limit` live manifests that reference `digest`, in no particular
/// order.
pub(crate) fn find_parents(
    repository: &RepositoryName,
    digest: &Digest,
    limit: usize,
) -> Lookup<Vec<ParentRow>> {
    let parameters = [repository.to_string().into(), digest.into(), limit.into()];
    Lookup::rows(Statement::new(PARENTS, parameters), |mut row: Row| {
        Ok(ParentRow {
            digest: row.digest()?,
            media_type: row.media_type()?,
            content_id: row.integer()?,
            size: row.size()?,
        })
    })
}

/// Returns a lookup of the bytes of a manifest.
pub(crate) fn manifest_bytes(content_id: i64) -> Lookup<Option<Vec<u8>>> {
    let statement = Statement::new(CONTENT, [content_id.into()]);
    Lookup::first(statement, |mut row| row.bytes())
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::{IndexFixture, blob, image};

    use super::*;

    #[test]
    fn equal_digests_are_one_edge() {
        let index = IndexFixture::oci()
            .image(&image("a"), "linux/amd64")
            .image(&image("a"), "linux/arm64")
            .child_of_type("text/x", &blob("b"), None)
            .child_of_type("text/y", &blob("b"), None);
        let edges = edges(&index.manifest());
        let types = edges.iter().map(|edge| edge.media_type.clone());
        assert_eq!(
            types.collect::<Vec<_>>(),
            [None, Some(MediaType::new("text/x"))]
        );
    }
}
