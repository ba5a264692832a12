//! Field of an attack: what its hostile clients share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::runtime::Handle;

/// State that the hostile clients of an attack share.
pub(super) struct Field {
    /// Address of the server.
    pub(super) address: SocketAddr,
    /// Number of connections that a turn opens if it only holds them.
    pub(super) burst: usize,
    /// Time for which a turn holds its connections.
    pub(super) hold: Duration,
    /// End of the attack.
    pub(super) ends: Instant,
    /// Runtime of the clients' connections.
    pub(super) runtime: Handle,
    sent: AtomicU64,
    turns: AtomicU64,
    connections: AtomicU64,
    faults: Mutex<Vec<String>>,
}

impl Field {
    pub(super) fn new(
        address: SocketAddr,
        runtime: Handle,
        burst: usize,
        hold: Duration,
        time: Duration,
    ) -> Self {
        Self {
            address,
            burst,
            hold,
            ends: Instant::now() + time,
            runtime,
            sent: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            faults: Mutex::default(),
        }
    }

    /// Returns whether the attack is over.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.ends
    }

    /// Counts bytes that a client sends.
    pub(super) fn count_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns the number of bytes that the clients sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Counts a turn of a client.
    pub(super) fn count_turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of turns.
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Counts a raw connection of a client.
    pub(super) fn count_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of raw connections.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Records a response that no request may cause.
    pub(super) fn judge(&self, request: &str, status: StatusCode) {
        if is_fault(status) {
            let request: String = request.chars().take(200).collect();
            let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
            faults.push(format!("{request}: {status}"));
        }
    }

    /// Returns the faults that were recorded.
    pub(super) fn faults(&self) -> Vec<String> {
        self.faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Returns whether a status is an error of the server. It may be busy (503), its disk may be full
/// (507), and it may say what it does not implement (501 and 505).
pub(super) fn is_fault(status: StatusCode) -> bool {
    status.is_server_error() && !matches!(status.as_u16(), 501 | 503 | 505 | 507)
}
