//! Client of one registry host. Builds and sends requests, authenticates, and retries.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use portolan_registry::{Error, Kind, Result};
use portolan_wire::{ApiEndpoint, Challenge, Endpoint, warning};
use reqwest::Url;

use crate::auth::Authenticator;
use crate::capabilities::Capabilities;
use crate::error_response;
use crate::failure::{Delivery, Failure};
use crate::limiter::RequestLimiter;
use crate::list_cache::ListCache;
use crate::redirect::follow;
use crate::referrers_tag::ReferrersTagLocks;
use crate::request::{Access, RegistryRequest, RetryCondition};
use crate::response::RegistryResponse;
use crate::retry::Retrier;
use crate::transport::{RequestParts, Transport};
use crate::{Observer, Settings, tls};

/// Name of Docker Hub in references, and the host that serves its registry API.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// Maximum number of warning texts to remember, so that each is reported once. Further texts are
/// reported each time they occur.
const MAX_REMEMBERED_WARNINGS: usize = 10_000;

/// Registry host, with the state that all requests to it share.
pub(crate) struct Host {
    name: Box<str>,
    base: Url,
    transport: Transport,
    authenticator: Authenticator,
    pub(crate) retrier: Retrier,
    pub(crate) limiter: RequestLimiter,
    observer: Arc<dyn Observer>,
    /// Configured items that could not be used. See [`Settings::skipped`].
    skipped: Vec<String>,
    reported_warnings: Mutex<HashSet<String>>,
    /// True once [`Host::authenticate_at_base`] has requested `/v2/`.
    base_requested: AtomicBool,
    pub(crate) capabilities: Capabilities,
    pub(crate) list_cache: ListCache,
    pub(crate) referrers_tag_locks: ReferrersTagLocks,
}

