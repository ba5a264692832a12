//! Lane for heavy work: pushes and checks of large manifests, trees, and long responses.
//!
//! The lane has its own threads, so that heavy work never delays short requests on the async
//! threads. It is bounded by the weight of the documents in it (see [`document_weight`]), which clients
//! share (see [`Shares`]), and a second bound applies to the documents that wait for it. Work whose
//! client has disconnected is dropped.

mod weight;

use std::io;
use std::thread::available_parallelism;

use portolan_registry::{Error, Result};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinError, JoinHandle, JoinSet};

use crate::client_address::Client;
use crate::settings::Settings;
use crate::shares::{Share, ShareLimits, Shares};

pub(crate) use weight::document_weight;

/// Size of a document in bytes up to which work on it is short. Such work runs on the async
/// threads.
pub(crate) const SHORT_WORK: usize = 64 << 10;

/// Threads for heavy work, and the limits on the work.
pub(crate) struct Lane {
    /// `None` only while this value is dropped.
    runtime: Option<Runtime>,
    documents: Shares,
}

/// Share of the lane for one piece of work. Dropping it gives the share back. The default is for
/// short work, which needs no share.
#[derive(Default)]
pub(crate) struct LaneShare {
    /// Permit for heavy work, and the threads that run it. `None` for short work.
    heavy: Option<(Share, Handle)>,
}

impl Lane {
    pub(crate) fn new(settings: &Settings) -> io::Result<Self> {
        // Half of the processors, so that the other threads always find a free one.
        let threads = available_parallelism().map_or(1, |count| (count.get() / 2).max(1));
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("lane")
            .enable_all()
            .build()?;
        let limits = &settings.limits;
        let documents = Shares::new(ShareLimits {
            waiting: limits.lane_queue_bytes as u64,
            ..ShareLimits::new(settings, limits.lane_bytes, "bytes of large documents")
        });
        Ok(Self {
            runtime: Some(runtime),
            documents,
        })
    }

    /// Waits for a share of the lane for work on a document of the weight `bytes`. Work on up to
    /// [`SHORT_WORK`] bytes needs none. Work on more than the lane's limit gets the full lane.
    ///
    /// # Errors
    /// Returns the errors of [`Shares::acquire`].
    pub(crate) async fn enter(&self, client: Client, bytes: usize) -> Result<LaneShare> {
        let Some(runtime) = self.runtime.as_ref().filter(|_| bytes > SHORT_WORK) else {
            return Ok(LaneShare::default());
        };
        let share = self.documents.acquire(client, bytes as u64).await?;
        Ok(LaneShare {
            heavy: Some((share, runtime.handle().clone())),
        })
    }

    /// Runs `work` on a document of the weight `bytes`. Drops it, and gives its share back, if the caller
    /// drops the returned future.
    ///
    /// # Errors
    /// Returns the error of [`Lane::enter`] or of `work`, and
    /// [`Kind::Internal`](portolan_registry::Kind::Internal) if `work` panics.
    pub(crate) async fn run<T, E>(
        &self,
        client: Client,
        bytes: usize,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match self.enter(client, bytes).await?.heavy {
            None => work.await,
            Some((share, threads)) => {
                // Dropping the set aborts its task.
                let mut tasks = JoinSet::new();
                tasks.spawn_on(hold(share, work), &threads);
                match tasks.join_next().await {
                    Some(ended) => ended.map_err(task_error)?,
                    None => Err(Error::internal("heavy work did not start", "no task").into()),
                }
            }
        }
    }
}

impl LaneShare {
    /// Starts a task for `work`. It completes even if the caller drops the returned handle, and
    /// holds the share until then.
    pub(crate) fn spawn<T: Send + 'static>(
        self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        match self.heavy {
            None => tokio::spawn(work),
            Some((share, threads)) => threads.spawn(hold(share, work)),
        }
    }
}

/// Does not wait for the threads. The last reference to a lane may belong to one of its own tasks,
/// which could not wait for itself.
impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn hold<T>(_share: Share, work: impl Future<Output = T>) -> T {
    work.await
}

/// Converts the error of a task that has panicked.
pub(crate) fn task_error(error: JoinError) -> Error {
    Error::internal("the task for this request ended early", error)
}

#[cfg(test)]
mod tests;
