//! Identity and permissions of the caller, and facts about its request.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use portolan_model::RepositoryName;

use crate::ClientNetwork;

/// Information about the request that a registry call serves.
///
/// Cloning is cheap: a clone shares the data and allocates nothing.
#[derive(Clone)]
pub struct Context {
    caller: Caller,
    authorize: Arc<dyn Authorize>,
    client_address: Option<IpAddr>,
    deadline: Option<Instant>,
    request_id: Option<RequestId>,
}

/// Identity of the caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Caller {
    /// The caller did not authenticate.
    Anonymous,
    /// An account, by name.
    Named(Arc<str>),
}

/// Id of a request in logs and responses. The server generates ids that are unique in its process,
/// but a proxy may choose other ids.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Creates an id. The text appears in logs unchanged, so it must not contain control
    /// characters.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Operation that a caller wants to perform in a repository.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Read content.
    Pull,
    /// Add content and set tags.
    Push,
    /// Remove content and tags.
    Delete,
}

/// Decides which caller may perform which action.
pub trait Authorize: Send + Sync {
    /// Returns whether `caller` may perform `action` in `repository`.
    fn allows(&self, caller: &Caller, action: Action, repository: &RepositoryName) -> bool;
}

/// Authorization that allows every action to every caller, for a registry without accounts.
#[derive(Clone, Copy, Debug)]
pub struct AllowAll;

impl Authorize for AllowAll {
    fn allows(&self, _: &Caller, _: Action, _: &RepositoryName) -> bool {
        true
    }
}

impl Context {
    /// Creates a context without client address, deadline and request id. `authorize` decides the
    /// permissions of `caller`.
    pub fn new(caller: Caller, authorize: Arc<dyn Authorize>) -> Self {
        Self {
            caller,
            authorize,
            client_address: None,
            deadline: None,
            request_id: None,
        }
    }

    /// Creates the context of an anonymous caller that may perform every action, for tests and for
    /// commands on the same machine.
    pub fn anonymous() -> Self {
        Self::new(Caller::Anonymous, Arc::new(AllowAll))
    }

    /// Sets the address of the client.
    #[must_use]
    pub fn with_client_address(mut self, address: IpAddr) -> Self {
        self.client_address = Some(address);
        self
    }

    /// Sets the deadline: the caller does not need a later result.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the id of the request.
    #[must_use]
    pub fn with_request_id(mut self, id: RequestId) -> Self {
        self.request_id = Some(id);
        self
    }

    /// Returns the address of the client that sent the request, or `None` if the call does not serve
    /// a request from the network.
    pub fn client_address(&self) -> Option<IpAddr> {
        self.client_address
    }

    /// Returns the network of the client that shares of limited resources belong to, or `None` if the
    /// call does not serve a request from the network.
    pub fn client_network(&self) -> Option<ClientNetwork> {
        self.client_address.map(ClientNetwork::from)
    }

    /// Returns the deadline, or `None` if there is no deadline. The caller does not need a later
    /// result.
    ///
    /// After the deadline, an implementation may end the call with an error, but need not. No
    /// implementation does so today. A call that ends for this reason has the same guarantees as a
    /// call whose caller disconnects: it completes or changes nothing. The deadline does not apply
    /// to the bytes of a body: they may flow for as long as both sides make progress.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns the id of the request, or `None` if the call does not serve a request from the
    /// network.
    pub fn request_id(&self) -> Option<&RequestId> {
        self.request_id.as_ref()
    }

    /// Returns the identity of the caller.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Returns whether the caller may perform `action` in `repository`.
    pub fn allows(&self, action: Action, repository: &RepositoryName) -> bool {
        self.authorize.allows(&self.caller, action, repository)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Context")
            .field("caller", &self.caller)
            .field("client_address", &self.client_address)
            .field("deadline", &self.deadline)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Anonymous => "anonymous",
            Self::Named(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn a_clone_has_all_facts() {
        let (address, deadline) = (IpAddr::from(Ipv6Addr::LOCALHOST), Instant::now());
        let context = Context::anonymous()
            .with_client_address(address)
            .with_deadline(deadline)
            .with_request_id(RequestId::new("a-1"));
        let context = context.clone();
        assert_eq!(*context.caller(), Caller::Anonymous);
        assert_eq!(context.client_address(), Some(address));
        assert_eq!(context.client_network(), Some(address.into()));
        assert_eq!(context.deadline(), Some(deadline));
        assert_eq!(context.request_id().map(RequestId::as_str), Some("a-1"));
    }

    #[test]
    fn a_context_without_a_request_has_no_facts() {
        let context = Context::anonymous();
        let facts = (
            context.client_address(),
            context.deadline(),
            context.request_id(),
        );
        assert_eq!(facts, (None, None, None));
    }
}
