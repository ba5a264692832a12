//! Record of the requests that the proxy received, and of the faults that it injected.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;

use super::Fault;

/// Request that the proxy received.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// Method of the request.
    pub method: Method,
    /// Path of the request, without the query.
    pub path: String,
    /// Fault that was injected, if any.
    pub fault: Option<Fault>,
    /// Number of bytes of the request body that were forwarded so far.
    pub sent: u64,
}

/// Record of all requests since the start of the proxy or the last [`Record::clear`].
#[derive(Debug, Default)]
pub(super) struct Record {
    entries: Mutex<Vec<(RecordedRequest, Arc<AtomicU64>)>>,
    stalled: Mutex<bool>,
    stall: Condvar,
}

impl Record {
    /// Records a request, and returns the counter of its forwarded body bytes.
    pub(super) fn add(&self, method: Method, path: &str, fault: Option<Fault>) -> Arc<AtomicU64> {
        let sent = Arc::new(AtomicU64::new(0));
        let seen = RecordedRequest {
            method,
            path: path.into(),
            fault,
            sent: 0,
        };
        self.lock_entries().push((seen, Arc::clone(&sent)));
        sent
    }

    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        let entries = self.lock_entries();
        entries
            .iter()
            .map(|(seen, sent)| RecordedRequest {
                sent: sent.load(Ordering::Relaxed),
                ..seen.clone()
            })
            .collect()
    }

    pub(super) fn clear(&self) {
        self.lock_entries().clear();
        *self.lock_stalled() = false;
    }

    /// Records that a body has reached the position of a
    /// [`BodyFault::Stall`](super::BodyFault::Stall).
    pub(super) fn report_stall(&self) {
        *self.lock_stalled() = true;
        self.stall.notify_all();
    }

    pub(super) fn wait_for_stall(&self, patience: Duration) -> io::Result<()> {
        let waited = self
            .stall
            .wait_timeout_while(self.lock_stalled(), patience, |stalled| !*stalled);
        let (stalled, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *stalled {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "no body reached the position of its stall in time",
            ))
        }
    }

    fn lock_entries(&self) -> MutexGuard<'_, Vec<(RecordedRequest, Arc<AtomicU64>)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_stalled(&self) -> MutexGuard<'_, bool> {
        self.stalled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
