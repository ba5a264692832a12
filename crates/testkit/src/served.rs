//! A registry in memory behind a server of this process.

use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use portolan_registry::memory::MemoryRegistry;
use portolan_registry::wrap::{Policies, PolicyRule};
use portolan_registry::{Error, Kind, Preset, Registry, Result};
use portolan_server::{ReadyCheck, Server, Settings, TlsFiles};
use tokio::task::JoinSet;

/// A server on a free loopback port, stopped when dropped.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    _running: JoinSet<()>,
}

impl Served {
    /// Serves a registry that holds nothing; repositories under `sparse/` may lack content, as the
    /// contract suite wants it.
    ///
    /// # Errors
    /// [`Kind::Internal`] when it cannot listen.
    pub async fn in_memory() -> Result<Self> {
        Self::with(Settings::default()).await
    }

    /// The same over TLS, with a certificate and its key in PEM files.
    ///
    /// # Errors
    /// [`Kind::Internal`] when it cannot listen, or the files cannot be read.
    pub async fn over_tls(certificate: PathBuf, key: PathBuf) -> Result<Self> {
        Self::with(Settings {
            tls: Some(TlsFiles { certificate, key }),
            ..Settings::default()
        })
        .await
    }

    async fn with(settings: Settings) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::new(Kind::Internal, format!("serving a registry: {error}"))
        };
        let sparse =
            PolicyRule::new("sparse/**", Preset::Sparse.into()).map_err(|error| failed(&error))?;
        let registry: Arc<dyn Registry> =
            Arc::new(Policies::new(Arc::new(MemoryRegistry::new()), vec![sparse]));
        let server = Server::bind(settings, registry, ReadyCheck::always()).await;
        let server = server.map_err(|error| failed(&error))?;
        let address = server.local_addr();
        let mut running = JoinSet::new();
        running.spawn(server.run(pending()));
        Ok(Self {
            address,
            _running: running,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
