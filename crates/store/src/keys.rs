//! Object keys, reserved many at a time so that a push does not wait for it.

use portolan_registry::Result;
use tokio::sync::Mutex;

use crate::blobs::ObjectKey;
use crate::metadata::{Database, Timestamp, doom};

/// Keys that one transaction reserves.
const BATCH: usize = 64;

/// Keys that are noted in the metadata before any object lies under them, so that after a crash
/// the objects without a blob are found without looking at all the others.
#[derive(Default)]
pub(crate) struct Keys {
    reserved: Mutex<Vec<ObjectKey>>,
}

impl Keys {
    /// A key that nobody else has.
    pub(crate) async fn take<D: Database>(
        &self,
        database: &D,
        now: Timestamp,
    ) -> Result<ObjectKey> {
        let mut reserved = self.reserved.lock().await;
        if let Some(key) = reserved.pop() {
            return Ok(key);
        }
        let mut batch = (0..BATCH)
            .map(|_| ObjectKey::random())
            .collect::<Result<Vec<_>>>()?;
        let noted = batch.clone();
        database
            .write(move |transaction| noted.iter().try_for_each(|key| doom(transaction, key, now)))
            .await?;
        let key = batch.pop().map_or_else(ObjectKey::random, Ok)?;
        *reserved = batch;
        Ok(key)
    }
}
