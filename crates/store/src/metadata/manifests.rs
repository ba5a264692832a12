//! Manifests: the bytes once, and a row in each repository that holds them.

use portolan_model::{Digest, Manifest, MediaType, RepositoryName, Tag};
use portolan_registry::{Held, Result, TakenIn};
use serde_json::{Map, Value};

use super::{BlobRow, Row, Timestamp, Transaction, references};

const FIND: &str = "SELECT m.digest, m.media_type, m.size, c.bytes FROM repositories r \
     JOIN manifests m ON m.repository_id = r.id \
     JOIN manifest_contents c ON c.digest = m.digest \
     WHERE r.name = ?1 AND m.digest = ?2 AND m.deleted_at IS NULL";
const FIND_BY_TAG: &str = "SELECT m.digest, m.media_type, m.size, c.bytes FROM repositories r \
     JOIN tags t ON t.repository_id = r.id \
     JOIN manifests m ON m.repository_id = r.id AND m.digest = t.digest \
     JOIN manifest_contents c ON c.digest = m.digest \
     WHERE r.name = ?1 AND t.name = ?2 AND m.deleted_at IS NULL";
const FIND_CHILD_BLOB: &str = "SELECT e.media_type, b.size, b.object_key FROM repositories r \
     JOIN manifest_references e ON e.repository_id = r.id \
     JOIN manifests p ON p.repository_id = r.id AND p.digest = e.parent \
     JOIN repository_blobs l ON l.repository_id = r.id AND l.digest = e.child \
     JOIN blobs b ON b.digest = l.digest \
     WHERE r.name = ?1 AND e.child = ?2 AND e.kind = 'manifest' \
     AND e.withdrawn_at IS NULL AND p.deleted_at IS NULL AND l.deleted_at IS NULL ORDER BY e.parent, e.position";
const HOLDS_MANIFEST: &str =
    "SELECT 1 FROM manifests WHERE repository_id = ?1 AND digest = ?2 AND deleted_at IS NULL";
const HELD: &str = "SELECT size, media_type FROM manifests WHERE repository_id = ?1 AND digest = ?2 AND deleted_at IS NULL \
     UNION ALL SELECT b.size, NULL FROM repository_blobs l JOIN blobs b ON b.digest = l.digest \
     WHERE l.repository_id = ?1 AND l.digest = ?2 AND l.deleted_at IS NULL";
const STORE_CONTENT: &str =
    "INSERT INTO manifest_contents (digest, bytes) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING";
const STORE: &str = "INSERT INTO manifests \
     (repository_id, digest, media_type, size, artifact_type, subject, annotations, pushed_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
     ON CONFLICT (repository_id, digest) DO UPDATE SET media_type = excluded.media_type, \
     artifact_type = excluded.artifact_type, subject = excluded.subject, annotations = excluded.annotations, \
     pushed_at = excluded.pushed_at, deleted_at = NULL";
const REMOVE: &str = "UPDATE manifests SET deleted_at = ?3 \
     WHERE repository_id = ?1 AND digest = ?2 AND deleted_at IS NULL";

/// A manifest as a repository serves it.
#[derive(Clone, Debug)]
pub(crate) struct ManifestRow {
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
    pub(crate) size: u64,
    pub(crate) bytes: Vec<u8>,
}

impl ManifestRow {
    fn read(mut row: Row) -> Result<Self> {
        Ok(Self {
            digest: row.parsed()?,
            media_type: MediaType::new(&row.text()?),
            size: row.size()?,
            bytes: row.bytes()?,
        })
    }
}

pub(crate) fn find_manifest(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Option<ManifestRow>> {
    let rows = transaction.query(FIND, &[repository.as_str().into(), digest.as_str().into()])?;
    rows.into_iter().next().map(ManifestRow::read).transpose()
}

pub(crate) fn find_manifest_by_tag(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    tag: &Tag,
) -> Result<Option<ManifestRow>> {
    let rows = transaction.query(
        FIND_BY_TAG,
        &[repository.as_str().into(), tag.as_str().into()],
    )?;
    rows.into_iter().next().map(ManifestRow::read).transpose()
}

/// A blob that a stored index names among its manifests, and the type that it gives it. One that
/// is said to be a manifest of a known kind is not served like this: it was never checked as one.
pub(crate) fn find_child_blob(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Option<(Option<MediaType>, BlobRow)>> {
    let rows = transaction.query(
        FIND_CHILD_BLOB,
        &[repository.as_str().into(), digest.as_str().into()],
    )?;
    for mut row in rows {
        let media_type = row.optional_text()?.as_deref().map(MediaType::new);
        if !media_type
            .as_ref()
            .is_some_and(MediaType::is_known_manifest)
        {
            return Ok(Some((
                media_type,
                BlobRow {
                    size: row.size()?,
                    key: row.parsed()?,
                },
            )));
        }
    }
    Ok(None)
}

/// Whether the repository holds a digest as a manifest.
pub(crate) fn holds_manifest(
    transaction: &mut dyn Transaction,
    repository_id: i64,
    digest: &Digest,
) -> Result<bool> {
    let rows = transaction.query(
        HOLDS_MANIFEST,
        &[repository_id.into(), digest.as_str().into()],
    )?;
    Ok(!rows.is_empty())
}

/// What the repository holds under a digest, as manifest or else as blob.
pub(crate) fn held(
    transaction: &mut dyn Transaction,
    repository_id: i64,
    digest: &Digest,
) -> Result<Option<Held>> {
    let mut found: Option<Held> = None;
    for mut row in transaction.query(HELD, &[repository_id.into(), digest.as_str().into()])? {
        let held = Held {
            size: row.size()?,
            media_type: row.optional_text()?.as_deref().map(MediaType::new),
        };
        if found.is_none() || held.media_type.is_some() {
            found = Some(held);
        }
    }
    Ok(found)
}

/// Stores a manifest that was admitted, with its edges.
pub(crate) fn store_manifest(
    transaction: &mut dyn Transaction,
    repository_id: i64,
    new: &TakenIn,
    now: Timestamp,
) -> Result<()> {
    let TakenIn { digest, manifest } = new;
    transaction.execute(
        STORE_CONTENT,
        &[digest.as_str().into(), manifest.bytes().as_ref().into()],
    )?;
    let artifact_type = manifest.artifact_type();
    let annotations = annotations(manifest);
    let parameters = [
        repository_id.into(),
        digest.as_str().into(),
        manifest.media_type().as_str().into(),
        manifest.bytes().len().into(),
        artifact_type.as_ref().map(MediaType::as_str).into(),
        manifest
            .subject()
            .map(|subject| subject.digest.as_str())
            .into(),
        annotations.as_deref().into(),
        now.into(),
    ];
    transaction.execute(STORE, &parameters)?;
    references::set(transaction, repository_id, digest, manifest.children())?;
    references::attach_manifest(transaction, repository_id, digest)
}

/// Annotations are kept apart only where a list of referrers will need them.
fn annotations(manifest: &Manifest) -> Option<String> {
    manifest.subject()?;
    let members: Map<String, Value> = manifest
        .annotations()
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    (!members.is_empty()).then(|| Value::Object(members).to_string())
}

/// Takes a manifest from a repository; answers whether it was there.
pub(crate) fn remove_manifest(
    transaction: &mut dyn Transaction,
    repository_id: i64,
    digest: &Digest,
    now: Timestamp,
) -> Result<bool> {
    Ok(transaction.execute(
        REMOVE,
        &[repository_id.into(), digest.as_str().into(), now.into()],
    )? == 1)
}
