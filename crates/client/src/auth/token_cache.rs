//! Cache of issued tokens. Each token is used until shortly before it expires.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use portolan_registry::Result;
use portolan_wire::Scopes;
use tokio::time::Instant;

use super::token_request::{IssuedToken, TokenRequest};
use super::{Realm, bearer, lock};
use crate::retry::Retrier;
use crate::transport::Transport;
use crate::{Credential, Secret};

/// Remaining lifetime at which the cache stops using a token, so that the token does not expire on
/// its way to the registry. For a short-lived token, a tenth of its full lifetime is used instead.
const RENEWAL_MARGIN: Duration = Duration::from_secs(30);

/// Lifetime of a token whose response has no `expires_in` (Docker's token protocol).
const DEFAULT_LIFETIME: Duration = Duration::from_mins(1);

/// Maximum lifetime of a cached token, even if its `expires_in` is longer.
const MAX_LIFETIME: Duration = Duration::from_hours(24);

/// Requests tokens and caches them by realm and scopes.
pub(super) struct TokenCache {
    transport: Transport,
    retrier: Retrier,
    tokens: Mutex<HashMap<(Realm, Scopes), Slot>>,
    /// Refresh tokens that the token endpoints issued together with a token.
    refresh: Mutex<HashMap<Realm, Secret>>,
}

/// Cached token, or `None` until the first token is issued. A task holds the lock while it requests
/// the token, so that other tasks wait for its result instead of requesting the same token.
type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

#[derive(Clone)]
struct Token {
    value: HeaderValue,
    expiry: Instant,
}

impl Token {
    fn is_usable(&self, rejected: Option<&HeaderValue>) -> bool {
        Some(&self.value) != rejected && Instant::now() < self.expiry
    }
}

impl TokenCache {
    pub(super) fn new(transport: Transport, retrier: Retrier) -> Self {
        Self {
            transport,
            retrier,
            tokens: Mutex::default(),
            refresh: Mutex::default(),
        }
    }

    /// Returns the `Authorization` header with a token that covers `scopes`. Requests a new token
    /// if no such token is cached, or if the cached token is in `rejected`, the header that the
    /// registry rejected.
    ///
    /// # Errors
    /// Returns the errors of the token endpoint.
    pub(super) async fn get(
        &self,
        host: &str,
        realm: &Realm,
        scopes: &Scopes,
        credential: Option<&Credential>,
        rejected: Option<&HeaderValue>,
    ) -> Result<HeaderValue> {
        if let Some(value) = self.find_cached(realm, scopes, rejected) {
            return Ok(value);
        }
        let slot = Arc::clone(
            lock(&self.tokens)
                .entry((realm.clone(), scopes.clone()))
                .or_default(),
        );
        let mut cached = slot.lock().await;
        // Another task may have requested the token while this task waited for the lock.
        if let Some(token) = cached.as_ref().filter(|token| token.is_usable(rejected)) {
            return Ok(token.value.clone());
        }
        let token = self.request_token(host, realm, scopes, credential).await?;
        let value = token.value.clone();
        *cached = Some(token);
        Ok(value)
    }

    /// Returns a cached token that covers `scopes`. It may also cover other scopes.
    fn find_cached(
        &self,
        realm: &Realm,
        scopes: &Scopes,
        rejected: Option<&HeaderValue>,
    ) -> Option<HeaderValue> {
        let cached = lock(&self.tokens);
        let covering = cached
            .iter()
            .filter(|((of, allowed), _)| of == realm && allowed.covers(scopes));
        // A locked slot is skipped: another task is requesting its token.
        let mut good = covering.filter_map(|(_, slot)| slot.try_lock().ok()?.clone());
        good.find(|token| token.is_usable(rejected))
            .map(|token| token.value)
    }

    async fn request_token(
        &self,
        host: &str,
        realm: &Realm,
        scopes: &Scopes,
        credential: Option<&Credential>,
    ) -> Result<Token> {
        let grant = TokenRequest {
            host,
            realm,
            scopes,
            transport: &self.transport,
            retrier: &self.retrier,
        };
        let refresh = lock(&self.refresh).get(realm).cloned();
        let granted = match refresh {
            Some(refresh) => match grant
                .request(Some(&Credential::RefreshToken(refresh)))
                .await
            {
                Ok(granted) => granted,
                // The refresh token may be revoked, but the original credential may still be valid.
                Err(_) => grant.request(credential).await?,
            },
            None => grant.request(credential).await?,
        };
        self.store_refresh_token(realm, &granted);
        let life = granted
            .lifetime
            .unwrap_or(DEFAULT_LIFETIME)
            .min(MAX_LIFETIME);
        let until = Instant::now() + life.saturating_sub(RENEWAL_MARGIN.min(life / 10));
        Ok(Token {
            value: bearer(&granted.token)?,
            expiry: until,
        })
    }

    fn store_refresh_token(&self, realm: &Realm, granted: &IssuedToken) {
        if let Some(refresh) = &granted.refresh {
            lock(&self.refresh).insert(realm.clone(), refresh.clone());
        }
    }
}