impl Host {
    /// Creates a host. Sends no request.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if [`Settings::host`] is not a valid host name, and
    /// [`Kind::Internal`] if a certificate or key cannot be parsed.
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let base = base_url(&settings)?;
        let transport = Transport::new(
            base.clone(),
            tls::client_for_host(&settings, &base)?,
            tls::client_for_other_origins(&settings)?,
            settings.idle_timeout,
        );
        let retrier = Retrier::new(
            &settings.host,
            settings.retry,
            Arc::clone(&settings.observer),
        );
        let authenticator = Authenticator::new(
            &settings.host,
            &base,
            settings.credentials,
            transport.clone(),
            retrier.clone(),
        );
        Ok(Self {
            name: settings.host.into(),
            base,
            transport,
            authenticator,
            retrier,
            limiter: RequestLimiter::new(settings.connections),
            observer: settings.observer,
            skipped: settings.skipped,
            reported_warnings: Mutex::default(),
            base_requested: AtomicBool::new(false),
            capabilities: Capabilities::default(),
            list_cache: ListCache::default(),
            referrers_tag_locks: ReferrersTagLocks::default(),
        })
    }

    /// Returns the host, spelled as in image references.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Builds a request to an endpoint. `query` has no question mark and may be empty.
    pub(crate) fn request(
        &self,
        method: Method,
        endpoint: &Endpoint,
        query: &str,
    ) -> RegistryRequest {
        let access = Access::for_request(&method, endpoint);
        self.request_to(method, &endpoint.to_path(), query, access)
    }

    /// Builds a request to an endpoint of Portolan's own API that needs `access`.
    pub(crate) fn api_request(
        &self,
        method: Method,
        endpoint: &ApiEndpoint,
        query: &str,
        access: Access,
    ) -> RegistryRequest {
        self.request_to(method, &endpoint.to_path(), query, access)
    }

    fn request_to(
        &self,
        method: Method,
        path: &str,
        query: &str,
        access: Access,
    ) -> RegistryRequest {
        let mut url = self.base.clone();
        url.set_path(path);
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        RegistryRequest::new(method, url, access)
    }

    /// Sends a request and returns the response if its status is a success.
    ///
    /// # Errors
    /// Returns the error of the registry if the status is not a success, and the errors of
    /// [`Host::send_with_retries`].
    pub(crate) async fn send_checked(&self, call: &RegistryRequest) -> Result<RegistryResponse> {
        let answer = self.send_with_retries(call).await?;
        if answer.is_success() {
            Ok(answer)
        } else {
            Err(self.error_from_response(answer).await)
        }
    }

    /// Sends a request and returns the response with any status. Retries temporary failures.
    ///
    /// # Errors
    /// Returns the error of the last attempt if no attempt gets a response. A response with a
    /// status that is retried (see [`RegistryRequest::is_retried`]) counts as a failed attempt.
    pub(crate) async fn send_with_retries(
        &self,
        call: &RegistryRequest,
    ) -> Result<RegistryResponse> {
        let mut attempt = 1;
        loop {
            let failure = match self.attempt_with_permit(call).await {
                Ok(answer) => return Ok(answer.with_attempts(attempt)),
                Err(failure) => failure,
            };
            if !can_retry(call, &failure) {
                return Err(failure.error);
            }
            self.retrier.pause(attempt, failure).await?;
            attempt += 1;
        }
    }

    /// Converts an error response to an [`Error`] with the message of the registry.
    pub(crate) async fn error_from_response(&self, answer: RegistryResponse) -> Error {
        let failure = error_response::into_failure(&self.name, answer).await;
        self.name_skipped_items(failure.error)
    }

    /// Appends the configured items and credentials that could not be used to an error, if they may
    /// be its cause.
    fn name_skipped_items(&self, error: Error) -> Error {
        let credentials = match error.kind() {
            Kind::Denied | Kind::Unauthorized | Kind::ManifestUnknown | Kind::RepositoryUnknown => {
                self.authenticator.skipped_items()
            }
            Kind::Unavailable => BTreeSet::new(),
            _ => return error,
        };
        let items = self.skipped.iter().chain(&credentials);
        items.fold(error, Error::with_suffix)
    }

    /// Converts an error response to an [`Error`], like [`Host::error_from_response`]. For a 404,
    /// the result has the kind and detail of `missing`, and the message of the registry.
    pub(crate) async fn error_or_missing(
        &self,
        answer: RegistryResponse,
        missing: &Error,
    ) -> Error {
        let status = answer.status;
        let error = self.error_from_response(answer).await;
        if status != StatusCode::NOT_FOUND {
            return error;
        }
        error
            .with_kind(missing.kind().clone())
            .with_detail(missing.detail())
    }

    /// Converts the error response to a read request, like [`Host::error_or_missing`]. If the
    /// registry rejects the digest itself (`DIGEST_INVALID`), the result also has the kind of
    /// `missing`: a registry that does not support an algorithm has no content with such a digest.
    pub(crate) async fn read_error(&self, answer: RegistryResponse, missing: &Error) -> Error {
        let error = self.error_or_missing(answer, missing).await;
        match error.kind() {
            Kind::DigestInvalid => error.with_kind(missing.kind().clone()),
            _ => error,
        }
    }

    /// Acquires a request permit and makes one attempt.
    ///
    /// The body is read before the permit is released, except for a download: its response holds
    /// the permit until the body ends. If other responses also held a permit, callers that send a
    /// second request while they hold the first response could deadlock.
    async fn attempt_with_permit(
        &self,
        call: &RegistryRequest,
    ) -> Result<RegistryResponse, Failure> {
        let turn = self.limiter.acquire(call.download).await?;
        let answer = self.attempt(call).await?;
        if (call.is_retried)(answer.status) {
            return Err(error_response::into_failure(&self.name, answer).await);
        }
        match call.body_limit {
            _ if !answer.is_success() => Ok(answer
                .read_or_discard(error_response::MAX_ERROR_BYTES)
                .await),
            _ if call.download => Ok(answer.with_permit(turn)),
            Some(limit) => answer.read_body(limit).await,
            None => Ok(answer.discard_body().await),
        }
    }

    /// Makes one attempt without acquiring a permit. Sends the request a second time if the
    /// registry demands authentication. Returns a response with any status.
    ///
    /// # Errors
    /// Returns a failure if there is no response, or if no credentials or token can be obtained.
    pub(crate) async fn attempt(
        &self,
        call: &RegistryRequest,
    ) -> Result<RegistryResponse, Failure> {
        self.attempt_unexplained(call)
            .await
            .map_err(|failure| Failure {
                error: self.name_skipped_items(failure.error),
                ..failure
            })
    }

    async fn attempt_unexplained(
        &self,
        call: &RegistryRequest,
    ) -> Result<RegistryResponse, Failure> {
        if (self.base.scheme(), call.url.scheme()) == ("https", "http") {
            return Err(self.insecure_location_error(&call.url).into());
        }
        if call.url.origin() != self.base.origin() {
            // The next page of a list and an upload session may be on another origin. It must not
            // receive the credentials.
            return Ok(self.send(call, None).await?.into_foreign());
        }
        let authorization = self.authenticator.preemptive_header(&call.access).await?;
        let answer = self.send(call, authorization.as_ref()).await?;
        self.report_warnings(&answer);
        let Some(renewed) = self
            .renew_authorization(call, &answer, authorization.as_ref())
            .await?
        else {
            return Ok(answer);
        };
        if !call.payload.is_available() {
            let predicate = "demanded authentication after the content was sent; send it again";
            return Err(Error::from_host(Kind::Unavailable, self.name(), predicate).into());
        }
        answer.discard_body().await;
        let answer = self.send(call, Some(&renewed)).await?;
        self.report_warnings(&answer);
        Ok(answer)
    }

    /// Returns the error for a plain HTTP URL in a response of a registry with TLS. The next page
    /// of a list and an upload session may be on another origin, but this origin must use TLS too.
    fn insecure_location_error(&self, url: &Url) -> Error {
        let predicate = format!(
            "points to {}, which is not encrypted; no request was sent",
            url.origin().ascii_serialization()
        );
        Error::from_host(Kind::Unsupported, self.name(), predicate)
    }

    /// Returns the `Authorization` header to send instead of `authorization`, or `None` if the
    /// response does not demand another authorization, or there are no other credentials.
    ///
    /// Ignores a response of another origin after a redirect, so that no other origin can request
    /// credentials for this host.
    async fn renew_authorization(
        &self,
        call: &RegistryRequest,
        answer: &RegistryResponse,
        authorization: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>> {
        match answer.status {
            _ if !answer.same_origin => Ok(None),
            StatusCode::UNAUTHORIZED => {
                let challenges = Challenge::parse_all(&answer.headers);
                self.authenticator
                    .answer_challenges(&challenges, &call.access, authorization)
                    .await
            }
            // Some registries send 404 or 403 to anonymous clients for content that authenticated
            // clients can see. On these registries, only `/v2/` sends a challenge.
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND if authorization.is_none() => {
                self.authenticate_at_base(call).await
            }
            _ => Ok(None),
        }
    }

    /// Requests `/v2/` to get a challenge, and returns the `Authorization` header that answers it.
    /// Does this once per host, and only if there are unused credentials.
    async fn authenticate_at_base(&self, call: &RegistryRequest) -> Result<Option<HeaderValue>> {
        if self.base_requested.load(Ordering::Relaxed)
            || !self
                .authenticator
                .has_unused_credentials(&call.access)
                .await
        {
            return Ok(None);
        }
        self.base_requested.store(true, Ordering::Relaxed);
        let Ok(answer) = self
            .send(&self.request(Method::GET, &Endpoint::Base, ""), None)
            .await
        else {
            return Ok(None);
        };
        let challenges = if answer.same_origin {
            Challenge::parse_all(&answer.headers)
        } else {
            Vec::new()
        };
        self.authenticator
            .answer_challenges(&challenges, &call.access, None)
            .await
    }

    async fn send(
        &self,
        call: &RegistryRequest,
        authorization: Option<&HeaderValue>,
    ) -> Result<RegistryResponse, Failure> {
        let RegistryRequest {
            method,
            url,
            headers,
            payload,
            ..
        } = call;
        follow(
            &self.transport,
            &RequestParts {
                method,
                url,
                headers,
                payload,
                authorization,
            },
        )
        .await
    }

    fn report_warnings(&self, answer: &RegistryResponse) {
        for text in warnings(&answer.headers).filter(|_| answer.same_origin) {
            self.warn(&text);
        }
    }

    /// Reports a warning to the observer, once for each text.
    pub(crate) fn warn(&self, text: &str) {
        let mut warned = self
            .reported_warnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let new = !warned.contains(text)
            && (warned.len() >= MAX_REMEMBERED_WARNINGS || warned.insert(text.to_owned()));
        drop(warned);
        if new {
            self.observer.warning(&self.name, text);
        }
    }
}

