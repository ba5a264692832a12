//! Makes clients: the one place that knows which kind they are.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use portolan_client::{Anonymous, Client, Retry, Settings};
use portolan_registry::{Kind, Registry};

/// Makes clients, and looks whether one would reach anybody.
#[async_trait]
pub(super) trait Clients: Send + Sync {
    /// A client with these settings.
    fn connect(&self, settings: Settings) -> Result<Arc<dyn Registry>>;

    /// Whether a registry answers under these settings, even if it does not like the question. It is
    /// asked once, and not told who asks.
    async fn reaches(&self, settings: &Settings) -> Result<bool>;
}

/// Clients that speak HTTP.
pub(super) struct HttpClients;

#[async_trait]
impl Clients for HttpClients {
    fn connect(&self, settings: Settings) -> Result<Arc<dyn Registry>> {
        Ok(Arc::new(Client::new(settings)?))
    }

    async fn reaches(&self, settings: &Settings) -> Result<bool> {
        let retry = Retry { attempts: 1, ..settings.retry };
        let client = Client::new(Settings { credentials: Arc::new(Anonymous), retry, ..settings.clone() })?;
        Ok(!client.ping().await.is_err_and(|error| *error.kind() == Kind::Unavailable))
    }
}
