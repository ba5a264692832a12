//! Transport of single HTTP requests, without redirects and retries.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::{Request, Response, Url};

use crate::failure::{Delivery, Failure};
use crate::payload::Payload;

/// Sends single requests. Fails with a timeout if the server makes no progress.
#[derive(Clone)]
pub(crate) struct Transport {
    /// Base URL of the host.
    base: Url,
    /// Client for the host itself.
    http: reqwest::Client,
    /// Client for all other origins.
    foreign_http: reqwest::Client,
    /// Maximum time without progress.
    idle: Duration,
}

/// Request to send. A redirect changes only its URL and authorization.
pub(crate) struct RequestParts<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) payload: &'a Payload,
    /// Authorization for the origin of `url` only.
    pub(crate) authorization: Option<&'a HeaderValue>,
}

impl Transport {
    pub(crate) fn new(
        base: Url,
        http: reqwest::Client,
        foreign_http: reqwest::Client,
        idle: Duration,
    ) -> Self {
        Self {
            base,
            http,
            foreign_http,
            idle,
        }
    }

    /// Returns the idle timeout. Callers apply it to response bodies too.
    pub(crate) fn idle_timeout(&self) -> Duration {
        self.idle
    }

    /// Sends a request and returns the response with any status.
    pub(crate) async fn send(&self, outline: &RequestParts<'_>) -> Result<Response, Failure> {
        let http = if outline.url.origin() == self.base.origin() {
            &self.http
        } else {
            &self.foreign_http
        };
        let (body, progress) = outline.payload.start_sending();
        let mut request = Request::new(outline.method.clone(), outline.url.clone());
        *request.headers_mut() = headers(outline);
        *request.body_mut() = Some(body);
        match progress
            .unless_silent(self.idle, http.execute(request))
            .await
        {
            Some(Ok(response)) => Ok(response),
            // If the stream body failed, return its error, because the error of the HTTP library is
            // only a consequence.
            Some(Err(error)) => Err(match outline.payload.take_error() {
                Some(broken) => Failure::new(broken, Delivery::Final),
                None => Failure::from_reqwest(outline.url, error),
            }),
            None => Err(Failure::timeout(outline.url, self.idle)),
        }
    }
}

fn headers(outline: &RequestParts<'_>) -> HeaderMap {
    let mut headers = outline.headers.clone();
    if let Some(authorization) = outline.authorization {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    // reqwest sends no `Content-Length` for an empty body. RFC 9110, section 8.6 recommends it,
    // and some servers reject requests without it with 411.
    let empty = matches!(outline.payload, Payload::Full(bytes) if bytes.is_empty());
    if empty && matches!(*outline.method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    }
    headers
}
