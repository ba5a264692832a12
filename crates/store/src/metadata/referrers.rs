//! The manifests that say something about another one.

use std::collections::BTreeMap;

use portolan_model::{Descriptor, Digest, MediaType, RepositoryName};
use portolan_registry::Result;

use super::{Row, Transaction};

const LIST: &str = "SELECT m.media_type, m.digest, m.size, m.artifact_type, m.annotations FROM repositories r \
     JOIN manifests m ON m.repository_id = r.id \
     WHERE r.name = ?1 AND m.subject = ?2 AND m.digest > ?3 AND m.deleted_at IS NULL \
     AND (m.artifact_type = ?4 OR ?4 IS NULL) ORDER BY m.digest LIMIT ?5";

/// Rows that are read at once: each may have annotations as long as a manifest.
const BATCH: usize = 16;
/// Bytes of annotations that no page has, since clients read no more of a list.
const MORE_THAN_A_PAGE: usize = 4 << 20;

/// Descriptors of the manifests behind `after` whose subject is `subject`: `limit` of them if there
/// are as many, or fewer that have more bytes than a page.
pub(crate) fn list_referrers(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    subject: &Digest,
    artifact_type: Option<&MediaType>,
    after: &str,
    limit: usize,
) -> Result<Vec<Descriptor>> {
    let mut found = Vec::<Descriptor>::new();
    loop {
        let batch = BATCH.min(limit - found.len());
        let after = found.last().map_or(after, |last| last.digest.as_str());
        let parameters = [
            repository.as_str().into(),
            subject.as_str().into(),
            after.into(),
            artifact_type.map(MediaType::as_str).into(),
            batch.into(),
        ];
        let rows = transaction.query(LIST, &parameters)?;
        let end = rows.len() < batch || found.len() + rows.len() == limit;
        for row in rows {
            found.push(descriptor(row)?);
        }
        if end || found.iter().map(annotation_bytes).sum::<usize>() > MORE_THAN_A_PAGE {
            return Ok(found);
        }
    }
}

fn annotation_bytes(descriptor: &Descriptor) -> usize {
    descriptor
        .annotations
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum()
}

fn descriptor(mut row: Row) -> Result<Descriptor> {
    let media_type = MediaType::new(&row.text()?);
    let mut descriptor = Descriptor::new(media_type, row.parsed()?, row.size()?);
    descriptor.artifact_type = row.optional_text()?.as_deref().map(MediaType::new);
    descriptor.annotations = match row.optional_text()? {
        Some(text) => serde_json::from_str(&text).map_err(|error| {
            portolan_registry::Error::internal("reading stored annotations", error)
        })?,
        None => BTreeMap::new(),
    };
    Ok(descriptor)
}
