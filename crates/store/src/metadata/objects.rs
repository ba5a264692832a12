//! Rows of object keys: epochs, reserved ranges of keys, and objects that no blob refers to.
//!
//! A key is never used twice. An object is deleted in three steps, so that a crash cannot leave an
//! object without a row: a transaction claims the row of the object after checking that no blob has
//! the key, then the object is deleted, then the row is deleted.

use std::collections::HashSet;
use std::ops::Range;

use portolan_registry::{Error, Result};

use super::{Lookup, Row, Statement, Transaction};
use crate::blobs::{Epoch, ObjectKey};
use crate::runtime::Timestamp;

const CLOSE_ALL: &str = "UPDATE key_epochs SET closed_at = ?1 WHERE closed_at IS NULL";
const FIRST: &str = "SELECT epoch FROM key_epochs WHERE id > 0 ORDER BY id LIMIT 1";
const IS_KNOWN: &str = "SELECT 1 FROM key_epochs WHERE epoch = ?1";
const OPEN: &str = "INSERT INTO key_epochs (epoch, holder, opened_at) VALUES (?1, ?2, ?3) \
     ON CONFLICT (epoch) DO NOTHING";
const IS_OPEN: &str = "SELECT 1 FROM key_epochs WHERE epoch = ?1 AND closed_at IS NULL";
const IS_CLOSED: &str = "SELECT 1 FROM key_epochs WHERE epoch = ?1 AND closed_at IS NOT NULL";
const RESERVE: &str = "INSERT INTO key_ranges (epoch_id) \
     SELECT id FROM key_epochs WHERE epoch = ?1 AND closed_at IS NULL RETURNING id";
const RELEASE: &str = "DELETE FROM key_ranges WHERE id = ?1";
const CLOSED_RANGE: &str = "SELECT e.epoch, g.id FROM key_ranges g \
     JOIN key_epochs e ON e.id = g.epoch_id WHERE e.closed_at IS NOT NULL LIMIT 1";
const USED_KEYS: &str = "SELECT b.id FROM key_epochs e JOIN blobs b \
     ON b.id >= ?2 AND b.id < ?3 AND b.epoch_id = e.id \
     LEFT JOIN damaged_blobs d ON d.blob_id = b.id WHERE e.epoch = ?1 AND d.counter IS NULL \
     UNION ALL SELECT d.counter FROM key_epochs e JOIN damaged_blobs d \
     ON d.counter >= ?2 AND d.counter < ?3 JOIN blobs b ON b.id = d.blob_id \
     WHERE e.epoch = ?1 AND b.epoch_id = e.id";
const ADD: &str = "INSERT INTO unreferenced_objects (epoch_id, counter, unreferenced_at) \
     SELECT id, ?2, ?3 FROM key_epochs WHERE epoch = ?1 ON CONFLICT (epoch_id, counter) DO NOTHING";
const CLAIMABLE: &str = "SELECT e.epoch, u.counter FROM unreferenced_objects u \
     JOIN key_epochs e ON e.id = u.epoch_id WHERE u.claimed_by IS NULL \
     OR u.claimed_by = (SELECT id FROM key_epochs WHERE epoch = ?1) OR NOT EXISTS \
     (SELECT 1 FROM key_epochs h WHERE h.id = u.claimed_by AND h.closed_at IS NULL) LIMIT ?2";
const CLAIM: &str = "UPDATE unreferenced_objects \
     SET claimed_by = (SELECT id FROM key_epochs WHERE epoch = ?3) \
     WHERE epoch_id = (SELECT id FROM key_epochs WHERE epoch = ?1) AND counter = ?2 \
     AND NOT EXISTS (SELECT 1 FROM blobs b LEFT JOIN damaged_blobs d ON d.blob_id = b.id \
     WHERE b.id = ?2 AND d.counter IS NULL \
     AND b.epoch_id = (SELECT id FROM key_epochs WHERE epoch = ?1)) \
     AND NOT EXISTS (SELECT 1 FROM damaged_blobs d JOIN blobs b ON b.id = d.blob_id \
     WHERE d.counter = ?2 AND b.epoch_id = (SELECT id FROM key_epochs WHERE epoch = ?1))";
const CLAIM_NEW: &str = "INSERT INTO unreferenced_objects \
     (epoch_id, counter, unreferenced_at, claimed_by) SELECT e.id, ?2, ?3, e.id FROM key_epochs e \
     WHERE e.epoch = ?1 \
     AND NOT EXISTS (SELECT 1 FROM blobs b LEFT JOIN damaged_blobs d ON d.blob_id = b.id \
     WHERE b.id = ?2 AND d.counter IS NULL AND b.epoch_id = e.id) \
     AND NOT EXISTS (SELECT 1 FROM damaged_blobs d JOIN blobs b ON b.id = d.blob_id \
     WHERE d.counter = ?2 AND b.epoch_id = e.id) \
     ON CONFLICT (epoch_id, counter) DO NOTHING";
