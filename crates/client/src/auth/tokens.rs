//! The tokens that were had, each until shortly before its end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use portolan_registry::Result;
use portolan_wire::Scopes;
use tokio::time::Instant;

use super::grant::{Grant, Granted};
use super::{Realm, bearer, lock};
use crate::persistence::Persistence;
use crate::transport::Transport;
use crate::{Credential, Secret};

/// A token is renewed this long before its end, or a tenth of its life if that is less.
const EARLY: Duration = Duration::from_secs(30);

/// How long a token lives whose giver does not say (Docker's token protocol).
const USUAL: Duration = Duration::from_mins(1);

/// Longest time that a token is believed to live, whatever its giver says.
const LONGEST: Duration = Duration::from_hours(24);

/// Gets tokens, and keeps them by what they allow.
pub(super) struct Tokens {
    transport: Transport,
    persistence: Persistence,
    kept: Mutex<HashMap<(Realm, Scopes), Slot>>,
    /// What a realm gave to get further tokens with.
    refresh: Mutex<HashMap<Realm, Secret>>,
}

/// One token at a time: whoever needs the same waits for it.
type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

#[derive(Clone)]
struct Token {
    value: HeaderValue,
    until: Instant,
}

impl Token {
    fn is_good(&self, refused: Option<&HeaderValue>) -> bool {
        Some(&self.value) != refused && Instant::now() < self.until
    }
}

impl Tokens {
    pub(super) fn new(transport: Transport, persistence: Persistence) -> Self {
        Self {
            transport,
            persistence,
            kept: Mutex::default(),
            refresh: Mutex::default(),
        }
    }

    /// A token that allows `scopes` and is not the one that was refused, new if need be.
    ///
    /// # Errors
    /// Those of whoever gives out tokens.
    pub(super) async fn get(
        &self,
        host: &str,
        realm: &Realm,
        scopes: &Scopes,
        credential: Option<&Credential>,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue> {
        if let Some(value) = self.at_hand(realm, scopes, refused) {
            return Ok(value);
        }
        let slot = Arc::clone(
            lock(&self.kept)
                .entry((realm.clone(), scopes.clone()))
                .or_default(),
        );
        let mut kept = slot.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| token.is_good(refused)) {
            return Ok(token.value.clone());
        }
        let token = self.grant(host, realm, scopes, credential).await?;
        let value = token.value.clone();
        *kept = Some(token);
        Ok(value)
    }

    /// A token that was had for this or for more.
    fn at_hand(
        &self,
        realm: &Realm,
        scopes: &Scopes,
        refused: Option<&HeaderValue>,
    ) -> Option<HeaderValue> {
        let kept = lock(&self.kept);
        let covering = kept
            .iter()
            .filter(|((of, allowed), _)| of == realm && allowed.covers(scopes));
        let mut good = covering.filter_map(|(_, slot)| slot.try_lock().ok()?.clone());
        good.find(|token| token.is_good(refused))
            .map(|token| token.value)
    }

    async fn grant(
        &self,
        host: &str,
        realm: &Realm,
        scopes: &Scopes,
        credential: Option<&Credential>,
    ) -> Result<Token> {
        let grant = Grant {
            host,
            realm,
            scopes,
            transport: &self.transport,
            persistence: &self.persistence,
        };
        let refresh = lock(&self.refresh).get(realm).cloned();
        let granted = match refresh {
            Some(refresh) => match grant.ask(Some(&Credential::RefreshToken(refresh))).await {
                Ok(granted) => granted,
                // It may have been withdrawn; what it was had with is still there.
                Err(_) => grant.ask(credential).await?,
            },
            None => grant.ask(credential).await?,
        };
        self.keep_refresh(realm, &granted);
        let life = granted.life.unwrap_or(USUAL).min(LONGEST);
        let until = Instant::now() + life.saturating_sub(EARLY.min(life / 10));
        Ok(Token {
            value: bearer(&granted.token)?,
            until,
        })
    }

    fn keep_refresh(&self, realm: &Realm, granted: &Granted) {
        if let Some(refresh) = &granted.refresh {
            lock(&self.refresh).insert(realm.clone(), refresh.clone());
        }
    }
}
