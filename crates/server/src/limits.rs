//! Limits on concurrent requests of one kind.

use std::sync::Arc;

use portolan_registry::{Error, Kind, Result};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// `Retry-After` for a client over the limit, in seconds.
const RETRY_AFTER: u32 = 5;

/// Bounded number of slots for one kind of expensive requests, such as uploads.
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    limit: usize,
    /// Name of this kind of requests in messages.
    request_kind: &'static str,
}

impl Slots {
    pub(crate) fn new(limit: usize, requests: &'static str) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(limit)),
            limit,
            request_kind: requests,
        }
    }

    /// Acquires a slot. Dropping the permit releases it.
    ///
    /// # Errors
    /// Returns [`Kind::TooManyRequests`] if no slot is free. Requests do not wait for a slot,
    /// because a waiting client would only reach its own timeout.
    pub(crate) fn acquire(&self) -> Result<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_owned().map_err(|_| {
            let Self {
                limit,
                request_kind: requests,
                ..
            } = self;
            let reason = format!("too many concurrent {requests} (limit {limit})");
            too_many_requests(&reason, *limit as u64)
        })
    }
}

/// Returns the error for a client over a limit. `reason` names the limit.
pub(crate) fn too_many_requests(reason: &str, limit: u64) -> Error {
    let kind = Kind::TooManyRequests {
        retry_after: RETRY_AFTER,
    };
    Error::new(kind, format!("{reason}; retry in {RETRY_AFTER} seconds"))
        .with_detail(json!({"limit": limit, "retryAfterSeconds": RETRY_AFTER}))
}
