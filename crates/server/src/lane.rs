//! Lane for heavy work: pushes and checks of large manifests, trees, and long responses.
//!
//! The lane has its own threads, so that heavy work never delays short requests on the async
//! threads. It is bounded by the bytes of the documents in it, and a second bound applies to the
//! documents that wait for it. Work whose client has disconnected is dropped.

use std::io;
use std::sync::Arc;
use std::thread::available_parallelism;

use portolan_registry::{Error, Result};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinHandle, JoinSet};

use crate::limits::too_many_requests;
use crate::settings::Limits;

/// Size of a document in bytes up to which work on it is short. Such work runs on the async
/// threads.
pub(crate) const SHORT_WORK: usize = 64 << 10;

/// Threads for heavy work, and the limits on the work.
pub(crate) struct Lane {
    /// `None` only while this value is dropped.
    runtime: Option<Runtime>,
    running: Arc<Semaphore>,
    waiting: Semaphore,
    limits: LaneLimits,
}

/// Limits of a [`Lane`] in bytes.
#[derive(Clone, Copy, Debug)]
struct LaneLimits {
    running: u32,
    waiting: u32,
}

impl LaneLimits {
    fn new(limits: &Limits) -> Self {
        Self {
            running: permits(limits.lane_bytes),
            waiting: permits(limits.lane_queue_bytes),
        }
    }
}

/// Returns the number of permits for `bytes`. A semaphore can grant no more of them at once.
fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Share of the lane for one piece of work. Dropping it gives the share back. The default is for
/// short work, which needs no share.
#[derive(Default)]
pub(crate) struct LaneShare {
    /// Permit for heavy work, and the threads that run it. `None` for short work.
    heavy: Option<(OwnedSemaphorePermit, Handle)>,
}

impl Lane {
    pub(crate) fn new(limits: &Limits) -> io::Result<Self> {
        // Half of the processors, so that the other threads always find a free one.
        let threads = available_parallelism().map_or(1, |count| (count.get() / 2).max(1));
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("lane")
            .enable_all()
            .build()?;
        let limits = LaneLimits::new(limits);
        Ok(Self {
            runtime: Some(runtime),
            running: Arc::new(Semaphore::new(limits.running as usize)),
            waiting: Semaphore::new(limits.waiting as usize),
            limits,
        })
    }

    /// Waits for a share of the lane for work on a document of `bytes` bytes. Work on up to
    /// [`SHORT_WORK`] bytes needs none. Work on more than the lane's limit gets the full lane.
    ///
    /// # Errors
    /// Returns [`Kind::TooManyRequests`](portolan_registry::Kind::TooManyRequests) if too many
    /// bytes already wait.
    pub(crate) async fn enter(&self, bytes: usize) -> Result<LaneShare> {
        let Some(runtime) = self.runtime.as_ref().filter(|_| bytes > SHORT_WORK) else {
            return Ok(LaneShare::default());
        };
        let bytes = permits(bytes);
        let share = bytes.min(self.limits.running);
        let running = Arc::clone(&self.running);
        let permit = if let Ok(permit) = Arc::clone(&running).try_acquire_many_owned(share) {
            permit
        } else {
            let waits = self.waiting.try_acquire_many(bytes);
            let _waits = waits.map_err(|_| self.full())?;
            let permit = running.acquire_many_owned(share).await;
            permit.map_err(|error| Error::internal("failed to enter the lane", error))?
        };
        Ok(LaneShare {
            heavy: Some((permit, runtime.handle().clone())),
        })
    }

    /// Runs `work` on a document of `bytes` bytes. Drops it, and gives its share back, if the caller
    /// drops the returned future.
    ///
    /// # Errors
    /// Returns the error of [`Lane::enter`] or of `work`, and
    /// [`Kind::Internal`](portolan_registry::Kind::Internal) if `work` panics.
    pub(crate) async fn run<T, E>(
        &self,
        bytes: usize,
        work: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match self.enter(bytes).await?.heavy {
            None => work.await,
            Some((permit, threads)) => {
                // Dropping the set aborts its task.
                let mut tasks = JoinSet::new();
                tasks.spawn_on(hold(permit, work), &threads);
                match tasks.join_next().await {
                    Some(ended) => ended.map_err(task_error)?,
                    None => Err(Error::internal("heavy work did not start", "no task").into()),
                }
            }
        }
    }

    fn full(&self) -> Error {
        let limit = self.limits.waiting;
        too_many_requests(
            &format!("too many large documents are waiting (limit {limit} bytes)"),
            u64::from(limit),
        )
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
            Some((permit, threads)) => threads.spawn(hold(permit, work)),
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

async fn hold<T>(_permit: OwnedSemaphorePermit, work: impl Future<Output = T>) -> T {
    work.await
}

/// Converts the error of a task that has panicked.
pub(crate) fn task_error(error: JoinError) -> Error {
    Error::internal("the task for this request ended early", error)
}

#[cfg(test)]
mod tests;
