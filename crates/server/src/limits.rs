//! How many requests of a kind may be under way at once.

use std::sync::Arc;

use portolan_registry::{Error, Kind, Result};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// When a client that was turned away should come back, in seconds.
const RETRY_AFTER: u32 = 5;

/// A bounded number of places for requests that cost more than others.
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    limit: usize,
    /// What people call these requests.
    requests: &'static str,
}

impl Slots {
    pub(crate) fn new(limit: usize, requests: &'static str) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(limit)),
            limit,
            requests,
        }
    }

    /// A place, which is free again when the value is dropped.
    ///
    /// # Errors
    /// [`Kind::TooManyRequests`]: a client that waited in line would only run into its own timeout.
    pub(crate) fn take(&self) -> Result<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_owned().map_err(|_| {
            let Self {
                limit, requests, ..
            } = self;
            let message = format!(
                "{limit} {requests} are under way already, try again in {RETRY_AFTER} seconds"
            );
            Error::new(
                Kind::TooManyRequests {
                    retry_after: RETRY_AFTER,
                },
                message,
            )
            .with_detail(json!({"limit": limit, "retryAfterSeconds": RETRY_AFTER}))
        })
    }
}
