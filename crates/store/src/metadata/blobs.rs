//! Rows of blobs, and of the links from repositories to blobs. A repository serves the blobs that
//! it has a link to.

use portolan_model::{Digest, RepositoryName};
use portolan_registry::Result;

use super::broken::replace_broken;
use super::objects::{claim_own, require_open_epoch};
use super::references::{attach_blob, find_obstacle};
use super::repositories::{ensure_repository, unlist};
use super::{Lookup, Removal, Row, Statement, Transaction, require_changes};
use crate::blobs::ObjectKey;

const ANY: &str = "SELECT id FROM blobs WHERE id >= 0 LIMIT 1";
const FIND: &str = "SELECT b.size, k.epoch, coalesce(d.counter, b.id) FROM repositories r \
     JOIN blobs b ON b.digest = ?2 JOIN key_epochs k ON k.id = b.epoch_id \
     JOIN repository_blobs l ON l.repository_id = r.id AND l.blob_id = b.id \
     LEFT JOIN damaged_blobs d ON d.blob_id = b.id \
     WHERE r.name = ?1 AND l.deleted_at IS NULL AND d.broken_at IS NULL";
const FIND_SIZE: &str = "SELECT b.size, k.epoch, coalesce(d.counter, b.id) FROM repositories r \
     JOIN blobs b ON b.digest = ?2 JOIN key_epochs k ON k.id = b.epoch_id \
     JOIN repository_blobs l ON l.repository_id = r.id AND l.blob_id = b.id \
     LEFT JOIN damaged_blobs d ON d.blob_id = b.id \
     WHERE r.name = ?1 AND l.deleted_at IS NULL AND d.broken_at IS NULL \
     UNION ALL SELECT c.size, NULL, NULL FROM repositories r \
     JOIN manifest_contents c ON c.digest = ?2 \
     JOIN manifests m ON m.content_id = c.id AND m.repository_id = r.id \
     WHERE r.name = ?1 AND m.deleted_at IS NULL LIMIT 1";
const FIND_CONTENT: &str = "SELECT d.broken_at, b.size, k.epoch, coalesce(d.counter, b.id) \
     FROM blobs b JOIN key_epochs k ON k.id = b.epoch_id \
     LEFT JOIN damaged_blobs d ON d.blob_id = b.id WHERE b.digest = ?1";
// Inserts nothing if the epoch of the key is closed: a process whose epoch was closed must not
// create a blob.
const INSERT: &str = "INSERT INTO blobs (digest, size, epoch_id, id) \
     SELECT ?1, ?2, id, ?4 FROM key_epochs WHERE epoch = ?3 AND closed_at IS NULL \
     ON CONFLICT (digest) DO NOTHING";
const LINK: &str = "INSERT INTO repository_blobs (repository_id, blob_id, linked_at) \
     SELECT r.id, b.id, ?3 FROM repositories r JOIN blobs b ON b.digest = ?2 \
     LEFT JOIN damaged_blobs d ON d.blob_id = b.id \
     WHERE r.name = ?1 AND r.has_content = 1 AND d.broken_at IS NULL \
     ON CONFLICT (blob_id, repository_id) DO UPDATE SET linked_at = excluded.linked_at, deleted_at = NULL";
const SOURCES: &str = "SELECT l.repository_id, r.name, l.deleted_at FROM blobs b \
     JOIN repository_blobs l ON l.blob_id = b.id JOIN repositories r ON r.id = l.repository_id \
     WHERE b.digest = ?1 AND l.repository_id > ?2 \
     ORDER BY l.repository_id LIMIT ?3";
const FIND_LINK: &str = "SELECT l.repository_id, l.blob_id FROM repositories r \
     JOIN blobs b ON b.digest = ?2 \
     JOIN repository_blobs l ON l.repository_id = r.id AND l.blob_id = b.id \
     WHERE r.name = ?1 AND l.deleted_at IS NULL";
const REMOVE: &str = "UPDATE repository_blobs SET deleted_at = ?3 \
     WHERE repository_id = ?1 AND blob_id = ?2 AND deleted_at IS NULL";
