//! The manifests that say something about another one.

use std::collections::BTreeMap;

use portolan_model::{Descriptor, Digest, MediaType, RepositoryName};
use portolan_registry::Result;

use super::{Row, Transaction};

const LIST: &str = "SELECT m.media_type, m.digest, m.size, m.artifact_type, m.annotations FROM repositories r \
     JOIN manifests m ON m.repository_id = r.id \
     WHERE r.name = ?1 AND m.subject = ?2 AND m.digest > ?3 AND m.deleted_at IS NULL \
     AND (?4 IS NULL OR m.artifact_type = ?4) ORDER BY m.digest LIMIT ?5";

/// Descriptors of the manifests behind `after` whose subject is `subject`.
pub(crate) fn list_referrers(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    subject: &Digest,
    artifact_type: Option<&MediaType>,
    after: &str,
    limit: usize,
) -> Result<Vec<Descriptor>> {
    let parameters = [
        repository.as_str().into(),
        subject.as_str().into(),
        after.into(),
        artifact_type.map(MediaType::as_str).into(),
        limit.into(),
    ];
    transaction.query(LIST, &parameters)?.into_iter().map(descriptor).collect()
}

fn descriptor(mut row: Row) -> Result<Descriptor> {
    let media_type = MediaType::new(&row.text()?);
    let mut descriptor = Descriptor::new(media_type, row.parsed()?, row.size()?);
    descriptor.artifact_type = row.optional_text()?.as_deref().map(MediaType::new);
    descriptor.annotations = match row.optional_text()? {
        Some(text) => serde_json::from_str(&text)
            .map_err(|error| portolan_registry::Error::internal("reading stored annotations", error))?,
        None => BTreeMap::new(),
    };
    Ok(descriptor)
}
