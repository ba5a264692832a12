//! Authentication with the scheme that the registry's challenge demands: Basic, or Bearer with a
//! token. Credentials are sent only to the registry and to the token endpoint of its challenge.

mod token_cache;
mod token_request;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use portolan_model::RepositoryName;
use portolan_registry::{Error, Kind, Result};
use portolan_wire::{Challenge, Scopes};
use reqwest::Url;
use tokio::sync::OnceCell;

use crate::request::Access;
use crate::retry::Retrier;
use crate::transport::Transport;
use crate::{Credential, Credentials, Lookup, Secret};

use token_cache::TokenCache;

/// Authenticates requests with the scheme of the registry's last challenge.
pub(crate) struct Authenticator {
    host: Box<str>,
    /// Base URL of the registry. If it uses HTTPS, credentials are not sent to a token realm over
    /// plain HTTP.
    base: Url,
    credentials: Arc<dyn Credentials>,
    scheme: Mutex<Option<Scheme>>,
    /// Credentials by repository. The key is `None` for requests that concern no repository.
    credential_cache: Mutex<HashMap<Option<RepositoryName>, CachedLookup>>,
    /// Stored credentials that could not be used (see [`Lookup::skipped`]).
    skipped: Mutex<BTreeSet<String>>,
    token_cache: TokenCache,
}

/// Lookup that is made once, even if several requests need the credential at the same time.
type CachedLookup = Arc<OnceCell<Lookup>>;

/// Authentication scheme of the last challenge.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Scheme {
    Basic,
    Bearer(Realm),
}

