//! Job that ends idle upload sessions.

use std::time::Duration;

use async_trait::async_trait;
use portolan_registry::Result;

use super::Job;
use crate::store::Store;

/// Maximum time between two runs.
const INTERVAL: Duration = Duration::from_mins(1);

/// Job that ends idle upload sessions.
pub(super) struct ExpireUploads {
    interval: Duration,
}

impl ExpireUploads {
    /// Returns the job for sessions that may be idle for `expiry`.
    pub(super) fn new(expiry: Duration) -> Self {
        Self {
            interval: INTERVAL.min(expiry).max(Duration::from_secs(1)),
        }
    }
}

#[async_trait]
impl Job for ExpireUploads {
    fn name(&self) -> &'static str {
        "expire-uploads"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    async fn run(&self, store: &Store) -> Result<()> {
        let count = store.expire_uploads().await?;
        if count > 0 {
            tracing::info!(count, "idle upload sessions ended");
        }
        Ok(())
    }
}

impl Store {
    /// Ends old upload sessions after a write failed because of a full disk, so that the next write
    /// can succeed. Logs errors.
    pub(crate) async fn make_room(&self) {
        match self.parts.uploads.make_room().await {
            Ok(0) => (),
            Ok(count) => tracing::warn!(
                count,
                "the disk is full; the oldest idle upload sessions ended"
            ),
            Err(error) => tracing::error!(%error, "failed to end upload sessions on a full disk"),
        }
    }

    /// Ends upload sessions that were idle for longer than
    /// [`UploadSettings::expire`](crate::UploadSettings::expire), and returns the number of ended
    /// sessions.
    ///
    /// # Errors
    /// Returns an error if the folder of the uploads cannot be read.
    pub async fn expire_uploads(&self) -> Result<usize> {
        let expiry = self.parts.upload_expiry;
        self.parts.uploads.expire(expiry).await
    }
}