const FORGET: &str = "DELETE FROM unreferenced_objects \
     WHERE epoch_id = (SELECT id FROM key_epochs WHERE epoch = ?1) AND counter = ?2 \
     AND claimed_by = (SELECT id FROM key_epochs WHERE epoch = ?3)";
const FORGET_USED: &str = "DELETE FROM unreferenced_objects \
     WHERE epoch_id = (SELECT id FROM key_epochs WHERE epoch = ?1) AND counter = ?2 \
     AND (EXISTS (SELECT 1 FROM blobs b LEFT JOIN damaged_blobs d ON d.blob_id = b.id \
     WHERE b.id = ?2 AND d.counter IS NULL \
     AND b.epoch_id = (SELECT id FROM key_epochs WHERE epoch = ?1)) \
     OR EXISTS (SELECT 1 FROM damaged_blobs d JOIN blobs b ON b.id = d.blob_id \
     WHERE d.counter = ?2 AND b.epoch_id = (SELECT id FROM key_epochs WHERE epoch = ?1)))";

/// Source of an error if another process has closed the epoch of this process.
#[derive(Debug, thiserror::Error)]
#[error("another process has closed this one's epoch of object keys, so it uses the same data")]
pub(crate) struct EpochClosed;

impl EpochClosed {
    /// Returns whether `error` reports a closed epoch.
    pub(crate) fn is_cause_of(error: &Error) -> bool {
        std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<Self>)
    }
}

/// Returns a lookup of the epoch of the process that created the database.
pub(crate) fn first_epoch() -> Lookup<Option<Epoch>> {
    Lookup::first(Statement::new(FIRST, []), |mut row| row.epoch())
}

/// Returns a lookup that finds out whether the database has an epoch.
pub(crate) fn is_epoch_known(epoch: Epoch) -> Lookup<bool> {
    let statement = Statement::new(IS_KNOWN, [epoch.into()]);
    Lookup::new(statement, |rows| Ok(!rows.is_empty()))
}

/// Closes every open epoch. A process does so when it opens local storage: it holds the lock on the
/// folder, so all earlier processes have ended.
pub(crate) fn close_epochs(transaction: &mut dyn Transaction) -> Result<()> {
    let now = transaction.now();
    transaction.execute(&Statement::new(CLOSE_ALL, [now.into()]))?;
    Ok(())
}

/// Opens `epoch` for this process. `holder` describes the process. Returns `false` if the epoch
/// exists already; the caller must draw a new epoch in this case.
pub(crate) fn open_epoch(
    transaction: &mut dyn Transaction,
    epoch: Epoch,
    holder: &str,
) -> Result<bool> {
    let parameters = [epoch.into(), holder.into(), transaction.now().into()];
    Ok(transaction.execute(&Statement::new(OPEN, parameters))? == 1)
}

/// Returns an error with source [`EpochClosed`] unless `epoch` is open.
pub(super) fn require_open_epoch(transaction: &mut dyn Transaction, epoch: Epoch) -> Result<()> {
    let open = transaction.query(&Statement::new(IS_OPEN, [epoch.into()]))?;
    if open.is_empty() {
        return Err(Error::internal("failed to store an object", EpochClosed));
    }
    Ok(())
}

/// Range of keys of one epoch, reserved in one step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct KeyRange {
    pub(crate) epoch: Epoch,
    pub(crate) id: i64,
}

impl KeyRange {
    /// Number of keys in a range. It must never change, because the stored id of a range determines
    /// its counters.
    pub(crate) const LENGTH: u64 = 256;

    fn read(mut row: Row) -> Result<Self> {
        Ok(Self {
            epoch: row.epoch()?,
            id: row.integer()?,
        })
    }

    /// Returns the counters of the keys in the range.
    pub(crate) fn counters(&self) -> Range<u64> {
        let first = self.id.unsigned_abs() * Self::LENGTH;
        first..first + Self::LENGTH
    }

    /// Returns the id of the range that contains `key`.
    pub(crate) fn id_of(key: &ObjectKey) -> i64 {
        i64::try_from(key.counter() / Self::LENGTH).unwrap_or(i64::MAX)
    }
}

/// Reserves a range of keys in `epoch`, and releases the ranges with the ids `completed`. Each key
/// in these ranges must belong to a blob or be recorded as an unreferenced object.
pub(crate) fn reserve_keys(
    transaction: &mut dyn Transaction,
    epoch: Epoch,
    completed: &[i64],
) -> Result<KeyRange> {
    let mut statements = vec![Statement::new(RESERVE, [epoch.into()])];
    let release = |id: &i64| Statement::new(RELEASE, [(*id).into()]);
    statements.extend(completed.iter().map(release));
    let outcomes = transaction.batch(&statements)?;
    let reserved = outcomes.into_iter().flat_map(|outcome| outcome.rows).next();
    // No row means that the epoch is closed.
    let mut row =
        reserved.ok_or_else(|| Error::internal("failed to store an object", EpochClosed))?;
    let id = row.integer()?;
    Ok(KeyRange { epoch, id })
}

