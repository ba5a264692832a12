//! Saying who one is: as the registry's challenge wants it, and to nobody else.

mod grant;
mod tokens;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use portolan_model::RepositoryName;
use portolan_registry::{Error, Kind, Result};
use portolan_wire::{Challenge, Scopes};
use reqwest::Url;
use tokio::sync::OnceCell;

use crate::call::Access;
use crate::persistence::Persistence;
use crate::transport::Transport;
use crate::{Credential, Credentials, Secret};

use tokens::Tokens;

/// Knows how a registry wants to be told who is asking, once it has said so, and tells it.
pub(crate) struct Authenticator {
    host: Box<str>,
    /// Where the registry is: what its challenges name may be no less secret than it is itself.
    base: Url,
    credentials: Arc<dyn Credentials>,
    scheme: Mutex<Option<Scheme>>,
    found: Mutex<HashMap<Option<RepositoryName>, Found>>,
    tokens: Tokens,
}

type Found = Arc<OnceCell<Option<Credential>>>;

/// What the last challenge asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Scheme {
    Basic,
    Bearer(Realm),
}

/// Where tokens are had, and for which service.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Realm {
    url: Url,
    service: Option<Box<str>>,
}

impl Authenticator {
    pub(crate) fn new(
        host: &str,
        base: &Url,
        credentials: Arc<dyn Credentials>,
        transport: Transport,
        persistence: Persistence,
    ) -> Self {
        Self {
            host: host.into(),
            base: base.clone(),
            credentials,
            scheme: Mutex::default(),
            found: Mutex::default(),
            tokens: Tokens::new(transport, persistence),
        }
    }

    /// What to send along with a request: nothing, before the registry has asked for anything.
    ///
    /// # Errors
    /// Those of the credentials' store, and of whoever gives out tokens.
    pub(crate) async fn beforehand(&self, access: &Access) -> Result<Option<HeaderValue>> {
        let scheme = lock(&self.scheme).clone();
        match scheme {
            Some(scheme) => self.prove(&scheme, &access.scopes, access, None).await,
            None => Ok(None),
        }
    }

