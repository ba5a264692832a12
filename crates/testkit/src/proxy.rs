//! Proxy in front of a registry that injects faults: it rejects or delays requests, cuts
//! connections, and truncates, stalls or corrupts bodies.
//!
//! It uses plain HTTP/1.1 on loopback, and a separate runtime, so that tests may block. Without
//! rules it forwards all requests unchanged. It records every request.

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

pub use fault::{BodyFault, Fault, RequestClass, RequestFilter, Trigger};
pub use record::RecordedRequest;

use forward::Forwarder;
use record::Record;
use script::Script;

/// Timeout of [`Proxy::wait_for_stall`].
const STALL_TIMEOUT: Duration = Duration::from_mins(1);

/// Proxy with fault injection. When dropped, it stops and breaks all its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    script: Arc<Script>,
    record: Arc<Record>,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// Starts a proxy on a free port, in front of the registry at `upstream`.
    ///
    /// # Errors
    /// Returns the error of the system call.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (script, record) = (Arc::new(Script::default()), Arc::new(Record::default()));
        let forward = Forwarder {
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

    /// Returns the address that the proxy listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a rule that injects `fault`. `requests` filters the requests that the rule counts, and
    /// `when` selects among them. If several rules apply to a request, the first one is used.
    pub fn inject(&self, requests: RequestFilter, when: Trigger, fault: Fault) {
        self.script.add(requests, when, fault);
    }

    /// Removes all rules and all recorded requests.
    pub fn reset(&self) {
        self.script.clear();
        self.record.clear();
    }

    /// Returns the recorded requests, in order.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.record.requests()
    }

    /// Returns the number of recorded requests that match a filter.
    pub fn request_count(&self, requests: &RequestFilter) -> usize {
        self.requests()
            .iter()
            .filter(|seen| requests.matches(&seen.method, &seen.path))
            .count()
    }

    /// Returns the number of injected faults.
    pub fn fault_count(&self) -> usize {
        self.requests()
            .iter()
            .filter(|seen| seen.fault.is_some())
            .count()
    }

    /// Returns the number of forwarded body bytes of requests that match a filter.
    pub fn sent_bytes(&self, requests: &RequestFilter) -> u64 {
        let seen = self.requests();
        seen.iter()
            .filter(|seen| requests.matches(&seen.method, &seen.path))
            .map(|seen| seen.sent)
            .sum()
    }

    /// Waits until a body has reached the position of a [`BodyFault::Stall`].
    ///
    /// # Errors
    /// Returns [`io::ErrorKind::TimedOut`] if that does not happen within a minute.
    pub fn wait_for_stall(&self) -> io::Result<()> {
        self.record.wait_for_stall(STALL_TIMEOUT)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // An asynchronous test must not block, so this does not wait for the shutdown.
            runtime.shutdown_background();
        }
    }
}
