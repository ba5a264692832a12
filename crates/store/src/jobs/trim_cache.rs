//! Job that keeps the cache within its budget of memory.

use std::time::Duration;

use async_trait::async_trait;
use portolan_registry::Result;

use super::Job;
use crate::store::Store;

const INTERVAL: Duration = Duration::from_secs(10);

/// Job that evicts what exceeds the budget of the cache. Bytes that are being sent are not evicted,
/// so the cache can exceed its budget, and without this job it would do so until the next read.
pub(super) struct TrimCache;

#[async_trait]
impl Job for TrimCache {
    fn name(&self) -> &'static str {
        "trim-cache"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn run(&self, store: &Store) -> Result<()> {
        store.parts.cache.trim();
        Ok(())
    }
}
