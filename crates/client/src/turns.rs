//! How many requests a host is bothered with at the same time.

use std::sync::Arc;

use portolan_registry::{Error, Result};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Turns to ask a host: a request has one from its beginning until its answer's body has ended.
///
/// The last one is kept from downloads. Whoever copies within one host writes what is read from a
/// download, and would wait forever if other downloads had all the turns.
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
}

/// One turn, given back when dropped.
pub(crate) struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_downloads: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// `most` turns, and at least two.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.clamp(2, Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(most)),
            downloads: Arc::new(Semaphore::new(most - 1)),
        }
    }

    /// Waits for a turn.
    pub(crate) async fn take(&self, download: bool) -> Result<Turn> {
        let of_downloads = if download {
            Some(acquire(&self.downloads).await?)
        } else {
            None
        };
        Ok(Turn {
            _of_all: acquire(&self.all).await?,
            _of_downloads: of_downloads,
        })
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let closed = |error: AcquireError| Error::internal("waiting for a turn", error);
    Arc::clone(semaphore).acquire_owned().await.map_err(closed)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn downloads_leave_one_turn() {
        let turns = Turns::new(3);
        let _held = (
            turns.take(true).await.unwrap(),
            turns.take(true).await.unwrap(),
        );
        assert!(
            turns.take(true).now_or_never().is_none(),
            "two downloads leave none for a third"
        );
        let other = turns
            .take(false)
            .now_or_never()
            .expect("but one for something else");
        assert!(turns.take(false).now_or_never().is_none(), "and no more");
        drop(other);
        assert!(turns.take(false).now_or_never().is_some());
    }

    #[tokio::test]
    async fn there_are_two_at_least() {
        let turns = Turns::new(0);
        let _download = turns.take(true).await.unwrap();
        assert!(turns.take(false).now_or_never().is_some());
    }
}
