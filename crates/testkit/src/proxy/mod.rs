//! A proxy in front of a registry that does harm on request: cuts, delays, truncates, refuses, falsifies.
//!
//! It speaks plain HTTP/1.1 on loopback, on a runtime of its own, so that a test may block. Without
//! rules it passes everything on; in any case it keeps a record of what was asked.

mod body;
mod fault;
mod forward;
mod record;
mod script;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

pub use http::{Method, StatusCode};

pub use fault::{BodyFault, Class, Fault, Requests, When};
pub use record::Seen;

use forward::Forward;
use record::Record;
use script::Script;

/// Longest time that [`Proxy::wait_for_stall`] waits.
const PATIENCE: Duration = Duration::from_mins(1);

/// A proxy that runs until it is dropped, and breaks all its connections then.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    script: Arc<Script>,
    record: Arc<Record>,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// Starts one on a free port, in front of the registry at `upstream`.
    ///
    /// # Errors
    /// Those of the system.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (script, record) = (Arc::new(Script::default()), Arc::new(Record::default()));
        let forward = Forward {
            upstream,
            script: Arc::clone(&script),
            record: Arc::clone(&record),
        };
        let entered = runtime.enter();
        runtime.spawn(forward.listen(TcpListener::from_std(listener)?));
        drop(entered);
        Ok(Self {
            address,
            script,
            record,
            runtime: Some(runtime),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on does `fault` to `requests`, `when` it is their turn. Of several rules that apply
    /// to a request, the one that was given first is followed.
    pub fn spoil(&self, requests: Requests, when: When, fault: Fault) {
        self.script.add(requests, when, fault);
    }

    /// Does no more harm, and begins a new record.
    pub fn mend(&self) {
        self.script.clear();
        self.record.clear();
    }

    /// What was asked so far, in that order.
    pub fn seen(&self) -> Vec<Seen> {
        self.record.seen()
    }

    /// How many requests of this kind were made so far.
    pub fn count(&self, requests: &Requests) -> usize {
        self.seen()
            .iter()
            .filter(|seen| requests.include(&seen.method, &seen.path))
            .count()
    }

    /// How often harm was done.
    pub fn spoilt(&self) -> usize {
        self.seen()
            .iter()
            .filter(|seen| seen.fault.is_some())
            .count()
    }

    /// Bytes of the bodies of such requests that were passed on to the registry.
    pub fn sent(&self, requests: &Requests) -> u64 {
        let seen = self.seen();
        seen.iter()
            .filter(|seen| requests.include(&seen.method, &seen.path))
            .map(|seen| seen.sent)
            .sum()
    }

    /// Waits until a body has come to where [`BodyFault::Stall`] stops it.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when none does.
    pub fn wait_for_stall(&self) -> io::Result<()> {
        self.record.wait_for_stall(PATIENCE)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for it is not allowed in a test that is itself asynchronous.
            runtime.shutdown_background();
        }
    }
}
