//! Background jobs, one in each file, and the code that runs them.

mod expire_uploads;
mod finish_manifests;
mod sweep_objects;
mod trim_cache;

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use portolan_registry::Result;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::store::{Parts, Store};

/// Background job that runs repeatedly while the store is open.
#[async_trait]
trait Job: Send + Sync + 'static {
    /// Name of the job in the log.
    fn name(&self) -> &'static str;

    /// Time between two runs. The first run is immediately after the start.
    fn interval(&self) -> Duration;

    /// Runs the job once.
    async fn run(&self, store: &Store) -> Result<()>;
}

/// Handle to the running background jobs. Dropping it aborts them.
#[derive(Debug)]
pub struct Jobs {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Jobs {
    /// Stops the jobs, and waits until runs in progress have ended.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            // The panic of a job was logged when it happened.
            let _ = task.await;
        }
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Store {
    /// Starts the background jobs: they end idle upload sessions, finish manifests, delete
    /// unreferenced objects, and keep the cache within its budget.
    pub fn start_jobs(&self) -> Jobs {
        let jobs: [Box<dyn Job>; 4] = [
            Box::new(expire_uploads::ExpireUploads::new(self.parts.upload_expiry)),
            Box::new(finish_manifests::FinishManifests),
            Box::new(sweep_objects::SweepObjects),
            Box::new(trim_cache::TrimCache),
        ];
        let (stop, stopped) = watch::channel(false);
        let start = |job| {
            let parts = Arc::downgrade(&self.parts);
            tokio::spawn(repeat(job, parts, stopped.clone()))
        };
        Jobs {
            tasks: jobs.into_iter().map(start).collect(),
            stop,
        }
    }
}

/// Runs a job repeatedly, until it is stopped or the store is closed. Between two runs, holds only
/// a weak reference, so that the job does not keep the store open.
async fn repeat(job: Box<dyn Job>, parts: Weak<Parts>, mut stopped: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(job.interval());
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => return,
            _ = interval.tick() => (),
        }
        let Some(parts) = parts.upgrade() else {
            return;
        };
        if let Err(error) = job.run(&Store::from_parts(parts)).await {
            tracing::error!(%error, job = job.name(), "a background job failed and is tried again");
        }
    }
}
