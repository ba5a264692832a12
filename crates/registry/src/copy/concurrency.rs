//! Concurrent execution of futures, up to a limit.
//!
//! The futures are collected before they are polled. If they were created lazily while others run,
//! the compiler could not prove that the resulting future is `Send`.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::Result;

/// Runs all futures, up to `jobs` at a time. Returns the results in the order of the futures. Stops
/// at the first error.
pub(crate) async fn in_order<T, F>(jobs: usize, futures: impl Iterator<Item = F>) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>>,
{
    let futures: Vec<F> = futures.collect();
    stream::iter(futures).buffered(jobs).try_collect().await
}

/// Runs all futures, up to `jobs` at a time. Returns the results in the order of completion. Stops
/// at the first error.
pub(super) async fn in_any_order<T, F>(
    jobs: usize,
    futures: impl Iterator<Item = F>,
) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>>,
{
    let futures: Vec<F> = futures.collect();
    stream::iter(futures)
        .buffer_unordered(jobs)
        .try_collect()
        .await
}
