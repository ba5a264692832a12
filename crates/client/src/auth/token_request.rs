//! Request for a token: Docker's token protocol with GET, or OAuth 2 with POST.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portolan_registry::{Error, Kind, Result};
use portolan_wire::Scopes;
use reqwest::Url;
use serde_json::Value;

use super::{Realm, basic};
use crate::error_response;
use crate::failure::authority;
use crate::payload::Payload;
use crate::redirect::follow_within_origin;
use crate::response::RegistryResponse;
use crate::retry::Retrier;
use crate::transport::{RequestParts, Transport};
use crate::{Credential, Secret};

/// Maximum size of a token response, in bytes.
const MAX_RESPONSE_BYTES: usize = 1 << 20;

/// Client id in OAuth 2 requests. The token endpoint may show it to the user.
const CLIENT_ID: &str = "portolan";

/// Characters to percent-encode in a form value.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Request for a token with `scopes` for the registry at `host`, from the token endpoint `realm`.
pub(super) struct TokenRequest<'a> {
    pub(super) host: &'a str,
    pub(super) realm: &'a Realm,
    pub(super) scopes: &'a Scopes,
    pub(super) transport: &'a Transport,
    pub(super) retrier: &'a Retrier,
}

/// Token that a token endpoint issued.
pub(super) struct IssuedToken {
    pub(super) token: Secret,
    pub(super) lifetime: Option<Duration>,
    /// Refresh token. Further requests for tokens use it instead of the password.
    pub(super) refresh: Option<Secret>,
}

impl TokenRequest<'_> {
    /// Requests a token with a credential, or anonymously.
    ///
    /// A user name and password are sent with GET first, because nearly all token endpoints support
    /// it. If the endpoint does not support GET, they are sent with POST. A refresh token is sent
    /// with POST.
    ///
    /// # Errors
    /// Returns [`Kind::Unauthorized`] if the endpoint issues no token, and the transport error if
    /// it does not respond.
    pub(super) async fn request(&self, credential: Option<&Credential>) -> Result<IssuedToken> {
        let answer = match credential {
            None | Some(Credential::BearerToken(_)) => self.get(None).await?,
            Some(Credential::RefreshToken(token)) => self.post(&refresh_form(token)).await?,
            Some(Credential::Basic { username, password }) => {
                let answer = self.get(Some(&basic(username, password)?)).await?;
                if is_get_unsupported(answer.status) {
                    self.post(&password_form(username, password)).await?
                } else {
                    answer
                }
            }
        };
        if answer.is_success() {
            self.parse_response(&answer.bytes())
        } else {
            Err(self.rejection_error(answer).await)
        }
    }

    async fn get(&self, authorization: Option<&HeaderValue>) -> Result<RegistryResponse> {
        let mut url = self.realm.url.clone();
        let service = self
            .realm
            .service
            .as_deref()
            .map(|service| ("service", service.to_owned()));
        let scopes = self.scopes.to_strings().map(|scope| ("scope", scope));
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

    async fn post(&self, own: &[(&str, &str)]) -> Result<RegistryResponse> {
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
            &Payload::Full(form),
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
    ) -> Result<RegistryResponse> {
        let outline = RequestParts {
            method,
            url,
            headers,
            payload,
            authorization,
        };
        let mut attempt = 1;
        loop {
            let answer = match follow_within_origin(self.transport, &outline).await {
                Ok(answer) if error_response::is_temporary(answer.status) => {
                    Err(error_response::into_failure(self.host, answer).await)
                }
                Ok(answer) => answer.read_body(MAX_RESPONSE_BYTES).await,
                Err(failure) => Err(failure),
            };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.is_final() => return Err(self.with_context(failure.error)),
                Err(failure) => self
                    .retrier
                    .pause(attempt, failure)
                    .await
                    .map_err(|error| self.with_context(error))?,
            }
            attempt += 1;
        }
    }

    /// Parses the fields of a response one by one, so that an unexpected value of one field does
    /// not invalidate the others. `null` and an empty string count as absent.
    fn parse_response(&self, bytes: &Bytes) -> Result<IssuedToken> {
        let given: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let text = |key: &str| {
            let text = given[key].as_str().filter(|text| !text.is_empty());
            text.map(Secret::new)
        };
        let token = text("token").or_else(|| text("access_token"));
        Ok(IssuedToken {
            token: token.ok_or_else(|| self.no_token_error(&given))?,
            lifetime: lifetime(&given["expires_in"]),
            refresh: text("refresh_token"),
        })
    }

    /// Returns the error for a response without a token. The message contains no values, because
    /// they may be secret.
    fn no_token_error(&self, given: &Value) -> Error {
        let mut predicate = "returned no token".to_owned();
        for key in ["token", "access_token"] {
            let found = match &given[key] {
                Value::Null | Value::String(_) => continue,
                Value::Bool(_) => "a boolean",
                Value::Number(_) => "a number",
                Value::Array(_) => "an array",
                Value::Object(_) => "an object",
            };
            let _ = write!(predicate, "; {key} must be a string, found {found}");
        }
        let realm = authority(&self.realm.url);
        self.with_context(Error::from_host(Kind::Unauthorized, realm, predicate))
    }

    /// Returns the error for a request that the token endpoint rejected. Any status that is not a
    /// server error counts as wrong credentials, because endpoints use different statuses for that.
    async fn rejection_error(&self, answer: RegistryResponse) -> Error {
        let status = answer.status;
        let error = error_response::into_failure(&authority(&answer.url), answer)
            .await
            .error;
        if status.is_server_error() {
            return self.with_context(error);
        }
        // The error names the registry, because the user logs in there and not at the token
        // endpoint.
        let predicate = format!("requires a token, but {}", error.message());
        Error::from_host(Kind::Unauthorized, self.host, predicate).with_detail(error.detail())
    }

    fn with_context(&self, error: Error) -> Error {
        error.with_prefix(format!(
            "failed to get a token for {} from {}",
            self.host,
            authority(&self.realm.url)
        ))
    }
}

/// Parses `expires_in`, in seconds. Some token endpoints send the number as a string.
fn lifetime(expires_in: &Value) -> Option<Duration> {
    let seconds = match expires_in {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    Duration::try_from_secs_f64(seconds?).ok()
}

/// Returns whether the status means that the token endpoint does not support GET.
fn is_get_unsupported(status: StatusCode) -> bool {
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
