//! Functions that run blocking work on blocking threads, and that run writes to completion.

use std::future::Future;

use portolan_registry::{Error, Result};

/// Runs `work` on a blocking thread, because it may block on disk I/O.
///
/// # Errors
/// Returns the error of `work`, or [`Kind::Internal`](portolan_registry::Kind::Internal) if it
/// panics.
pub async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("a file operation did not finish", error))?
}

/// Runs `work` in a separate task. It completes even if the caller drops the returned future.
///
/// # Errors
/// Returns the error of `work`, or [`Kind::Internal`](portolan_registry::Kind::Internal) if it
/// panics.
pub async fn run_detached<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work)
        .await
        .map_err(|error| Error::internal("a write operation did not finish", error))?
}
