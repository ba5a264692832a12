//! Connections of all clients: how many there may be, who waits, and who is closed.
//!
//! A client that opens many connections must not lock out the others. Therefore, connections over
//! the limit are accepted too and wait, and the client with the most connections loses an idle one
//! to a client that has fewer. If all of them are busy for too long, it loses the one that makes the least
//! progress. The memory for incomplete request heads has one budget for
//! all clients, and beyond it the client with the most memory loses its largest head. Clients alone are
//! not restricted.

mod client;
mod state;
mod table;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::client_address::ClientAddress;
use crate::network::Network;
use crate::settings::Settings;
use crate::throttle::Throttle;
use client::Client;
use state::Heads;
pub(crate) use state::{ConnectionState, Counted, RequestGuard};
use table::Table;

/// Time after which connections that were busy are considered again, while others wait.
const RETRY: Duration = Duration::from_millis(100);

/// All connections of a server.
pub(crate) struct Connections {
    table: Mutex<Table>,
    heads: Arc<Heads>,
    trusted: Box<[Network]>,
    /// Maximum time that a connection waits for its slot.
    patience: Duration,
}

/// Slot of a connection, or its place among those that wait for one. Dropping it frees the slot.
pub(crate) struct Slot {
    connections: Arc<Connections>,
    client: Client,
    id: u64,
    state: Arc<ConnectionState>,
}

impl Connections {
    pub(crate) fn new(settings: &Settings) -> Arc<Self> {
        let limits = &settings.limits;
        let heads = Arc::new(Heads::new(limits.head_memory, limits.header_bytes));
        Arc::new(Self {
            table: Mutex::new(Table::new(
                limits.connections,
                limits.waiting_connections,
                settings.timeouts.share,
            )),
            heads,
            trusted: settings.trusted_proxies.clone().into(),
            patience: settings.timeouts.header,
        })
    }

    /// Adds a connection. It has to wait for [`Slot::opens`] before it is served.
    pub(crate) fn enter(self: &Arc<Self>, address: &ClientAddress) -> Slot {
        let client = Client::new(address.address, &self.trusted);
        let state = Arc::new(ConnectionState::new(self.heads.clone()));
        let (id, waits) = self.table().enter(client, state.clone());
        if waits {
            self.heads.attention.notify_one();
        }
        Slot {
            connections: self.clone(),
            client,
            id,
            state,
        }
    }

    /// Closes connections when there are too many connections or bytes of request heads. Never
    /// returns.
    pub(crate) async fn keep_within_limits(&self) {
        let mut log = Throttle::default();
        loop {
            let attention = self.heads.attention.notified();
            if self.table().has_waiting() {
                if log.permit(Instant::now()).is_some() {
                    tracing::warn!("all connections are in use, new ones wait");
                }
                let _ = timeout(RETRY, attention).await;
            } else {
                attention.await;
            }
            let mut table = self.table();
            table.shed_heads(&self.heads);
            table.retry(Instant::now());
        }
    }

    /// Requests the end of all connections. Requests in progress finish first.
    pub(crate) fn close_all(&self) {
        self.table().close_all();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    pub(crate) fn state(&self) -> &Arc<ConnectionState> {
        &self.state
    }

    /// Waits until the connection may be served. Returns false if it must be closed instead.
    pub(crate) async fn opens(&self) -> bool {
        let opened = async {
            tokio::select! {
                biased;
                () = self.state.wait_open() => true,
                () = self.state.closing() => false,
            }
        };
        timeout(self.connections.patience, opened)
            .await
            .unwrap_or(false)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.table().leave(self.client, self.id);
        self.state.take_head();
    }
}
