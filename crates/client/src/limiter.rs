//! Limit on concurrent requests to a host.

use std::sync::Arc;

use portolan_registry::{Error, Result};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Permits for requests to a host. A request holds a permit from its beginning until the body of
/// its response ends.
///
/// Downloads cannot use the last permit. A copy within one host uploads the bytes of a download,
/// and would deadlock if downloads held all permits.
pub(crate) struct RequestLimiter {
    all: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
}

/// Permit for one request. Dropping this value releases the permit.
pub(crate) struct RequestPermit {
    _of_all: OwnedSemaphorePermit,
    _of_downloads: Option<OwnedSemaphorePermit>,
}

impl RequestLimiter {
    /// Creates `most` permits, but at least two.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.clamp(2, Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(most)),
            downloads: Arc::new(Semaphore::new(most - 1)),
        }
    }

    /// Acquires a permit. `download` is true for a request that holds the permit while the body of
    /// its response streams.
    pub(crate) async fn acquire(&self, download: bool) -> Result<RequestPermit> {
        // Acquire the download permit first. Otherwise, a download that waits for it would hold a
        // permit of `all`, and other requests could not use that permit.
        let of_downloads = if download {
            Some(acquire(&self.downloads).await?)
        } else {
            None
        };
        Ok(RequestPermit {
            _of_all: acquire(&self.all).await?,
            _of_downloads: of_downloads,
        })
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let closed = |error: AcquireError| Error::internal("failed to acquire a request permit", error);
    Arc::clone(semaphore).acquire_owned().await.map_err(closed)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn downloads_leave_one_permit() {
        let turns = RequestLimiter::new(3);
        let _held = (
            turns.acquire(true).await.unwrap(),
            turns.acquire(true).await.unwrap(),
        );
        assert!(
            turns.acquire(true).now_or_never().is_none(),
            "two downloads leave no permit for a third"
        );
        let other = turns
            .acquire(false)
            .now_or_never()
            .expect("one permit for another request");
        assert!(
            turns.acquire(false).now_or_never().is_none(),
            "no further permit"
        );
        drop(other);
        assert!(turns.acquire(false).now_or_never().is_some());
    }

    #[tokio::test]
    async fn has_at_least_two_permits() {
        let turns = RequestLimiter::new(0);
        let _download = turns.acquire(true).await.unwrap();
        assert!(turns.acquire(false).now_or_never().is_some());
    }
}
