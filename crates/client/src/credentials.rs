//! Who the client says it is, host by host.

use std::fmt;

use async_trait::async_trait;
use portolan_model::RepositoryName;
use portolan_registry::Result;

/// A text that is never printed.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// What proves who the client is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Credential {
    /// A name and a password, for Basic authentication or to get a token with.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token, to get tokens with (Docker's `identitytoken`).
    RefreshToken(Secret),
    /// A token that is sent as it is (Docker's `registrytoken`).
    BearerToken(Secret),
}

/// Knows the credentials of each host.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// What to say to `host`, written as in references (`docker.io`, `127.0.0.1:5000`). Some stores
    /// keep credentials by repository; none is given for requests that name no repository.
    ///
    /// # Errors
    /// Those of the store, for example of a helper program that fails.
    async fn find(
        &self,
        host: &str,
        repository: Option<&RepositoryName>,
    ) -> Result<Option<Credential>>;
}

/// Says nothing to anybody.
#[derive(Clone, Copy, Debug)]
pub struct Anonymous;

#[async_trait]
impl Credentials for Anonymous {
    async fn find(&self, _: &str, _: Option<&RepositoryName>) -> Result<Option<Credential>> {
        Ok(None)
    }
}
