//! Writes the edges of manifests that an earlier process, or a write that failed, has left.

use std::time::Duration;

use async_trait::async_trait;
use portolan_registry::Result;

use super::Job;
use crate::store::Store;

pub(super) struct FinishManifests;

#[async_trait]
impl Job for FinishManifests {
    fn name(&self) -> &'static str {
        "finish manifests"
    }

    fn interval(&self) -> Duration {
        Duration::from_mins(1)
    }

    async fn run(&self, store: &Store) -> Result<()> {
        store.finish_all_manifests().await
    }
}
