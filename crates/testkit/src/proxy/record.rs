//! What was asked, and what was done to it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;

use super::Fault;

/// A request that the proxy has seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its path, without the query.
    pub path: String,
    /// What was done to it.
    pub fault: Option<Fault>,
    /// Bytes of its body that were passed on so far.
    pub sent: u64,
}

/// Every request so far.
#[derive(Debug, Default)]
pub(super) struct Record {
    entries: Mutex<Vec<(Seen, Arc<AtomicU64>)>>,
    stalled: Mutex<bool>,
    stall: Condvar,
}

impl Record {
    /// Takes a request down, and answers where to count the bytes of its body.
    pub(super) fn take(&self, method: Method, path: &str, fault: Option<Fault>) -> Arc<AtomicU64> {
        let sent = Arc::new(AtomicU64::new(0));
        let seen = Seen {
            method,
            path: path.into(),
            fault,
            sent: 0,
        };
        self.entries().push((seen, Arc::clone(&sent)));
        sent
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        let entries = self.entries();
        entries
            .iter()
            .map(|(seen, sent)| Seen {
                sent: sent.load(Ordering::Relaxed),
                ..seen.clone()
            })
            .collect()
    }

    pub(super) fn clear(&self) {
        self.entries().clear();
        *self.stalled() = false;
    }

    /// A body has come to where it is stopped.
    pub(super) fn stall(&self) {
        *self.stalled() = true;
        self.stall.notify_all();
    }

    pub(super) fn wait_for_stall(&self, patience: Duration) -> io::Result<()> {
        let waited = self
            .stall
            .wait_timeout_while(self.stalled(), patience, |stalled| !*stalled);
        let (stalled, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *stalled {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "no body has come so far",
            ))
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<(Seen, Arc<AtomicU64>)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stalled(&self) -> MutexGuard<'_, bool> {
        self.stalled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
