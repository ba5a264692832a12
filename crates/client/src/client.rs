//! The client of one host.

use std::fmt;
use std::sync::Arc;

use http::Method;
use portolan_registry::Result;
use portolan_wire::Endpoint;

use crate::Settings;
use crate::host::Host;

/// A registry at a host, spoken to over HTTP. Clones are the same client.
#[derive(Clone)]
pub struct Client {
    pub(crate) host: Arc<Host>,
}

impl Client {
    /// The client of the host that `settings` name. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) for a name that is no host;
    /// [`Kind::Internal`](portolan_registry::Kind::Internal) for a certificate or key that cannot be read.
    pub fn new(settings: Settings) -> Result<Self> {
        Ok(Self {
            host: Arc::new(Host::new(settings)?),
        })
    }

    /// Makes sure that a registry answers and believes the credentials, if it asks for any
    /// (distribution-spec, "Determining Support").
    ///
    /// # Errors
    /// [`Kind::Unauthorized`](portolan_registry::Kind::Unauthorized) when it does not believe them;
    /// [`Kind::Unavailable`](portolan_registry::Kind::Unavailable) when nothing answers.
    pub async fn ping(&self) -> Result<()> {
        self.host
            .ask(&self.host.call(Method::GET, &Endpoint::Base, ""))
            .await
            .map(drop)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Client({})", self.host.name())
    }
}