    /// What to answer to challenges of the registry itself, `refused` being what it was told before.
    /// Nothing, if there is nothing else to say.
    ///
    /// # Errors
    /// As [`Authenticator::beforehand`], and a challenge that credentials are not safe with.
    pub(crate) async fn answer(
        &self,
        challenges: &[Challenge],
        access: &Access,
        refused: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>> {
        let Some((scheme, scopes)) = self.choose(challenges)? else {
            return Ok(None);
        };
        *lock(&self.scheme) = Some(scheme.clone());
        if refused.is_some() {
            lock(&self.found).remove(&access.repository);
        }
        let scopes = scopes.and(access.scopes.clone());
        let proof = self.prove(&scheme, &scopes, access, refused).await?;
        Ok(proof.filter(|proof| Some(proof) != refused))
    }

    /// Whether the registry has not asked for anything yet, although there is something to say.
    ///
    /// # Errors
    /// Those of the credentials' store.
    pub(crate) async fn could_say_more(&self, access: &Access) -> Result<bool> {
        Ok(lock(&self.scheme).is_none() && self.credential(access).await?.is_some())
    }

    /// The challenge to be answered: for a token if there is one, since some registries offer Basic
    /// beside it to those who have an account.
    fn choose(&self, challenges: &[Challenge]) -> Result<Option<(Scheme, Scopes)>> {
        if let Some(bearer) = challenges.iter().find(|challenge| challenge.is("Bearer")) {
            let url = bearer
                .parameter("realm")
                .and_then(|realm| self.base.join(realm).ok());
            let url = url
                .filter(|url| matches!(url.scheme(), "http" | "https"))
                .ok_or_else(|| self.no_realm(bearer))?;
            let realm = Realm {
                url,
                service: bearer.parameter("service").map(Into::into),
            };
            return Ok(Some((
                Scheme::Bearer(realm),
                bearer
                    .parameter("scope")
                    .map(Scopes::parse)
                    .unwrap_or_default(),
            )));
        }
        let basic = challenges.iter().any(|challenge| challenge.is("Basic"));
        Ok(basic.then(|| (Scheme::Basic, Scopes::none())))
    }

    async fn prove(
        &self,
        scheme: &Scheme,
        scopes: &Scopes,
        access: &Access,
        refused: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>> {
        let credential = self.credential(access).await?;
        match (scheme, credential) {
            (_, Some(Credential::BearerToken(token))) => bearer(&token).map(Some),
            (Scheme::Basic, Some(Credential::Basic { username, password })) => {
                basic(&username, &password).map(Some)
            }
            (Scheme::Basic, _) => Ok(None),
            (Scheme::Bearer(realm), credential) => {
                if credential.is_some()
                    && realm.url.scheme() == "http"
                    && self.base.scheme() == "https"
                {
                    return Err(self.unsafe_realm(realm));
                }
                self.tokens
                    .get(&self.host, realm, scopes, credential.as_ref(), refused)
                    .await
                    .map(Some)
            }
        }
    }

    async fn credential(&self, access: &Access) -> Result<Option<Credential>> {
        let found = Arc::clone(
            lock(&self.found)
                .entry(access.repository.clone())
                .or_default(),
        );
        let find = || {
            self.credentials
                .find(&self.host, access.repository.as_ref())
        };
        found.get_or_try_init(find).await.cloned()
    }

    fn no_realm(&self, challenge: &Challenge) -> Error {
        let message = format!(
            "{} wants a token and does not say where one is had: {challenge}",
            self.host
        );
        Error::new(Kind::Unauthorized, message)
    }

    fn unsafe_realm(&self, realm: &Realm) -> Error {
        let message = format!(
            "{} wants to be told who you are at {}, where anybody could read along; nothing was sent there",
            self.host, realm.url
        );
        Error::new(Kind::Unauthorized, message)
    }
}

fn basic(username: &str, password: &Secret) -> Result<HeaderValue> {
    secret_value(&format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{username}:{}", password.reveal()))
    ))
}

fn bearer(token: &Secret) -> Result<HeaderValue> {
    secret_value(&format!("Bearer {}", token.reveal()))
}

/// A value that is never printed. Nor is it repeated in an error.
fn secret_value(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Error::new(
            Kind::Unauthorized,
            "the credentials hold a character that no header can carry",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;

    use super::*;
    use crate::{Anonymous, Retry, Silent};

    struct Somebody;

    #[async_trait]
    impl Credentials for Somebody {
        async fn find(&self, _: &str, _: Option<&RepositoryName>) -> Result<Option<Credential>> {
            Ok(Some(Credential::RefreshToken(Secret::new("refresh"))))
        }
    }

    /// What comes of it that a registry behind TLS names a realm without.
    async fn told_at_an_open_realm(credentials: Arc<dyn Credentials>) -> Error {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = Url::parse("https://registry.example").unwrap();
        let transport = Transport::new(
            base.clone(),
            reqwest::Client::new(),
            reqwest::Client::new(),
            Duration::from_secs(5),
        );
        let persistence = Persistence::new(
            "registry.example",
            Retry {
                attempts: 1,
                ..Retry::default()
            },
            Arc::new(Silent),
        );
        let authenticator = Authenticator::new(
            "registry.example",
            &base,
            credentials,
            transport,
            persistence,
        );
        // Nobody listens there.
        let challenge = Challenge::new("Bearer").with("realm", "http://127.0.0.1:1/token");
        authenticator
            .answer(&[challenge], &Access::default(), None)
            .await
            .unwrap_err()
    }

    #[tokio::test]
    async fn an_open_realm_of_a_registry_behind_tls_is_told_nothing() {
        let error = told_at_an_open_realm(Arc::new(Somebody)).await;
        assert_eq!(*error.kind(), Kind::Unauthorized);
        assert!(
            error.message().ends_with("nothing was sent there"),
            "{error}"
        );
        let error = told_at_an_open_realm(Arc::new(Anonymous)).await;
        assert_eq!(
            *error.kind(),
            Kind::Unavailable,
            "whoever has nothing to say may ask: {error}"
        );
    }
}
