//! Head of a request, and the state that its handler needs.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Method, Uri, Version, header};
use portolan_model::RepositoryName;
use portolan_registry::{Context, Registry, Repository, RequestId};
use portolan_wire::headers::X_REQUEST_ID;
use portolan_wire::{HostPort, request_head};

use crate::app::App;
use crate::client_address::{Client, ClientAddress};

/// Input of the handlers: everything about a request except its body.
pub(crate) struct RequestContext {
    pub(crate) app: Arc<App>,
    pub(crate) context: Context,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    client: Option<ClientAddress>,
    uri: Uri,
    version: Version,
}

impl RequestContext {
    /// Creates the context of a request. The context has no deadline, because the transfer of a
    /// layer may take hours. Timeouts end a request that makes no progress.
    pub(crate) fn new(app: Arc<App>, head: Parts) -> Self {
        let mut context = app.context.clone();
        let client = head.extensions.get::<ClientAddress>().copied();
        if let Some(ClientAddress { address, .. }) = client {
            context = context.with_client_address(address);
        }
        if let Some(id) = head
            .headers
            .get(X_REQUEST_ID)
            .and_then(|id| id.to_str().ok())
        {
            context = context.with_request_id(RequestId::new(id));
        }
        Self {
            app,
            context,
            method: head.method,
            headers: head.headers,
            client,
            uri: head.uri,
            version: head.version,
        }
    }

    pub(crate) fn registry(&self) -> &dyn Registry {
        &*self.app.registry
    }

    /// Returns a handle to a repository, with the permissions of the caller.
    pub(crate) fn repository(&self, name: RepositoryName) -> Repository {
        Repository::new(self.app.registry.clone(), self.context.clone(), name)
    }

    /// Returns the client that shares of limited resources belong to.
    pub(crate) fn client(&self) -> Client {
        let address = self.context.client_address();
        address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).into()
    }

    /// Returns the host that clients use for this registry.
    pub(crate) fn public_host(&self) -> Option<HostPort<'_>> {
        let sent = request_head::host(self.version, &self.uri, &self.headers);
        let rules = &self.app.host_rules;
        rules.public_host(self.client.as_ref(), &self.headers, sent.ok().flatten())
    }

    /// Returns the percent-encoded path.
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    /// Returns the percent-encoded query, or an empty string.
    pub(crate) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// Returns whether a client that gets an error response may omit the announced body. If so, the
    /// beginning of the next request on the connection is unknown.
    pub(crate) fn may_omit_body(&self) -> bool {
        self.version < Version::HTTP_2 && self.headers.contains_key(header::EXPECT)
    }

    /// Returns the id that identifies this request in the log.
    pub(crate) fn request_id(&self) -> &str {
        self.context.request_id().map_or("", RequestId::as_str)
    }
}
