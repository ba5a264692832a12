//! Rows of manifests. The bytes of a manifest are stored once, and each repository with this
//! manifest has its own row that refers to them.

use portolan_model::{Digest, MediaType, RepositoryName, Tag};
use portolan_registry::{Error, Kind, Result, verify_digest};

use super::references::{self, find_obstacle, hide, parent_deleted};
use super::repositories::unlist;
use super::tags::remove_tags_of;
use super::unfinished::{self, REFERENCES_PAGE};
use super::view::Children;
use super::{BlobRow, Document, Lookup, Removal, Row, Statement, Transaction, referrers};

const FIND: &str = "SELECT c.digest, t.name, c.size, c.bytes FROM repositories r \
     JOIN manifest_contents c ON c.digest = ?2 \
     JOIN manifests m ON m.content_id = c.id AND m.repository_id = r.id \
     JOIN media_types t ON t.id = m.media_type_id \
     WHERE r.name = ?1 AND m.deleted_at IS NULL";
const FIND_BY_TAG: &str = "SELECT c.digest, t.name, c.size, c.bytes FROM repositories r \
     JOIN tags g ON g.repository_id = r.id JOIN manifests m ON m.id = g.manifest_id \
     JOIN manifest_contents c ON c.id = m.content_id JOIN media_types t ON t.id = m.media_type_id \
     WHERE r.name = ?1 AND g.name = ?2 AND m.deleted_at IS NULL";
const HEAD_BY_TAG: &str = "SELECT c.digest, t.name, c.size FROM repositories r \
     JOIN tags g ON g.repository_id = r.id JOIN manifests m ON m.id = g.manifest_id \
     JOIN manifest_contents c ON c.id = m.content_id JOIN media_types t ON t.id = m.media_type_id \
     WHERE r.name = ?1 AND g.name = ?2 AND m.deleted_at IS NULL";
const HEAD: &str = "SELECT c.digest, t.name, c.size FROM repositories r \
     JOIN manifest_contents c ON c.digest = ?2 \
     JOIN manifests m ON m.content_id = c.id AND m.repository_id = r.id \
     JOIN media_types t ON t.id = m.media_type_id WHERE r.name = ?1 AND m.deleted_at IS NULL \
     UNION ALL SELECT b.digest, t.name, b.size FROM repositories r JOIN blobs b ON b.digest = ?2 \
     JOIN repository_blobs l ON l.repository_id = r.id AND l.blob_id = b.id \
     JOIN manifest_references e ON e.child_blob_id = b.id AND e.repository_id = r.id \
     JOIN media_types t ON t.id = e.media_type_id \
     LEFT JOIN damaged_blobs d ON d.blob_id = b.id WHERE r.name = ?1 AND l.deleted_at IS NULL \
     AND l.manifest_deleted_at IS NULL AND e.parent_deleted = 0 AND e.media_type_id IS NOT NULL \
     AND d.broken_at IS NULL LIMIT 1";
const FIND_CHILD_BLOB: &str = "SELECT l.repository_id, l.blob_id, t.name, b.size, k.epoch, \
     coalesce(d.counter, b.id) FROM repositories r JOIN blobs b ON b.digest = ?2 \
     JOIN key_epochs k ON k.id = b.epoch_id \
     JOIN repository_blobs l ON l.repository_id = r.id AND l.blob_id = b.id \
     JOIN manifest_references e ON e.child_blob_id = b.id AND e.repository_id = r.id \
     JOIN media_types t ON t.id = e.media_type_id \
     LEFT JOIN damaged_blobs d ON d.blob_id = b.id WHERE r.name = ?1 AND l.deleted_at IS NULL \
     AND l.manifest_deleted_at IS NULL AND e.parent_deleted = 0 AND e.media_type_id IS NOT NULL \
     AND d.broken_at IS NULL LIMIT 1";
const STORE_MEDIA_TYPE: &str =
    "INSERT INTO media_types (name) VALUES (?1) ON CONFLICT (name) DO NOTHING";
const STORE_CONTENT: &str = "INSERT INTO manifest_contents (digest, size, bytes) \
     VALUES (?1, ?2, ?3) ON CONFLICT (digest) DO UPDATE SET size = excluded.size, \
     bytes = excluded.bytes WHERE manifest_contents.bytes <> excluded.bytes";
