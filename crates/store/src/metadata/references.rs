//! Edges: every digest that a stored manifest names, and what is held by it.

use portolan_model::{Child, Digest, RepositoryName};
use portolan_registry::{Parent, Result};

use super::{Parameter, Timestamp, Transaction};

const CLEAR: &str = "DELETE FROM manifest_references WHERE repository_id = ?1 AND parent = ?2";
// An edge holds what is there under its digest, as a manifest, as a blob or as both.
const INSERT: &str = "INSERT INTO manifest_references \
     (repository_id, parent, position, pointer, kind, child, size, media_type, child_manifest, child_blob) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, \
     (SELECT digest FROM manifests WHERE repository_id = ?1 AND digest = ?6 AND deleted_at IS NULL), \
     (SELECT digest FROM repository_blobs WHERE repository_id = ?1 AND digest = ?6 AND deleted_at IS NULL))";
const ATTACH_BLOB: &str = "UPDATE manifest_references SET child_blob = child \
     WHERE repository_id = ?1 AND child = ?2 AND child_blob IS NULL";
const ATTACH_MANIFEST: &str = "UPDATE manifest_references SET child_manifest = child, withdrawn_at = NULL \
     WHERE repository_id = ?1 AND child = ?2 AND (child_manifest IS NULL OR withdrawn_at IS NOT NULL)";
const WITHDRAW: &str = "UPDATE manifest_references SET withdrawn_at = ?3 \
     WHERE repository_id = ?1 AND child = ?2 AND kind = 'manifest' AND withdrawn_at IS NULL";
const PARENTS: &str = "SELECT e.parent, e.pointer FROM repositories r \
     JOIN manifest_references e ON e.repository_id = r.id \
     JOIN manifests p ON p.repository_id = r.id AND p.digest = e.parent \
     WHERE r.name = ?1 AND e.child = ?2 AND p.deleted_at IS NULL \
     ORDER BY e.parent, e.position LIMIT ?3";
/// Replaces the edges of a manifest.
pub(super) fn set(
    transaction: &mut dyn Transaction,
    repository_id: i64,
    parent: &Digest,
    children: &[Child],
) -> Result<()> {
    transaction.execute(CLEAR, &[repository_id.into(), parent.as_str().into()])?;
    for (position, child) in children.iter().enumerate() {
        let descriptor = &child.descriptor;
        let parameters = [
            repository_id.into(),
            parent.as_str().into(),
            position.into(),
            child.pointer.as_str().into(),
            child.kind.as_str().into(),
            descriptor.digest.as_str().into(),
            descriptor.size.map_or(Parameter::Null, Parameter::from),
            descriptor
                .media_type
                .as_ref()
                .map(portolan_model::MediaType::as_str)
                .into(),
        ];
        transaction.execute(INSERT, &parameters)?;
    }
    Ok(())
}

/// Lets the edges that name a blob hold it, now that it is there.
pub(super) fn attach_blob(
    transaction: &mut dyn Transaction,
    repository_id: i64,
    digest: &Digest,
) -> Result<()> {
    transaction.execute(ATTACH_BLOB, &[repository_id.into(), digest.as_str().into()])?;
    Ok(())
}

/// Lets the edges that name a manifest hold it, now that it is there.
pub(super) fn attach_manifest(
    transaction: &mut dyn Transaction,
    repository_id: i64,
    digest: &Digest,
) -> Result<()> {
    transaction.execute(
        ATTACH_MANIFEST,
        &[repository_id.into(), digest.as_str().into()],
    )?;
    Ok(())
}

/// Notes that a child was deleted by force.
pub(crate) fn withdraw(
    transaction: &mut dyn Transaction,
    repository_id: i64,
    digest: &Digest,
    now: Timestamp,
) -> Result<()> {
    transaction.execute(
        WITHDRAW,
        &[repository_id.into(), digest.as_str().into(), now.into()],
    )?;
    Ok(())
}

/// The manifests that name a digest, each with the place where it does.
pub(crate) fn parents(
    transaction: &mut dyn Transaction,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Vec<Parent>> {
    let parameters = [
        repository.as_str().into(),
        digest.as_str().into(),
        Parent::MOST_TOLD.into(),
    ];
    let rows = transaction.query(PARENTS, &parameters)?;
    rows.into_iter()
        .map(|mut row| {
            Ok(Parent {
                digest: row.parsed()?,
                pointer: row.text()?,
            })
        })
        .collect()
}
