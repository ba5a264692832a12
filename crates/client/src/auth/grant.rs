//! Asking for one token: Docker's token protocol with GET, and with POST as OAuth 2 has it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portolan_registry::{Error, Kind, Result};
use portolan_wire::Scopes;
use reqwest::Url;
use serde::Deserialize;

use super::{Realm, basic};
use crate::answer::Answer;
use crate::failure::authority;
use crate::payload::Payload;
use crate::persistence::Persistence;
use crate::redirect::follow_at_home;
use crate::refusal;
use crate::transport::{Outline, Transport};
use crate::{Credential, Secret};

/// Most bytes that are read of an answer with a token.
const LIMIT: usize = 1 << 20;

/// What the giver of tokens is told of the program that asks.
const CLIENT_ID: &str = "portolan";

/// Characters of a form that are written as `%XX`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A token to be asked for.
pub(super) struct Grant<'a> {
    pub(super) host: &'a str,
    pub(super) realm: &'a Realm,
    pub(super) scopes: &'a Scopes,
    pub(super) transport: &'a Transport,
    pub(super) persistence: &'a Persistence,
}

/// A token, as it was given out.
pub(super) struct Granted {
    pub(super) token: Secret,
    pub(super) life: Option<Duration>,
    /// For further tokens, instead of a password.
    pub(super) refresh: Option<Secret>,
}

impl Grant<'_> {
    /// Asks with a credential, or as nobody in particular.
    ///
    /// A name and a password go with GET, which every giver of tokens knows but those that know
    /// POST alone; a refresh token goes with POST.
    ///
    /// # Errors
    /// [`Kind::Unauthorized`] when no token is given out; whatever else goes wrong on the way.
    pub(super) async fn ask(&self, credential: Option<&Credential>) -> Result<Granted> {
        let answer = match credential {
            None | Some(Credential::BearerToken(_)) => self.get(None).await?,
            Some(Credential::RefreshToken(token)) => self.post(&refresh_form(token)).await?,
            Some(Credential::Basic { username, password }) => {
                let answer = self.get(Some(&basic(username, password)?)).await?;
                if is_unknown(answer.status) {
                    self.post(&password_form(username, password)).await?
                } else {
                    answer
                }
            }
        };
        if answer.is_success() {
            self.granted(&answer.bytes())
        } else {
            Err(self.refused(answer).await)
        }
    }

    async fn get(&self, authorization: Option<&HeaderValue>) -> Result<Answer> {
        let mut url = self.realm.url.clone();
        let service = self
            .realm
            .service
            .as_deref()
            .map(|service| ("service", service.to_owned()));
        let scopes = self.scopes.texts().map(|scope| ("scope", scope));
        let pairs: Vec<_> = service.into_iter().chain(scopes).collect();
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        self.send(
            &Method::GET,
            &url,
            &HeaderMap::new(),
            &Payload::empty(),
            authorization,
        )
        .await
    }

    async fn post(&self, own: &[(&str, &str)]) -> Result<Answer> {
        let scopes = self.scopes.to_string();
        let service = self.realm.service.as_deref().unwrap_or_default();
        let shared = [
            ("service", service),
            ("client_id", CLIENT_ID),
            ("scope", &scopes),
        ];
        let form = form(own.iter().chain(&shared));
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = [(header::CONTENT_TYPE, content_type)].into_iter().collect();
        self.send(
            &Method::POST,
            &self.realm.url,
            &headers,
            &Payload::Whole(form),
            None,
        )
        .await
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        payload: &Payload,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer> {
        let outline = Outline {
            method,
            url,
            headers,
            payload,
            authorization,
        };
        let mut attempt = 1;
        loop {
            let answer = match follow_at_home(self.transport, &outline).await {
                Ok(answer) if refusal::may_pass(answer.status) => {
                    Err(refusal::failure(self.host, answer).await)
                }
                Ok(answer) => answer.read(LIMIT).await,
                Err(failure) => Err(failure),
            };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.is_final() => return Err(self.in_words(failure.error)),
                Err(failure) => self
                    .persistence
                    .pause(attempt, failure)
                    .await
                    .map_err(|error| self.in_words(error))?,
            }
            attempt += 1;
        }
    }

    fn granted(&self, bytes: &Bytes) -> Result<Granted> {
        #[derive(Deserialize)]
        struct Given {
            token: Option<String>,
            access_token: Option<String>,
            refresh_token: Option<String>,
            expires_in: Option<f64>,
        }
        let given: Option<Given> = serde_json::from_slice(bytes).ok();
        let unreadable =
            || self.in_words(Error::new(Kind::Unauthorized, "the answer holds no token"));
        let given = given.ok_or_else(unreadable)?;
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let token = filled(given.token)
            .or(filled(given.access_token))
            .ok_or_else(unreadable)?;
        Ok(Granted {
            token: Secret::new(token),
            life: given
                .expires_in
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            refresh: filled(given.refresh_token).map(Secret::new),
        })
    }

    /// Whoever gives out tokens and gives none says that the credentials are wrong, however it says it.
    async fn refused(&self, answer: Answer) -> Error {
        let status = answer.status;
        let error = refusal::failure(&authority(&answer.url), answer)
            .await
            .error;
        if status.is_server_error() {
            return self.in_words(error);
        }
        let message = format!(
            "{}; say who you are with portolan login {}",
            error.message(),
            self.host
        );
        self.in_words(Error::new(Kind::Unauthorized, message).with_detail(error.detail().clone()))
    }

    fn in_words(&self, error: Error) -> Error {
        error.while_doing(format!(
            "getting a token for {} from {}",
            self.host,
            authority(&self.realm.url)
        ))
    }
}

/// Whether GET is not how tokens are had there.
fn is_unknown(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    )
}

fn refresh_form(token: &Secret) -> [(&'static str, &str); 2] {
    [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.reveal()),
    ]
}

fn password_form<'a>(username: &'a str, password: &'a Secret) -> [(&'static str, &'a str); 3] {
    [
        ("grant_type", "password"),
        ("username", username),
        ("password", password.reveal()),
    ]
}

fn form<'a>(pairs: impl Iterator<Item = &'a (&'a str, &'a str)>) -> Bytes {
    let encoded =
        pairs.map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, ENCODED)));
    encoded.collect::<Vec<_>>().join("&").into()
}