const STORE: &str = "INSERT INTO manifests (repository_id, content_id, media_type_id, pushed_at) \
     SELECT ?1, c.id, t.id, ?4 FROM manifest_contents c JOIN media_types t ON t.name = ?3 \
     WHERE c.digest = ?2 ON CONFLICT (content_id, repository_id) DO UPDATE SET \
     media_type_id = excluded.media_type_id, pushed_at = excluded.pushed_at, deleted_at = NULL";
const FIND_ROW: &str = "SELECT m.repository_id, m.id FROM repositories r \
     JOIN manifest_contents c ON c.digest = ?2 \
     JOIN manifests m ON m.content_id = c.id AND m.repository_id = r.id \
     WHERE r.name = ?1 AND m.deleted_at IS NULL";
const REMOVE: &str = "UPDATE manifests SET deleted_at = ?2 WHERE id = ?1 AND deleted_at IS NULL";
const LIST: &str = "SELECT c.digest, t.name, c.size FROM repositories r \
     LEFT JOIN manifests m ON m.repository_id = r.id AND m.deleted_at IS NULL \
     AND m.id > COALESCE((SELECT k.id FROM manifest_contents d \
     JOIN manifests k ON k.content_id = d.id AND k.repository_id = r.id WHERE d.digest = ?2), 0) \
     LEFT JOIN manifest_contents c ON c.id = m.content_id \
     LEFT JOIN media_types t ON t.id = m.media_type_id \
     WHERE r.name = ?1 AND r.has_content = 1 ORDER BY m.id LIMIT ?3";
const LIVE: &str = "SELECT m.id, COALESCE((SELECT max(e.position) + 1 \
     FROM manifest_references e WHERE e.parent_id = m.id), 0) FROM manifests m \
     WHERE m.repository_id = ?1 AND m.deleted_at IS NULL AND m.id > 0 ORDER BY m.id LIMIT ?2";

/// Maximum number of manifests that one transaction removes together with their repository.
const PAGE: usize = 100;

/// Digest, media type and size of a manifest.
#[derive(Clone, Debug)]
pub(crate) struct ManifestHead {
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
    pub(crate) size: u64,
}

impl ManifestHead {
    fn read(row: &mut Row) -> Result<Self> {
        Ok(Self {
            digest: row.digest()?,
            media_type: row.media_type()?,
            size: row.size()?,
        })
    }
}

/// Manifest that a repository serves, with its bytes.
#[derive(Clone, Debug)]
pub(crate) struct ManifestRow {
    pub(crate) head: ManifestHead,
    pub(crate) bytes: Vec<u8>,
}

impl ManifestRow {
    /// Reads the row, and verifies the bytes, because the disk may have damaged them.
    fn read(mut row: Row) -> Result<Self> {
        let manifest = Self {
            head: ManifestHead::read(&mut row)?,
            bytes: row.bytes()?,
        };
        let digest = &manifest.head.digest;
        if verify_digest(&manifest.bytes, Some(digest)).is_err() {
            let message = format!("the stored bytes of the manifest {digest} are damaged");
            let error = Error::new(Kind::Internal, message);
            return Err(error.with_help("push the manifest again, and check the disk"));
        }
        Ok(manifest)
    }
}

/// Returns a lookup of a manifest by digest.
pub(crate) fn find_manifest(
    repository: &RepositoryName,
    digest: &Digest,
) -> Lookup<Option<ManifestRow>> {
    let parameters = [repository.to_string().into(), digest.into()];
    Lookup::first(Statement::new(FIND, parameters), ManifestRow::read)
}

/// Returns a lookup of a manifest by tag.
pub(crate) fn find_manifest_by_tag(
    repository: &RepositoryName,
    tag: &Tag,
) -> Lookup<Option<ManifestRow>> {
    let parameters = [repository.to_string().into(), tag.to_string().into()];
    Lookup::first(Statement::new(FIND_BY_TAG, parameters), ManifestRow::read)
}

/// Returns a lookup of the head of a manifest by tag. The lookup does not read the bytes.
pub(crate) fn head_manifest_by_tag(
    repository: &RepositoryName,
    tag: &Tag,
) -> Lookup<Option<ManifestHead>> {
    let parameters = [repository.to_string().into(), tag.to_string().into()];
    Lookup::first(Statement::new(HEAD_BY_TAG, parameters), |mut row| {
        ManifestHead::read(&mut row)
    })
}