/// Token endpoint, and the name of the service to request tokens for.
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
        retrier: Retrier,
    ) -> Self {
        Self {
            host: host.into(),
            base: base.clone(),
            credentials,
            scheme: Mutex::default(),
            credential_cache: Mutex::default(),
            skipped: Mutex::default(),
            token_cache: TokenCache::new(transport, retrier),
        }
    }

    /// Returns the `Authorization` header to send with the first attempt of a request. The result
    /// is `None` until the registry has sent a challenge.
    ///
    /// # Errors
    /// Returns the errors of the token endpoint. Also returns an error if the registry uses HTTPS,
    /// but credentials would be sent to a token endpoint on plain HTTP.
    pub(crate) async fn preemptive_header(&self, access: &Access) -> Result<Option<HeaderValue>> {
        let scheme = lock(&self.scheme).clone();
        match scheme {
            Some(scheme) => {
                self.authorization_header(&scheme, &access.scopes, access, None)
                    .await
            }
            None => Ok(None),
        }
    }

    /// Returns the `Authorization` header that answers the registry's challenges, or `None` if
    /// there is no header to try except `rejected`, the header that the registry rejected.
    ///
    /// # Errors
    /// Returns the errors of [`Authenticator::preemptive_header`], and [`Kind::Unauthorized`] if a
    /// challenge has no valid realm or its realm is not safe for credentials.
    pub(crate) async fn answer_challenges(
        &self,
        challenges: &[Challenge],
        access: &Access,
        rejected: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>> {
        let Some((scheme, scopes)) = self.choose_challenge(challenges)? else {
            return Ok(None);
        };
        *lock(&self.scheme) = Some(scheme.clone());
        // The store may have returned outdated credentials, so they are looked up again.
        if rejected.is_some() {
            lock(&self.credential_cache).remove(&access.repository);
        }
        let scopes = scopes.union(access.scopes.clone());
        let proof = self
            .authorization_header(&scheme, &scopes, access, rejected)
            .await?;
        Ok(proof.filter(|proof| Some(proof) != rejected))
    }

    /// Returns whether there are credentials that were never sent, because the registry has not
    /// sent a challenge yet.
    pub(crate) async fn has_unused_credentials(&self, access: &Access) -> bool {
        lock(&self.scheme).is_none() && self.credential(access).await.is_some()
    }

    /// Returns the stored credentials that could not be used, each with its place and the reason.
    pub(crate) fn skipped_items(&self) -> BTreeSet<String> {
        lock(&self.skipped).clone()
    }

    /// Selects the challenge to answer. Bearer takes precedence: some registries also offer Basic,
    /// but Basic works only for users with an account. A Bearer challenge without a valid realm is
    /// skipped. If there is no other challenge, the result is an error.
    fn choose_challenge(&self, challenges: &[Challenge]) -> Result<Option<(Scheme, Scopes)>> {
        let has_scheme = |scheme| challenges.iter().filter(move |it| it.has_scheme(scheme));
        let bearer = has_scheme("Bearer")
            .find_map(|challenge| Some((Scheme::Bearer(self.realm(challenge)?), challenge)));
        if let Some((scheme, challenge)) = bearer {
            let scopes = challenge.parse_parameter("scope").map(Scopes::parse);
            return Ok(Some((scheme, scopes.unwrap_or_default())));
        }
        match (has_scheme("Basic").next(), has_scheme("Bearer").next()) {
            (Some(_), _) => Ok(Some((Scheme::Basic, Scopes::none()))),
            (None, Some(bearer)) => Err(self.missing_realm_error(bearer)),
            (None, None) => Ok(None),
        }
    }

    /// Returns the realm of a challenge, or `None` if it is missing or is not an HTTP URL.
    fn realm(&self, challenge: &Challenge) -> Option<Realm> {
        let url = self.base.join(challenge.parse_parameter("realm")?).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| Realm {
            url,
            service: challenge.parse_parameter("service").map(Into::into),
        })
    }

    async fn authorization_header(
        &self,
        scheme: &Scheme,
        scopes: &Scopes,
        access: &Access,
        rejected: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>> {
        let credential = self.credential(access).await;
        match (scheme, credential) {
            (_, Some(Credential::BearerToken(token))) => bearer(&token).map(Some),
            (Scheme::Basic, Some(Credential::Basic { username, password })) => {
                basic(&username, &password).map(Some)
            }
            (Scheme::Basic, _) => Ok(None),
            (Scheme::Bearer(realm), credential) => {
                // Without credentials, the request for a token is anonymous. It contains no secret,
                // so it may also go to a realm on plain HTTP.
                if credential.is_some()
                    && realm.url.scheme() == "http"
                    && self.base.scheme() == "https"
                {
                    return Err(self.insecure_realm_error(realm));
                }
                self.token_cache
                    .get(&self.host, realm, scopes, credential.as_ref(), rejected)
                    .await
                    .map(Some)
            }
        }
    }

    async fn credential(&self, access: &Access) -> Option<Credential> {
        let cached = Arc::clone(
            lock(&self.credential_cache)
                .entry(access.repository.clone())
                .or_default(),
        );
        let find = || {
            self.credentials
                .find(&self.host, access.repository.as_ref())
        };
        let lookup = cached.get_or_init(find).await;
        lock(&self.skipped).extend(lookup.skipped.iter().cloned());
        lookup.credential.clone()
    }

    fn missing_realm_error(&self, challenge: &Challenge) -> Error {
        let predicate =
            format!("demands a token in a challenge without a valid realm: {challenge}");
        Error::from_host(Kind::Unauthorized, &*self.host, predicate)
    }

    fn insecure_realm_error(&self, realm: &Realm) -> Error {
        let predicate = format!(
            "demands a login at {}, which is not encrypted; no credentials were sent",
            realm.url
        );
        Error::from_host(Kind::Unauthorized, &*self.host, predicate)
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

/// Creates a header value that is marked as sensitive, so that debug output hides it. The error
/// does not contain `text`.
fn secret_value(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Error::new(
            Kind::Unauthorized,
            "the credentials contain a character that is not allowed in a header",
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
    use crate::{Anonymous, NullObserver, Retry};

    struct FixedCredentials;

    #[async_trait]
    impl Credentials for FixedCredentials {
        async fn find(&self, _: &str, _: Option<&RepositoryName>) -> Lookup {
            Some(Credential::RefreshToken(Secret::new("refresh"))).into()
        }
    }

    /// Returns the error for a challenge of a registry with TLS whose realm is a plain HTTP URL.
    async fn answer_with_plain_realm(credentials: Arc<dyn Credentials>) -> Error {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = Url::parse("https://registry.example").unwrap();
        let transport = Transport::new(
            base.clone(),
            reqwest::Client::new(),
            reqwest::Client::new(),
            Duration::from_secs(5),
        );
        let retrier = Retrier::new(
            "registry.example",
            Retry {
                attempts: 1,
                ..Retry::default()
            },
            Arc::new(NullObserver),
        );
        let authenticator =
            Authenticator::new("registry.example", &base, credentials, transport, retrier);
        // No server listens on port 1.
        let challenge =
            Challenge::new("Bearer").with_parameter("realm", "http://127.0.0.1:1/token");
        authenticator
            .answer_challenges(&[challenge], &Access::default(), None)
            .await
            .unwrap_err()
    }

    #[tokio::test]
    async fn sends_no_credentials_to_a_plain_realm_of_a_tls_registry() {
        let error = answer_with_plain_realm(Arc::new(FixedCredentials)).await;
        assert_eq!(*error.kind(), Kind::Unauthorized);
        assert!(
            error.message().ends_with("no credentials were sent"),
            "{error}"
        );
        let error = answer_with_plain_realm(Arc::new(Anonymous)).await;
        assert_eq!(
            *error.kind(),
            Kind::Unavailable,
            "an anonymous request is allowed: {error}"
        );
    }
}
