//! Broken blobs: those whose object is missing or damaged. Only their rows know it, so that every
//! repository and the next process know it too. A broken blob keeps its links and edges, and is
//! served again once its object is replaced.

use portolan_model::Digest;
use portolan_registry::Result;

use super::objects::add_unreferenced;
use super::{NewObject, Statement, Transaction, find_blob_content};
use crate::blobs::ObjectKey;

const MARK: &str = "INSERT INTO damaged_blobs (blob_id, broken_at) \
     SELECT b.id, ?4 FROM blobs b JOIN key_epochs k ON k.id = b.epoch_id \
     LEFT JOIN damaged_blobs d ON d.blob_id = b.id \
     WHERE b.digest = ?1 AND k.epoch = ?2 AND coalesce(d.counter, b.id) = ?3 \
     ON CONFLICT (blob_id) DO UPDATE SET broken_at = excluded.broken_at \
     WHERE damaged_blobs.broken_at IS NULL";
const REPLACE: &str = "UPDATE blobs SET size = ?2, \
     epoch_id = (SELECT id FROM key_epochs WHERE epoch = ?3) WHERE digest = ?1";
const REPAIRED: &str = "UPDATE damaged_blobs SET counter = ?2, broken_at = NULL \
     WHERE blob_id = (SELECT id FROM blobs WHERE digest = ?1)";

/// Marks a blob as broken if `key` is still the key of its object. Returns `false` if the blob has
/// another object or is marked already.
pub(crate) fn mark_broken(
    transaction: &mut dyn Transaction,
    digest: &Digest,
    key: &ObjectKey,
) -> Result<bool> {
    let [epoch, counter] = key.parameters();
    let parameters = [digest.into(), epoch, counter, transaction.now().into()];
    Ok(transaction.execute(&Statement::new(MARK, parameters))? == 1)
}

/// Replaces the object of a blob, if it is broken, and returns whether it was. The old object
/// becomes unreferenced. The epoch of the new key must be open.
pub(super) fn replace_broken(
    transaction: &mut dyn Transaction,
    digest: &Digest,
    object: NewObject,
) -> Result<bool> {
    let stored = find_blob_content(digest).run(transaction)?;
    let Some(broken) = stored.filter(|stored| stored.is_broken) else {
        return Ok(false);
    };
    let [epoch, counter] = object.key.parameters();
    let statements = [
        Statement::new(REPLACE, [digest.into(), object.size.into(), epoch]),
        Statement::new(REPAIRED, [digest.into(), counter]),
        add_unreferenced(&broken.row.key, transaction.now()),
    ];
    transaction.batch(&statements)?;
    Ok(true)
}
