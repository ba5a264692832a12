//! Server in the process of the test, with an in-memory registry.

use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use portolan_registry::memory::MemoryRegistry;
use portolan_registry::wrap::{Policies, PolicyRule};
use portolan_registry::{Error, Kind, Preset, Registry, Result};
use portolan_server::{ReadyCheck, Server, Settings, TlsFiles};
use tokio::task::JoinSet;

/// Server on a free loopback port. It is stopped when this value is dropped.
#[derive(Debug)]
pub struct InMemoryServer {
    address: SocketAddr,
    _running: JoinSet<()>,
}

impl InMemoryServer {
    /// Starts a server with an empty registry. Repositories below `sparse/` allow missing content,
    /// as the contract suite requires.
    ///
    /// # Errors
    /// Returns [`Kind::Internal`] if the server cannot listen.
    pub async fn start() -> Result<Self> {
        Self::start_with(Settings::default()).await
    }

    /// Starts a server with an empty registry and TLS. `certificate` and `key` are PEM files.
    ///
    /// # Errors
    /// Returns [`Kind::Internal`] if the server cannot listen or the files cannot be read.
    pub async fn start_with_tls(certificate: PathBuf, key: PathBuf) -> Result<Self> {
        Self::start_with(Settings {
            tls: Some(TlsFiles { certificate, key }),
            ..Settings::default()
        })
        .await
    }

    async fn start_with(settings: Settings) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::new(
                Kind::Internal,
                format!("failed to serve a registry: {error}"),
            )
        };
        let sparse =
            PolicyRule::new("sparse/**", Preset::Sparse.into()).map_err(|error| failed(&error))?;
        let registry: Arc<dyn Registry> =
            Arc::new(Policies::new(Arc::new(MemoryRegistry::new()), vec![sparse]));
        let settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..settings
        };
        let server = Server::bind(settings, registry, ReadyCheck::always()).await;
        let server = server.map_err(|error| failed(&error))?;
        let address = server.local_addr();
        let mut running = JoinSet::new();
        running.spawn(server.run(pending(), pending()));
        Ok(Self {
            address,
            _running: running,
        })
    }

    /// Returns the address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
