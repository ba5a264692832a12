//! Keys of objects that no blob refers to, or not yet.

use portolan_registry::Result;

use super::{Timestamp, Transaction};
use crate::blobs::ObjectKey;

const DOOM: &str = "INSERT INTO doomed_objects (object_key, doomed_at) VALUES (?1, ?2) ON CONFLICT (object_key) DO NOTHING";
const FORGET: &str = "DELETE FROM doomed_objects WHERE object_key = ?1";
const ALL: &str = "SELECT object_key FROM doomed_objects";

/// Notes that an object may come to lie, or lie, under this key without a blob that refers to it.
pub(crate) fn doom(
    transaction: &mut dyn Transaction,
    key: &ObjectKey,
    now: Timestamp,
) -> Result<()> {
    transaction.execute(DOOM, &[key.as_str().into(), now.into()])?;
    Ok(())
}

/// Notes that a blob refers to the key, or that no object lies there any more.
pub(crate) fn forget_doomed(transaction: &mut dyn Transaction, key: &ObjectKey) -> Result<()> {
    transaction.execute(FORGET, &[key.as_str().into()])?;
    Ok(())
}

pub(crate) fn all_doomed(transaction: &mut dyn Transaction) -> Result<Vec<ObjectKey>> {
    let rows = transaction.query(ALL, &[])?;
    rows.into_iter().map(|mut row| row.parsed()).collect()
}