const REMOVE_PAGE: &str = "UPDATE repository_blobs SET deleted_at = ?2 \
     WHERE repository_id = ?1 AND blob_id IN (SELECT blob_id FROM repository_blobs \
     WHERE repository_id = ?1 AND deleted_at IS NULL AND blob_id > 0 ORDER BY blob_id LIMIT ?3)";

/// Maximum number of blobs that one transaction removes together with their repository.
const PAGE: usize = 1000;

/// Size of a blob, and the key of its object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BlobRow {
    pub(crate) size: u64,
    pub(crate) key: ObjectKey,
}

impl BlobRow {
    pub(super) fn read(mut row: Row) -> Result<Self> {
        Ok(Self {
            size: row.size()?,
            key: row.key()?,
        })
    }
}

/// Stored object that is to become a blob.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewObject {
    pub(crate) size: u64,
    pub(crate) key: ObjectKey,
}

/// Outcome of [`link_blob`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Linked {
    /// The blob has the key of the caller's object.
    New,
    /// A blob with this content already existed. If the caller has an object, the transaction has
    /// recorded it as unreferenced and claimed it, and the caller must delete it.
    Known,
    /// No blob with this content exists, or it is broken, and the caller has no object for it.
    Gone,
}

/// Returns a lookup that finds out whether there is any blob.
pub(crate) fn has_blobs() -> Lookup<bool> {
    Lookup::new(Statement::new(ANY, []), |rows| Ok(!rows.is_empty()))
}

/// Returns a lookup of a blob that a repository serves.
pub(crate) fn find_blob(repository: &RepositoryName, digest: &Digest) -> Lookup<Option<BlobRow>> {
    let parameters = [repository.to_string().into(), digest.into()];
    Lookup::first(Statement::new(FIND, parameters), BlobRow::read)
}

/// Size of the content that a repository serves as a blob. The key is that of the object of a blob.
/// A manifest that is served as a blob has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BlobSize {
    pub(crate) size: u64,
    pub(crate) key: Option<ObjectKey>,
}

impl From<BlobRow> for BlobSize {
    fn from(row: BlobRow) -> Self {
        Self {
            size: row.size,
            key: Some(row.key),
        }
    }
}

/// Returns a lookup of the size of a blob or, if there is no such blob, of a manifest, because a
/// repository also serves manifests as blobs.
pub(crate) fn find_blob_size(
    repository: &RepositoryName,
    digest: &Digest,
) -> Lookup<Option<BlobSize>> {
    let parameters = [repository.to_string().into(), digest.into()];
    Lookup::first(Statement::new(FIND_SIZE, parameters), |mut row| {
        Ok(BlobSize {
            size: row.size()?,
            key: row.optional_key()?,
        })
    })
}

/// Blob, with or without a repository that serves it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StoredBlob {
    pub(crate) row: BlobRow,
    /// True if the object is known to be missing or damaged.
    pub(crate) is_broken: bool,
}

/// Returns a lookup of a blob, even if no repository serves it.
pub(crate) fn find_blob_content(digest: &Digest) -> Lookup<Option<StoredBlob>> {
    Lookup::first(Statement::new(FIND_CONTENT, [digest.into()]), |mut row| {
        Ok(StoredBlob {
            is_broken: row.optional_integer()?.is_some(),
            row: BlobRow::read(row)?,
        })
    })
}

