//! Check that the store can write: `/readyz` runs it. Its cost does not depend on the number of
//! requests, and a disk that does not respond does not block the request.

use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use portolan_files::{file_error, run_blocking};
use portolan_registry::{Error, Kind, Result};

use crate::metadata::ping;
use crate::store::Store;

/// Time for which the result of a probe is used.
const LIFETIME: Duration = Duration::from_secs(1);

/// Maximum time to wait for a probe.
const PATIENCE: Duration = Duration::from_secs(2);

/// File in the data folder that a probe writes to.
const FILE: &str = "probe";

const FILE_MODE: u32 = 0o600;

type Probe = Shared<BoxFuture<'static, Result<(), Arc<Error>>>>;

/// Latest probe, and the time when it began.
#[derive(Default)]
pub(crate) struct Readiness {
    latest: Mutex<Option<(Instant, Probe)>>,
}

impl Readiness {
    /// Returns the latest probe if it is still running or recent. Otherwise, starts one.
    fn probe(&self, start: impl FnOnce() -> Probe) -> Probe {
        // Ignore poisoning, because a panic leaves the value intact.
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((began, probe)) = &*latest
            && (probe.clone().now_or_never().is_none() || began.elapsed() < LIFETIME)
        {
            return probe.clone();
        }
        let probe = start();
        *latest = Some((Instant::now(), probe.clone()));
        probe
    }
}

impl Store {
    /// Checks that the store can write: the data folder is still in place, a byte can be written
    /// and synced, and the database responds. Returns the result of a check that is at most one
    /// second old.
    ///
    /// # Errors
    /// Returns [`Kind::Internal`] with the reason, also if the disk does not respond within two
    /// seconds.
    pub async fn check_ready(&self) -> Result<()> {
        let probe = self.parts.readiness.probe(|| self.start_probe());
        match tokio::time::timeout(PATIENCE, probe).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::internal("the storage is not ready", error)),
            Err(_) => Err(Error::new(
                Kind::Internal,
                format!("the storage does not respond within {PATIENCE:?}"),
            )),
        }
    }

    fn start_probe(&self) -> Probe {
        // A task, so that the probe goes on if no request waits for it.
        let store = self.clone();
        let task = tokio::spawn(async move {
            let parts = Arc::clone(&store.parts);
            run_blocking(move || parts.lock.check_place().and_then(|()| write_byte(&parts)))
                .await?;
            store.parts.database.lookup(ping()).await
        });
        let probe = async move {
            let done = task.await;
            let done = done.map_err(|error| Error::internal("the probe ended early", error));
            done.flatten().map_err(Arc::new)
        };
        probe.boxed().shared()
    }
}

/// Writes and syncs a byte. The file stays, so that a full disk does not matter.
fn write_byte(parts: &crate::store::Parts) -> Result<()> {
    let path = parts.lock.folder().join(FILE);
    let write = || {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(&path)?;
        file.write_all_at(b"1", 0)?;
        file.sync_data()
    };
    write().map_err(file_error("write", &path))
}
