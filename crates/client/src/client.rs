//! Client of one registry host.

use std::fmt;
use std::sync::Arc;

use http::Method;
use portolan_registry::Result;
use portolan_wire::Endpoint;

use crate::Settings;
use crate::host::Host;

/// Client for the registry on one host. Clones share the same connections and caches.
#[derive(Clone)]
pub struct Client {
    pub(crate) host: Arc<Host>,
}

impl Client {
    /// Creates a client for the host in `settings`. Sends no request.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`](portolan_registry::Kind::Unsupported) if [`Settings::host`] is
    /// not a valid host name, and [`Kind::Internal`](portolan_registry::Kind::Internal) if a
    /// certificate or key cannot be parsed.
    pub fn new(settings: Settings) -> Result<Self> {
        Ok(Self {
            host: Arc::new(Host::new(settings)?),
        })
    }

    /// Checks that the registry responds, and that it accepts the credentials if it demands
    /// authentication (distribution-spec, "Determining Support").
    ///
    /// # Errors
    /// Returns [`Kind::Unauthorized`](portolan_registry::Kind::Unauthorized) if the registry
    /// rejects the credentials, and [`Kind::Unavailable`](portolan_registry::Kind::Unavailable) if
    /// it does not respond.
    pub async fn ping(&self) -> Result<()> {
        self.host
            .send_checked(&self.host.request(Method::GET, &Endpoint::Base, ""))
            .await
            .map(drop)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Client({})", self.host.name())
    }
}