/// Links a blob to a repository, so that the repository serves it. Creates the blob from `object`
/// if it does not exist, and repairs it with `object` if it is broken.
///
/// # Errors
/// Returns an error with source [`EpochClosed`](super::EpochClosed) if the key of `object` belongs
/// to an epoch that was closed. In this case, nothing is committed.
pub(crate) fn link_blob(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    digest: &Digest,
    object: Option<NewObject>,
) -> Result<Linked> {
    let now = transaction.now();
    let insert = object.map(|NewObject { size, key }| {
        let [epoch, counter] = key.parameters();
        Statement::new(INSERT, [digest.into(), size.into(), epoch, counter])
    });
    let link = || {
        let parameters = [repository.as_str().into(), digest.into(), now.into()];
        [
            Statement::new(LINK, parameters),
            attach_blob(repository, digest),
        ]
    };
    let statements: Vec<_> = insert.into_iter().chain(link()).collect();
    let mut outcomes = transaction.batch(&statements)?.into_iter();
    let linked = match object {
        Some(object) if outcomes.next().is_some_and(|outcome| outcome.changed == 0) => {
            require_open_epoch(transaction, object.key.epoch())?;
            if replace_broken(transaction, digest, object)? {
                Linked::New
            } else if claim_own(transaction, &object.key)? {
                // The caller may delete its object: this transaction records that no blob has it.
                Linked::Known
            } else {
                Linked::New
            }
        }
        Some(_) => Linked::New,
        None => Linked::Known,
    };
    let is_linked = outcomes.next().is_some_and(|outcome| outcome.changed == 1);
    if !is_linked {
        // Either there is no blob to serve, or the repository has no row or no content yet.
        let stored = find_blob_content(digest).run(transaction)?;
        if stored.is_none_or(|stored| stored.is_broken) {
            return Ok(Linked::Gone);
        }
        ensure_repository(transaction, repository)?;
        let [link, attach] = link();
        let statements = [link.changing_one(), attach];
        require_changes(&statements, &transaction.batch(&statements)?)?;
    }
    Ok(linked)
}

/// Repository that has a link to a blob.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Id of the repository. The next page of sources begins after it.
    pub(crate) id: i64,
    pub(crate) name: RepositoryName,
    /// `false` if the link is a tombstone.
    pub(crate) is_live: bool,
}

/// Returns a lookup of up to `limit` repositories that have a link to a blob, in the order of their
/// ids and after the id `after`. Links that are tombstones are included, so that a lookup reads no
/// more than `limit` rows.
pub(crate) fn blob_sources(digest: &Digest, after: i64, limit: usize) -> Lookup<Vec<Source>> {
    let statement = Statement::new(SOURCES, [digest.into(), after.into(), limit.into()]);
    Lookup::rows(statement, |mut row| {
        Ok(Source {
            id: row.integer()?,
            name: row.parse()?,
            is_live: row.optional_integer()?.is_none(),
        })
    })
}

/// Links a blob to `target` if `source` still serves it, and returns whether it does.
pub(crate) fn mount_blob(
    transaction: &mut dyn Transaction,
    source: &RepositoryName,
    target: &RepositoryName,
    digest: &Digest,
) -> Result<bool> {
    Ok(find_blob(source, digest).run(transaction)?.is_some()
        && link_blob(transaction, target, digest, None)? == Linked::Known)
}

/// Removes a blob from a repository. With `is_guarded`, does not remove a blob that a manifest
/// references.
pub(crate) fn remove_blob(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    digest: &Digest,
    is_guarded: bool,
) -> Result<Removal> {
    let parameters = [repository.as_str().into(), digest.into()];
    let found = transaction.query(&Statement::new(FIND_LINK, parameters))?;
    let Some(mut row) = found.into_iter().next() else {
        return Ok(Removal::Unknown);
    };
    let (repository_id, blob_id) = (row.integer()?, row.integer()?);
    if is_guarded && let Some(obstacle) = find_obstacle(transaction, repository_id, digest)? {
        return Ok(obstacle);
    }
    let parameters = [
        repository_id.into(),
        blob_id.into(),
        transaction.now().into(),
    ];
    transaction.batch(&[Statement::new(REMOVE, parameters), unlist(repository_id)])?;
    Ok(Removal::Removed)
}

/// Removes up to [`PAGE`] blobs of a repository, and returns whether more may be left. No live
/// manifest of the repository may reference them.
pub(super) fn remove_page(transaction: &mut dyn Transaction, repository_id: i64) -> Result<bool> {
    let parameters = [repository_id.into(), transaction.now().into(), PAGE.into()];
    let outcomes = transaction.batch(&[Statement::new(REMOVE_PAGE, parameters)])?;
    Ok(outcomes
        .iter()
        .any(|outcome| outcome.changed >= PAGE as u64))
}
