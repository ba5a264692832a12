//! One request on its way, and its answer.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::{Request, Response, Url};

use crate::failure::{Failure, Sent};
use crate::payload::Payload;

/// Sends requests, and waits no longer than a time for any sign of life.
#[derive(Clone)]
pub(crate) struct Transport {
    /// An address of the host itself.
    home: Url,
    /// For the host itself.
    http: reqwest::Client,
    /// For every other origin.
    abroad: reqwest::Client,
    idle: Duration,
}

/// A request, wherever it goes in the end.
pub(crate) struct Outline<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) payload: &'a Payload,
    /// Goes to the origin of `url` and to no other.
    pub(crate) authorization: Option<&'a HeaderValue>,
}

impl Transport {
    pub(crate) fn new(
        home: Url,
        http: reqwest::Client,
        abroad: reqwest::Client,
        idle: Duration,
    ) -> Self {
        Self {
            home,
            http,
            abroad,
            idle,
        }
    }

    /// Longest silence, of which the body of an answer is given no more either.
    pub(crate) fn idle(&self) -> Duration {
        self.idle
    }

    /// The answer to a request, whatever it says.
    pub(crate) async fn send(&self, outline: &Outline<'_>) -> Result<Response, Failure> {
        let http = if outline.url.origin() == self.home.origin() {
            &self.http
        } else {
            &self.abroad
        };
        let (body, progress) = outline.payload.open();
        let mut request = Request::new(outline.method.clone(), outline.url.clone());
        *request.headers_mut() = headers(outline);
        *request.body_mut() = Some(body);
        match progress
            .unless_silent(self.idle, http.execute(request))
            .await
        {
            Some(Ok(response)) => Ok(response),
            Some(Err(error)) => Err(match outline.payload.take_error() {
                Some(broken) => Failure::new(broken, Sent::Enough),
                None => Failure::of_library(outline.url, error),
            }),
            None => Err(Failure::silence(outline.url, self.idle)),
        }
    }
}

fn headers(outline: &Outline<'_>) -> HeaderMap {
    let mut headers = outline.headers.clone();
    if let Some(authorization) = outline.authorization {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    let empty = matches!(outline.payload, Payload::Whole(bytes) if bytes.is_empty());
    if empty && matches!(*outline.method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    }
    headers
}
