//! Job that deletes objects without a blob: leftovers of earlier processes, and objects that are
//! recorded as unreferenced.
//!
//! A transaction claims the row of an object after checking that no blob has its key. Then the
//! object is deleted, and then its row. A crash at any point leaves the row, so a later run finds
//! the object.

use std::time::Duration;

use async_trait::async_trait;
use portolan_registry::Result;

use super::Job;
use crate::blobs::ObjectKey;
use crate::metadata::{claim_objects, closed_range, forget_objects, sweep_range};
use crate::object_keys::end_if_closed;
use crate::store::Store;

const INTERVAL: Duration = Duration::from_mins(1);
/// Maximum number of objects that a single transaction claims.
const PAGE: usize = 100;

/// Job that deletes objects that belong to no blob.
pub(super) struct SweepObjects;

#[async_trait]
impl Job for SweepObjects {
    fn name(&self) -> &'static str {
        "sweep-objects"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn run(&self, store: &Store) -> Result<()> {
        store.sweep_objects().await
    }
}

impl Store {
    /// Records the unused keys of closed epochs as unreferenced objects, then deletes all
    /// unreferenced objects. Does nothing if the database is older than the blobs.
    pub(crate) async fn sweep_objects(&self) -> Result<()> {
        if self.parts.is_rolled_back {
            return Ok(());
        }
        self.sweep_ranges().await?;
        let mut count = 0;
        loop {
            let claimed = self.claim().await?;
            if claimed.is_empty() {
                break;
            }
            count += claimed.len();
            self.delete_claimed(claimed).await?;
        }
        if count > 0 {
            tracing::info!(count, "unreferenced objects deleted");
        }
        Ok(())
    }

    /// Records the unused keys of closed epochs as unreferenced objects, one range per transaction.
    async fn sweep_ranges(&self) -> Result<()> {
        let database = &self.parts.database;
        while let Some(range) = database.lookup(closed_range()).await? {
            let sweep = database.write(move |transaction| sweep_range(transaction, range));
            sweep.await?;
        }
        Ok(())
    }

    /// Claims up to [`PAGE`] unreferenced objects for this process.
    async fn claim(&self) -> Result<Vec<ObjectKey>> {
        let epoch = self.parts.keys.epoch();
        let claim = self
            .parts
            .database
            .write(move |transaction| claim_objects(transaction, epoch, PAGE));
        end_if_closed(claim.await)
    }

    /// Deletes claimed objects, then their rows. An object that cannot be deleted keeps its row,
    /// and the other objects are still deleted.
    pub(crate) async fn delete_claimed(&self, keys: Vec<ObjectKey>) -> Result<()> {
        let (mut deleted, mut failed) = (Vec::new(), Ok(()));
        for key in keys {
            match self.parts.objects.delete(&key).await {
                Ok(()) => deleted.push(key),
                Err(error) => failed = Err(error),
            }
        }
        let epoch = self.parts.keys.epoch();
        let forget = self
            .parts
            .database
            .write(move |transaction| forget_objects(transaction, epoch, &deleted));
        forget.await.and(failed)
    }
}