/// Returns a lookup of the head of a manifest by digest. Finds blobs that the repository serves as
/// manifests too. The lookup does not read the bytes.
pub(crate) fn head_manifest(
    repository: &RepositoryName,
    digest: &Digest,
) -> Lookup<Option<ManifestHead>> {
    let parameters = [repository.to_string().into(), digest.into()];
    Lookup::first(Statement::new(HEAD, parameters), |mut row| {
        ManifestHead::read(&mut row)
    })
}

/// Blob that an index references in `manifests`, with the media type that the index states for it.
#[derive(Clone, Debug)]
pub(crate) struct ChildBlobRow {
    repository_id: i64,
    blob_id: i64,
    pub(crate) media_type: MediaType,
    pub(crate) blob: BlobRow,
}

/// Returns a lookup of a blob that a repository serves as a manifest.
pub(crate) fn find_child_blob(
    repository: &RepositoryName,
    digest: &Digest,
) -> Lookup<Option<ChildBlobRow>> {
    let parameters = [repository.to_string().into(), digest.into()];
    Lookup::first(Statement::new(FIND_CHILD_BLOB, parameters), |mut row| {
        Ok(ChildBlobRow {
            repository_id: row.integer()?,
            blob_id: row.integer()?,
            media_type: row.media_type()?,
            blob: BlobRow::read(row)?,
        })
    })
}

/// Returns the statement that stores a media type. Rows of media types are never removed.
pub(crate) fn store_media_type(media_type: &MediaType) -> Statement<'_> {
    Statement::new(STORE_MEDIA_TYPE, [media_type.into()])
}

/// Returns the media types that the rows of a document refer to.
pub(crate) fn media_types<'a>(
    document: &'a Document,
    children: &'a Children,
) -> impl Iterator<Item = &'a MediaType> {
    let edges = document.edges.iter();
    let referrer = document.referrer.as_ref();
    [document.manifest.media_type()]
        .into_iter()
        .chain(referrer.and_then(|referrer| referrer.artifact_type.as_ref()))
        .chain(edges.filter_map(|edge| edge.served_type(children)))
}

/// State of the rows of a document that is about to be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DocumentState {
    /// True unless the repository is known to have no row for the document.
    pub(crate) has_row: bool,
    /// True if the row is known to be live.
    pub(crate) is_live: bool,
    /// True if the edges are written after the transaction.
    pub(crate) has_unwritten_edges: bool,
}

/// Returns the statements that store an admitted document. The media types of the document must be
/// stored first.
///
/// With `has_unwritten_edges`, the edges of the document are left to
/// [`write_page`](super::write_page). `has_row` may be `false` only if the repository has no row for
/// the document, not even a tombstone. In this case, there are no edges to replace. `is_live` may be
/// `true` only if that row is live. In this case, no edges wait for the document.
/// [`Edge`](super::references::Edge) describes edges.
pub(crate) fn store_manifest<'a>(
    transaction: &dyn Transaction,
    repository_id: i64,
    document: &'a Document,
    children: &'a Children,
    DocumentState {
        has_row,
        is_live,
        has_unwritten_edges,
    }: DocumentState,
) -> Vec<Statement<'a>> {
    let (digest, manifest) = (&document.digest, &document.manifest);
    let bytes = manifest.bytes();
    let content = [digest.into(), bytes.len().into(), bytes.as_ref().into()];
    let row = [
        repository_id.into(),
        digest.into(),
        manifest.media_type().into(),
        transaction.now().into(),
    ];
    let mut statements = vec![
        Statement::new(STORE_CONTENT, content),
        Statement::new(STORE, row).changing_one(),
    ];
    if has_unwritten_edges {
        // Equal digests mean equal references, so there is nothing to replace.
        if !document.edges.is_empty() {
            statements.push(unfinished::begin(repository_id, digest));
        }
    } else {
        if has_row {
            statements.push(references::clear(repository_id, digest));
        }
        let edges = references::insert(repository_id, digest, (0, &document.edges), children);
        statements.extend(edges);
    }
    if let Some(referrer) = &document.referrer {
        statements.push(referrers::store(repository_id, digest, referrer));
    }
    if !is_live {
        let is_blob = children.blob(digest).is_some();
        statements.extend(references::attach_manifest(repository_id, digest, is_blob));
    }
    statements
}

