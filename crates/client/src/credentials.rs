//! Credentials for registry hosts.

use std::fmt;

use async_trait::async_trait;
use portolan_model::RepositoryName;

/// Secret text, such as a password or token. Debug output hides it.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a text, to hide it from debug output.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the secret text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Credential of a user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Credential {
    /// User name and password, for Basic authentication or to get a token.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: Secret,
    },
    /// OAuth 2 refresh token, to get tokens with (Docker's `identitytoken`).
    RefreshToken(Secret),
    /// Bearer token to send to the registry unchanged (Docker's `registrytoken`).
    BearerToken(Secret),
}

/// Result of a lookup in a source of credentials.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Lookup {
    /// Credential to use, or `None` for anonymous access.
    pub credential: Option<Credential>,
    /// Stored credentials that could not be used, each with its place and the reason. If the
    /// registry denies access, the error message lists them.
    pub skipped: Vec<String>,
}

impl From<Option<Credential>> for Lookup {
    fn from(credential: Option<Credential>) -> Self {
        Self {
            credential,
            skipped: Vec::new(),
        }
    }
}

/// Source of the credentials for each host.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Looks up the credential for `host`. `host` is spelled as in references (`docker.io`,
    /// `127.0.0.1:5000`).
    ///
    /// Some stores have different credentials for each repository. `repository` is `None` for
    /// requests that do not concern a repository.
    ///
    /// A lookup never fails, because public content needs no credentials. Stored credentials that
    /// cannot be used are listed in [`Lookup::skipped`].
    async fn find(&self, host: &str, repository: Option<&RepositoryName>) -> Lookup;
}

/// [`Credentials`] without a credential for any host, for anonymous access.
#[derive(Clone, Copy, Debug)]
pub struct Anonymous;

#[async_trait]
impl Credentials for Anonymous {
    async fn find(&self, _: &str, _: Option<&RepositoryName>) -> Lookup {
        Lookup::default()
    }
}
