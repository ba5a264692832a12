//! Allocation of keys for the objects that this process stores.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portolan_registry::Result;

use crate::blobs::{Epoch, ObjectKey};
use crate::fatal::fatal;
use crate::metadata::{Database, EpochClosed, KeyRange, close_epochs, open_epoch, reserve_keys};
use crate::runtime::Runtime;

/// Allocates object keys. No key is allocated twice. A key is the random [`Epoch`] of this process,
/// then a counter from a range that this process has reserved in the database. Each process draws a
/// new epoch, so keys stay unique even after a restart with an older copy of the database.
pub(crate) struct ObjectKeys {
    epoch: Epoch,
    /// Reserved counters that no key uses yet. Stays locked while a new range is reserved, so that
    /// concurrent calls do not each reserve a range.
    reserved: tokio::sync::Mutex<Range<u64>>,
    /// Number of unresolved keys in each reserved range, by the id of the range.
    /// [`ObjectKeys::resolve`] defines resolved keys.
    unresolved: Mutex<BTreeMap<i64, u64>>,
}

impl ObjectKeys {
    /// Closes the epochs of all other processes, and opens a new epoch for this process.
    pub(crate) async fn open(database: &Database, runtime: &Arc<dyn Runtime>) -> Result<Self> {
        loop {
            let epoch = Epoch::random(runtime.as_ref())?;
            let opened = database.write(move |transaction| {
                close_epochs(transaction)?;
                let holder = format!("process {}", std::process::id());
                open_epoch(transaction, epoch, &holder)
            });
            // Never use an epoch that exists already, for example in a restored copy of the
            // database. Draw a new epoch instead.
            if opened.await? {
                return Ok(Self {
                    epoch,
                    reserved: tokio::sync::Mutex::new(0..0),
                    unresolved: Mutex::default(),
                });
            }
        }
    }

    /// Returns the epoch of this process.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Allocates a key that was never used.
    pub(crate) async fn next(&self, database: &Database) -> Result<ObjectKey> {
        let mut reserved = self.reserved.lock().await;
        if reserved.is_empty() {
            *reserved = self.reserve(database, reserved.end).await?;
        }
        let counter = reserved.start;
        reserved.start += 1;
        Ok(self.epoch.key(counter))
    }

    /// Reserves a new range of counters in the database, and releases the ranges whose keys are all
    /// resolved (see [`ObjectKeys::resolve`]).
    ///
    /// `end` is the end of the last range that this process reserved. Ends the process if the new
    /// range starts below it, because otherwise keys would be allocated twice.
    async fn reserve(&self, database: &Database, end: u64) -> Result<Range<u64>> {
        let (epoch, completed) = (self.epoch, self.completed_ranges());
        let released = completed.clone();
        let reserve =
            database.write(move |transaction| reserve_keys(transaction, epoch, &released));
        let range = end_if_closed(reserve.await)?;
        let counters = range.counters();
        if counters.start < end {
            // The database was replaced by an older copy, so it would allocate the same keys a
            // second time.
            fatal("reserving object keys", &EpochClosed);
        }
        let mut unresolved = self.lock_unresolved();
        for id in completed {
            unresolved.remove(&id);
        }
        unresolved.insert(range.id, KeyRange::LENGTH);
        Ok(counters)
    }

    /// Returns the ids of the ranges whose keys are all resolved.
    fn completed_ranges(&self) -> Vec<i64> {
        let unresolved = self.lock_unresolved();
        let completed = unresolved.iter().filter(|(_, count)| **count == 0);
        completed.map(|(id, _)| *id).collect()
    }

    /// Marks a key as resolved. A key is resolved if a committed transaction has recorded that a
    /// blob has the key, or that the object with the key is unreferenced. A range is released once
    /// all of its keys are resolved.
    pub(crate) fn resolve(&self, key: &ObjectKey) {
        if let Some(count) = self.lock_unresolved().get_mut(&KeyRange::id_of(key)) {
            *count = count.saturating_sub(1);
        }
    }

    /// Locks the map of unresolved keys. Ignores poisoning: each change is one assignment, so a
    /// panic leaves the map intact.
    fn lock_unresolved(&self) -> MutexGuard<'_, BTreeMap<i64, u64>> {
        self.unresolved
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the process if `result` reports that another process has closed this process's epoch. The
/// other process uses the same data and deletes objects of closed epochs, so this process must not
/// store any more objects.
pub(crate) fn end_if_closed<T>(result: Result<T>) -> Result<T> {
    if let Err(error) = &result
        && EpochClosed::is_cause_of(error)
    {
        fatal("storing an object", &EpochClosed);
    }
    result
}