/// Removes a manifest with its tags. One transaction removes at most a page of tags: after
/// [`Removal::Partial`], call this again in another transaction. With `is_guarded`, does not remove
/// a manifest that another manifest references. `who` is the caller's name for the tag history.
pub(crate) fn remove_manifest(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    digest: &Digest,
    is_guarded: bool,
    who: Option<&str>,
) -> Result<Removal> {
    let parameters = [repository.as_str().into(), digest.into()];
    let found = transaction.query(&Statement::new(FIND_ROW, parameters))?;
    let Some(mut row) = found.into_iter().next() else {
        return remove_child_blob(transaction, repository, digest, is_guarded);
    };
    let (repository_id, manifest_id) = (row.integer()?, row.integer()?);
    if is_guarded && let Some(obstacle) = find_obstacle(transaction, repository_id, digest)? {
        return Ok(obstacle);
    }
    if remove_tags_of(transaction, repository_id, manifest_id, digest, who)? {
        return Ok(Removal::Partial);
    }
    let mut statements: Vec<_> = bury(transaction, manifest_id).collect();
    statements.push(unlist(repository_id));
    transaction.batch(&statements)?;
    Ok(Removal::Removed)
}

/// Removes a page of manifests of a repository, and returns whether more may be left. The page has at
/// most [`REFERENCES_PAGE`] references or one manifest. Their tags must be removed first.
pub(super) fn remove_page(transaction: &mut dyn Transaction, repository_id: i64) -> Result<bool> {
    let live = Statement::new(LIVE, [repository_id.into(), PAGE.into()]);
    let mut statements = Vec::new();
    let mut references = 0;
    let rows = transaction.query(&live)?;
    let mut is_full = rows.len() == PAGE;
    for mut row in rows {
        let id = row.integer()?;
        references += row.size()?;
        if references > REFERENCES_PAGE as u64 && !statements.is_empty() {
            is_full = true;
            break;
        }
        statements.extend(bury(transaction, id));
    }
    transaction.batch(&statements)?;
    Ok(is_full)
}

/// Returns the statements that turn the row of a manifest into a tombstone.
fn bury(
    transaction: &dyn Transaction,
    manifest_id: i64,
) -> impl Iterator<Item = Statement<'static>> + use<> {
    let remove = Statement::new(REMOVE, [manifest_id.into(), transaction.now().into()]);
    let edges = parent_deleted(manifest_id);
    [remove, referrers::delete(manifest_id)]
        .into_iter()
        .chain(edges)
}

/// Returns a lookup of up to `limit` manifests of a repository in the order of their rows, starting
/// after the manifest `after`. The result is `None` if the repository does not exist.
pub(crate) fn list_manifests(
    repository: &RepositoryName,
    after: Option<&Digest>,
    limit: usize,
) -> Lookup<Option<Vec<ManifestHead>>> {
    let parameters = [repository.to_string().into(), after.into(), limit.into()];
    Lookup::new(Statement::new(LIST, parameters), |rows| {
        if rows.is_empty() {
            return Ok(None);
        }
        // A repository without such manifests yields one row of NULLs. This distinguishes it from a
        // repository that does not exist.
        let mut heads = Vec::new();
        for mut row in rows {
            if let Some(digest) = row.optional_digest()? {
                heads.push(ManifestHead {
                    digest,
                    media_type: row.media_type()?,
                    size: row.size()?,
                });
            }
        }
        Ok(Some(heads))
    })
    .into_list()
}

/// Stops serving a blob as a manifest. The blob itself is not removed.
fn remove_child_blob(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    digest: &Digest,
    is_guarded: bool,
) -> Result<Removal> {
    let Some(child) = find_child_blob(repository, digest).run(transaction)? else {
        return Ok(Removal::Unknown);
    };
    if is_guarded {
        return Ok(Removal::Referenced);
    }
    let hide = hide(child.repository_id, child.blob_id, transaction);
    transaction.execute(&hide)?;
    Ok(Removal::Removed)
}
