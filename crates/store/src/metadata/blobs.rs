//! Blobs, and the links by which a repository serves them.

use portolan_model::{Digest, RepositoryName};
use portolan_registry::Result;

use super::objects::forget_doomed;
use super::references::attach_blob;
use super::repositories::{find, repository_id};
use super::{Row, Timestamp, Transaction};
use crate::blobs::ObjectKey;

const FIND: &str = "SELECT b.size, b.object_key FROM repositories r \
     JOIN repository_blobs l ON l.repository_id = r.id \
     JOIN blobs b ON b.digest = l.digest \
     WHERE r.name = ?1 AND l.digest = ?2 AND l.deleted_at IS NULL";
const FIND_CONTENT: &str = "SELECT size, object_key FROM blobs WHERE digest = ?1";
const INSERT: &str = "INSERT INTO blobs (digest, size, object_key, created_at) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (digest) DO NOTHING";
const LINK: &str = "INSERT INTO repository_blobs (repository_id, digest, linked_at) VALUES (?1, ?2, ?3) \
     ON CONFLICT (repository_id, digest) DO UPDATE SET linked_at = excluded.linked_at, deleted_at = NULL";
const SOURCES: &str = "SELECT r.name FROM repository_blobs l JOIN repositories r ON r.id = l.repository_id \
     WHERE l.digest = ?1 AND l.deleted_at IS NULL ORDER BY r.name";
const REMOVE: &str = "UPDATE repository_blobs SET deleted_at = ?3 \
     WHERE repository_id = ?1 AND digest = ?2 AND deleted_at IS NULL";

/// Where a blob's content lies.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BlobRow {
    pub(crate) size: u64,
    pub(crate) key: ObjectKey,
}

impl BlobRow {
    fn read(mut row: Row) -> Result<Self> {
        Ok(Self {
            size: row.size()?,
            key: row.parsed()?,
        })
    }
}

/// Content that was uploaded and lies under a key of its own.
#[derive(Clone, Debug)]
pub(crate) struct NewBlob {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Where it lies, or `None` if the content was known already and nothing new was put anywhere.
    pub(crate) key: Option<ObjectKey>,
}

/// What linking found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Linked {
    /// The blob lies where the caller put it.
    New,
    /// The content was there already; an object of the caller's is doomed.
    Known,
    /// The content is gone, and the caller brought none.
    Gone,
}

/// The blob as this repository serves it.
pub(crate) fn find_blob(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Option<BlobRow>> {
    let rows = transaction.query(FIND, &[repository.as_str().into(), digest.as_str().into()])?;
    rows.into_iter().next().map(BlobRow::read).transpose()
}

/// The blob's content, whichever repository it belongs to.
pub(crate) fn find_blob_content(
    transaction: &mut dyn Transaction,
    digest: &Digest,
) -> Result<Option<BlobRow>> {
    let rows = transaction.query(FIND_CONTENT, &[digest.as_str().into()])?;
    rows.into_iter().next().map(BlobRow::read).transpose()
}

/// Makes a blob one of this repository's.
pub(crate) fn link_blob(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    blob: &NewBlob,
    now: Timestamp,
) -> Result<Linked> {
    let linked = match &blob.key {
        Some(key) if insert(transaction, blob, key, now)? => Linked::New,
        None if find_blob_content(transaction, &blob.digest)?.is_none() => return Ok(Linked::Gone),
        _ => Linked::Known,
    };
    let repository_id = repository_id(transaction, repository, now)?;
    transaction.execute(
        LINK,
        &[
            repository_id.into(),
            blob.digest.as_str().into(),
            now.into(),
        ],
    )?;
    attach_blob(transaction, repository_id, &blob.digest)?;
    Ok(linked)
}

fn insert(
    transaction: &mut dyn Transaction,
    blob: &NewBlob,
    key: &ObjectKey,
    now: Timestamp,
) -> Result<bool> {
    let parameters = [
        blob.digest.as_str().into(),
        blob.size.into(),
        key.as_str().into(),
        now.into(),
    ];
    let inserted = transaction.execute(INSERT, &parameters)? == 1;
    if inserted {
        forget_doomed(transaction, key)?;
    }
    Ok(inserted)
}

/// The repositories that serve a blob.
pub(crate) fn source_repositories(
    transaction: &mut dyn Transaction,
    digest: &Digest,
) -> Result<Vec<RepositoryName>> {
    let rows = transaction.query(SOURCES, &[digest.as_str().into()])?;
    rows.into_iter().map(|mut row| row.parsed()).collect()
}

/// Takes a blob from a repository; answers whether it was there.
pub(crate) fn remove_blob(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    digest: &Digest,
    now: Timestamp,
) -> Result<bool> {
    let Some(repository_id) = find(transaction, repository)? else {
        return Ok(false);
    };
    let parameters = [repository_id.into(), digest.as_str().into(), now.into()];
    Ok(transaction.execute(REMOVE, &parameters)? == 1)
}