/// Returns a lookup of any reserved range of a closed epoch.
pub(crate) fn closed_range() -> Lookup<Option<KeyRange>> {
    Lookup::first(Statement::new(CLOSED_RANGE, []), KeyRange::read)
}

/// Records every key of `range` that no blob has as an unreferenced object, and releases the range.
///
/// Does nothing if the epoch of the range is not closed: a transaction could still create a blob
/// with one of its keys.
pub(crate) fn sweep_range(transaction: &mut dyn Transaction, range: KeyRange) -> Result<()> {
    let (now, epoch, counters) = (transaction.now(), range.epoch, range.counters());
    let parameters = [epoch.into(), counters.start.into(), counters.end.into()];
    let outcomes = transaction.batch(&[
        Statement::new(IS_CLOSED, [epoch.into()]),
        Statement::new(USED_KEYS, parameters),
    ])?;
    let [closed, used] = split_pair(outcomes)?;
    if closed.is_empty() {
        return Ok(());
    }
    let used = used.into_iter().map(|mut row| row.size());
    let used: HashSet<_> = used.collect::<Result<_>>()?;
    let unused = counters.filter(|counter| !used.contains(counter));
    let add = |counter| add_unreferenced(&epoch.key(counter), now);
    let mut statements: Vec<_> = unused.map(add).collect();
    statements.push(Statement::new(RELEASE, [range.id.into()]));
    transaction.batch(&statements).map(drop)
}

/// Returns the statement that records an object that no blob has.
pub(super) fn add_unreferenced(key: &ObjectKey, now: Timestamp) -> Statement<'static> {
    let [epoch, counter] = key.parameters();
    Statement::new(ADD, [epoch, counter, now.into()])
}

/// Claims up to `limit` unreferenced objects for the process with `epoch`, so that this process can
/// delete them. Skips objects that a process with another open epoch has claimed.
pub(crate) fn claim_objects(
    transaction: &mut dyn Transaction,
    epoch: Epoch,
    limit: usize,
) -> Result<Vec<ObjectKey>> {
    require_open_epoch(transaction, epoch)?;
    let rows = transaction.query(&Statement::new(CLAIMABLE, [epoch.into(), limit.into()]))?;
    let keys: Vec<_> = rows
        .into_iter()
        .map(|mut row| row.key())
        .collect::<Result<_>>()?;
    let claims: Vec<_> = keys
        .iter()
        .map(|key| for_holder(CLAIM, key, epoch))
        .collect();
    let outcomes = transaction.batch(&claims)?;
    let (mut claimed, mut used) = (Vec::new(), Vec::new());
    for (key, outcome) in keys.into_iter().zip(outcomes) {
        if outcome.changed == 1 {
            claimed.push(key);
        } else {
            // A blob has the key, so the object is needed. Remove only the row.
            used.push(Statement::new(FORGET_USED, key.parameters()));
        }
    }
    transaction.batch(&used)?;
    Ok(claimed)
}

/// Records that no blob has `key`, and claims its object for the process that has allocated the
/// key. Does nothing and returns `false` if a blob has the key.
pub(crate) fn claim_own(transaction: &mut dyn Transaction, key: &ObjectKey) -> Result<bool> {
    let [epoch, counter] = key.parameters();
    let parameters = [epoch, counter, transaction.now().into()];
    Ok(transaction.execute(&Statement::new(CLAIM_NEW, parameters))? == 1)
}

/// Removes the rows of objects that the process with `epoch` has claimed and deleted.
pub(crate) fn forget_objects(
    transaction: &mut dyn Transaction,
    epoch: Epoch,
    keys: &[ObjectKey],
) -> Result<()> {
    let statements: Vec<_> = keys
        .iter()
        .map(|key| for_holder(FORGET, key, epoch))
        .collect();
    let outcomes = transaction.batch(&statements)?;
    let missing = outcomes.iter().filter(|outcome| outcome.changed == 0);
    let missing = missing.count();
    if missing > 0 {
        // The sweep and a push that lost a race may delete the same object at the same time.
        tracing::debug!(missing, "rows of deleted objects were already removed");
    }
    Ok(())
}

/// Returns the statement `sql` with these parameters: a key, and the epoch of the process that has
/// claimed the key.
fn for_holder(sql: &'static str, key: &ObjectKey, holder: Epoch) -> Statement<'static> {
    let [epoch, counter] = key.parameters();
    Statement::new(sql, [epoch, counter, holder.into()])
}

/// Returns the rows of two statements.
fn split_pair(outcomes: Vec<super::Outcome>) -> Result<[Vec<Row>; 2]> {
    let mut rows = outcomes.into_iter().map(|outcome| outcome.rows);
    match (rows.next(), rows.next()) {
        (Some(one), Some(two)) => Ok([one, two]),
        _ => Err(super::no_outcome()),
    }
}
