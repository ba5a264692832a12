//! Several things at the same time, up to a number.
//!
//! The futures are collected before they are polled: of those that are made while others run the
//! compiler cannot see that they may change threads.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::Result;

/// What comes of all of them, in their order; the first failure ends it.
pub(super) async fn in_order<T, F>(jobs: usize, futures: impl Iterator<Item = F>) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>>,
{
    let futures: Vec<F> = futures.collect();
    stream::iter(futures).buffered(jobs).try_collect().await
}

/// What comes of all of them, as they end; the first failure ends it.
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
