//! Permits to have a tree in memory while it is checked.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::{Error, Kind, Result};

/// Maximum number of pushes and checks that have a tree in memory at the same time. Each tree may
/// be as large as [`LIMITS`](super::LIMITS) allows, so further pushes and checks wait, up to [`MAX_TREE_WAIT`].
pub(super) const MAX_TREES: usize = 4;

/// Maximum time that a push or check waits to read a tree. Its document is in memory while it
/// waits.
pub(super) const MAX_TREE_WAIT: Duration = Duration::from_secs(10);

/// Permits to have a tree in memory, at most [`MAX_TREES`].
pub(super) struct TreePermits(pub(super) Semaphore);

impl Default for TreePermits {
    fn default() -> Self {
        Self(Semaphore::new(MAX_TREES))
    }
}

impl TreePermits {
    /// Waits for a permit.
    ///
    /// # Errors
    /// Returns [`Kind::TooManyRequests`] if there is none within [`MAX_TREE_WAIT`].
    pub(super) async fn acquire(&self) -> Result<SemaphorePermit<'_>> {
        let acquired = timeout(MAX_TREE_WAIT, self.0.acquire()).await;
        let acquired = acquired.map_err(|_| {
            let kind = Kind::TooManyRequests {
                retry_after: u32::try_from(MAX_TREE_WAIT.as_secs()).unwrap_or(u32::MAX),
            };
            let message = "too many pushes and checks read the tree below a manifest";
            Error::new(kind, message)
        })?;
        acquired
            .map_err(|error| Error::internal("failed to acquire a permit to read a tree", error))
    }
}
