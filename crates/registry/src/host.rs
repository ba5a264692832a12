//! Hosts of other registries.

use std::fmt;
use std::sync::Arc;

/// Host of another registry, or of a server that it refers clients to, such as a token endpoint:
/// `HOST` or `HOST:PORT`.
///
/// For a registry, this is the host in image references (`docker.io`). For any other server, and
/// for a registry that could not be reached, this is the host in the URL, without the default port
/// of the scheme.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Host(Arc<str>);

impl Host {
    /// Returns the host as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for Host {
    fn from(host: T) -> Self {
        Self(host.into())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