fn warnings(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers
        .get_all(header::WARNING)
        .iter()
        .filter_map(|value| warning::parse(value.to_str().ok()?))
}

/// Returns whether the request can be sent again: the registry cannot process it twice with a
/// different result, and its body is still available.
fn can_retry(call: &RegistryRequest, failure: &Failure) -> bool {
    let is_undelivered = failure.delivery == Delivery::NotReceived;
    let is_safe = is_undelivered
        || (call.retry_condition == RetryCondition::Always
            && failure.delivery == Delivery::Unknown);
    is_safe && call.payload.is_available()
}

fn base_url(settings: &Settings) -> Result<Url> {
    let (hub, hub_registry) = DOCKER_HUB;
    let scheme = settings.scheme.as_str();
    let address = match &*settings.host {
        host if host == hub => format!("https://{hub_registry}"),
        host => format!("{scheme}://{host}"),
    };
    let url = Url::parse(&address).ok().filter(is_plain);
    let no_host = || {
        let message = format!(
            "{:?} is not a valid host: use HOST or HOST:PORT, with IPv6 addresses in brackets",
            settings.host
        );
        Error::new(Kind::Unsupported, message)
    };
    url.ok_or_else(no_host)
}

/// Returns whether the URL consists only of scheme, host and port.
fn is_plain(url: &Url) -> bool {
    url.has_host() && url.path() == "/" && url.query().is_none() && url.username().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scheme;

    fn base_of(scheme: Scheme, host: &str) -> Option<String> {
        base_url(&Settings {
            scheme,
            ..Settings::new(host)
        })
        .ok()
        .map(String::from)
    }

    #[test]
    fn builds_base_urls_from_hosts() {
        assert_eq!(
            base_of(Scheme::Https, "registry.example:443").unwrap(),
            "https://registry.example/"
        );
        assert_eq!(
            base_of(Scheme::Http, "[::1]:5000").unwrap(),
            "http://[::1]:5000/"
        );
        for scheme in [Scheme::Http, Scheme::Https] {
            assert_eq!(
                base_of(scheme, "docker.io").unwrap(),
                "https://registry-1.docker.io/"
            );
        }
    }

    #[test]
    fn rejects_invalid_hosts() {
        for host in [
            "",
            "a/b",
            "a?b",
            "user@registry.example",
            "a b",
            "registry.example:http",
        ] {
            assert_eq!(base_of(Scheme::Https, host), None, "{host}");
        }
    }
}
