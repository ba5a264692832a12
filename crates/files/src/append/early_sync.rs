//! Syncs of content that is still arriving, so that the sync at its end has little left to write.

use std::path::Path;
use std::sync::Arc;

use portolan_registry::{Error, Result};
use tokio::task::{JoinHandle, spawn_blocking};

use super::Incoming;
use crate::durable::Durability;

/// Number of bytes that are written between two early syncs. Smaller content is synced once, at its
/// end.
pub(super) const INTERVAL: u64 = 32 << 20;

/// Early syncs of one call that appends. At most one is in progress.
#[derive(Default)]
pub(super) struct EarlySync {
    durability: Option<Arc<Durability>>,
    running: Option<JoinHandle<Result<()>>>,
}

impl EarlySync {
    pub(super) fn new(durability: Arc<Durability>) -> Self {
        Self {
            durability: Some(durability),
            running: None,
        }
    }

    /// Starts a sync of `incoming`, if enough bytes were written since the last one and none is in
    /// progress.
    ///
    /// # Errors
    /// Returns the error of the last sync.
    pub(super) async fn start_if_due(&mut self, incoming: &mut Incoming) -> Result<()> {
        let (Some(durability), Some(file)) = (&self.durability, incoming.file()) else {
            return Ok(());
        };
        let is_running = self
            .running
            .as_ref()
            .is_some_and(|sync| !sync.is_finished());
        if is_running || incoming.length() - incoming.synced < INTERVAL {
            return Ok(());
        }
        let (durability, file) = (Arc::clone(durability), Arc::clone(file));
        self.finish().await?;
        incoming.synced = incoming.length();
        self.running = Some(spawn_blocking(move || {
            durability.sync_data(&file, Path::new("an upload"))
        }));
        Ok(())
    }

    /// Waits for the sync in progress. A later sync of the same file would not report its error
    /// again.
    ///
    /// # Errors
    /// Returns the error of this sync.
    pub(super) async fn finish(&mut self) -> Result<()> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        running
            .await
            .map_err(|error| Error::internal("a sync did not finish", error))?
    }
}
