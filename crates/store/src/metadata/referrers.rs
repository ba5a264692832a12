//! Rows of referrers. A referrer is a manifest that has a subject. The rows contain the data that a
//! list of referrers needs.

use portolan_model::{Algorithm, Descriptor, Digest, Manifest, MediaType, RepositoryName};
use portolan_registry::{Error, Result};
use serde_json::{Map, Value};

use super::{Lookup, Row, Statement};

const STORE: &str = "INSERT INTO referrers \
     (manifest_id, repository_id, subject, digest, artifact_type_id, annotations, deleted) \
     SELECT m.id, m.repository_id, ?3, c.digest, (SELECT id FROM media_types WHERE name = ?4), ?5, 0 \
     FROM manifest_contents c JOIN manifests m ON m.content_id = c.id AND m.repository_id = ?1 \
     WHERE c.digest = ?2 ON CONFLICT (manifest_id) DO UPDATE SET \
     artifact_type_id = excluded.artifact_type_id, annotations = excluded.annotations, deleted = 0";
const DELETE: &str = "UPDATE referrers SET deleted = 1 WHERE manifest_id = ?1";
const LIST: &str = "SELECT t.name, f.digest, c.size, a.name, f.annotations FROM repositories r \
     JOIN referrers f ON f.repository_id = r.id JOIN manifests m ON m.id = f.manifest_id \
     JOIN manifest_contents c ON c.id = m.content_id JOIN media_types t ON t.id = m.media_type_id \
     LEFT JOIN media_types a ON a.id = f.artifact_type_id \
     WHERE r.name = ?1 AND f.subject = ?2 AND f.deleted = 0 AND f.digest > ?3 \
     ORDER BY f.digest LIMIT ?4";
const LIST_OF_TYPE: &str = "SELECT t.name, f.digest, c.size, a.name, f.annotations \
     FROM repositories r JOIN media_types a ON a.name = ?5 \
     JOIN referrers f ON f.repository_id = r.id AND f.artifact_type_id = a.id \
     JOIN manifests m ON m.id = f.manifest_id \
     JOIN manifest_contents c ON c.id = m.content_id JOIN media_types t ON t.id = m.media_type_id \
     WHERE r.name = ?1 AND f.subject = ?2 AND f.deleted = 0 AND f.digest > ?3 \
     ORDER BY f.digest LIMIT ?4";

/// Maximum size of the annotations of one referrer in a list, in bytes of JSON. If they are larger,
/// the list contains no annotations of this referrer, and a client that needs them reads the
/// manifest. The limit makes the memory for a page proportional to its length.
const MAX_ANNOTATIONS: usize = 16 << 10;
/// Maximum number of referrers that a lookup reads: up to 1 MiB of annotations.
pub(crate) const PAGE: usize = 64;

/// Data that a list of referrers contains about a manifest with a subject.
#[derive(Clone, Debug)]
pub(crate) struct Referrer {
    subject: Digest,
    pub(crate) artifact_type: Option<MediaType>,
    annotations: Option<String>,
}

impl Referrer {
    /// Extracts the data of a manifest for lists of referrers. Returns `None` if the manifest has
    /// no subject.
    pub(crate) fn from_manifest(manifest: &Manifest) -> Option<Self> {
        Some(Self {
            subject: manifest.subject()?.digest.clone(),
            artifact_type: manifest.artifact_type(),
            annotations: annotations(manifest),
        })
    }
}

/// Returns the annotations of a manifest as JSON, or `None` if it has no annotations or they are
/// too large.
fn annotations(manifest: &Manifest) -> Option<String> {
    let members: Map<String, Value> = manifest
        .annotations()
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    if members.is_empty() {
        return None;
    }
    // As JSON, because JSON escapes NUL, and PostgreSQL cannot store NUL in a text.
    Some(Value::Object(members).to_string()).filter(|text| text.len() <= MAX_ANNOTATIONS)
}

/// Returns the statement that stores the row of a referrer. The manifest must be stored first.
pub(super) fn store<'a>(
    repository_id: i64,
    digest: &Digest,
    referrer: &'a Referrer,
) -> Statement<'a> {
    let parameters = [
        repository_id.into(),
        digest.into(),
        (&referrer.subject).into(),
        referrer.artifact_type.as_ref().into(),
        referrer.annotations.as_deref().into(),
    ];
    Statement::new(STORE, parameters).changing_one()
}

/// Returns the statement that removes a manifest from the lists of referrers.
pub(super) fn delete(manifest_id: i64) -> Statement<'static> {
    Statement::new(DELETE, [manifest_id.into()])
}

/// Returns a lookup of up to `limit` referrers of `subject`, in the order of their digests and
/// after the position of `after`.
pub(crate) fn list_referrers(
    repository: &RepositoryName,
    subject: &Digest,
    artifact_type: Option<&MediaType>,
    after: &str,
    limit: usize,
) -> Lookup<Vec<Descriptor>> {
    let mut parameters = vec![
        repository.to_string().into(),
        subject.into(),
        position(after).into(),
        limit.into(),
    ];
    parameters.extend(artifact_type.map(|wanted| wanted.to_string().into()));
    let sql = if artifact_type.is_some() {
        LIST_OF_TYPE
    } else {
        LIST
    };
    let statement = Statement {
        sql,
        parameters,
        changes_one: false,
    };
    Lookup::rows(statement, descriptor).into_list()
}

/// Returns the position of `after` among digests in their stored, binary form. `after` comes from a
/// client and may be any text, such as a part of a digest or a text longer than a digest.
fn position(after: &str) -> Vec<u8> {
    if let Ok(digest) = after.parse::<Digest>() {
        return digest.to_bytes();
    }
    let Some((algorithm, encoded)) = after.split_once(':') else {
        return Vec::new();
    };
    let any = algorithm
        .parse()
        .ok()
        .and_then(|algorithm: Algorithm| Digest::compute(&algorithm, b""));
    let Some(any) = any else {
        return Vec::new();
    };
    let digits = encoded.chars().map_while(|digit| digit.to_digit(16));
    let digits: Vec<_> = digits
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    let pairs = digits.chunks(2);
    let hash = pairs.map(|pair| (pair[0] << 4) | pair.get(1).copied().unwrap_or(0));
    any.to_bytes().into_iter().take(1).chain(hash).collect()
}

fn descriptor(mut row: Row) -> Result<Descriptor> {
    let media_type = row.media_type()?;
    let mut descriptor = Descriptor::new(media_type, row.digest()?, row.size()?);
    descriptor.artifact_type = row.optional_media_type()?;
    if let Some(text) = row.optional_text()? {
        descriptor.annotations = serde_json::from_str(&text)
            .map_err(|error| Error::internal("failed to read stored annotations", error))?;
    }
    Ok(descriptor)
}
