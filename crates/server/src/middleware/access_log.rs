//! Access log: one line per request, and one more per failure of the registry itself.

use std::time::Instant;

use axum_core::extract::Request;
use axum_core::response::Response;
use http::{HeaderMap, HeaderName, Method, Uri, header};
use portolan_model::RepositoryName;
use portolan_wire::headers::X_REQUEST_ID;
use portolan_wire::{ApiEndpoint, Endpoint};
use tracing::field::display;

use crate::client_address::ClientAddress;
use crate::error::Cause;
use crate::response_builder::ErrorChain;

/// Maximum length of a user agent in the log, in characters. A longer user agent is truncated.
const MAX_USER_AGENT: usize = 256;

/// Maximum length of a path in the log, in characters. Paths of endpoints are shorter.
const MAX_PATH: usize = 1024;

/// Data about a request, recorded before it is handled.
///
/// The request is logged once the head of its response is known. The body may still be in transit. The
/// field `bytes` is the announced length of the body, because counting its bytes would require a
/// wrapper around the body. Queries, and headers other than the user agent, are never logged.
pub(crate) struct LogLine {
    began: Instant,
    id: String,
    client: Option<ClientAddress>,
    user_agent: String,
    method: Method,
    uri: Uri,
    answered: bool,
}

/// Logs a request with the fields of its line and the fields that the caller adds.
macro_rules! log_request {
    ($line:expr, $($rest:tt)+) => {{
        let LogLine { id, user_agent, method, .. } = &*$line;
        let client = $line.client.map(|client| display(client.address));
        let proxy = $line.client.and_then(|client| client.proxy).map(display);
        let path = truncate($line.uri.path(), MAX_PATH);
        let repository = repository(path).map(display);
        let microseconds = u64::try_from($line.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "portolan::access",
            request = id, client, proxy, user_agent, %method, path, repository, microseconds,
            $($rest)+
        );
    }};
}

impl LogLine {
    pub(crate) fn begin(request: &Request) -> Self {
        let headers = request.headers();
        let user_agent = header_text(headers, &header::USER_AGENT);
        Self {
            began: Instant::now(),
            id: header_text(headers, &X_REQUEST_ID).to_owned(),
            client: request.extensions().get().copied(),
            user_agent: truncate(user_agent, MAX_USER_AGENT).to_owned(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            answered: false,
        }
    }

    pub(crate) fn end(mut self, response: &mut Response) {
        self.answered = true;
        if let Some(Cause(error)) = response.extensions_mut().remove::<Cause>() {
            let Self { id, method, .. } = &self;
            let client = self.client.map(|client| display(client.address));
            let (path, error) = (truncate(self.uri.path(), MAX_PATH), ErrorChain(&*error));
            tracing::error!(request = id, client, %method, path, %error, "the registry failed to serve a request");
        }
        let status = response.status().as_u16();
        // Parse the length, so that JSON logs contain a number.
        let length = header_text(response.headers(), &header::CONTENT_LENGTH);
        let bytes = length.parse::<u64>().ok();
        log_request!(&self, status, bytes);
    }
}

/// Logs a request that was dropped because the client disconnected.
impl Drop for LogLine {
    fn drop(&mut self) {
        if !self.answered {
            log_request!(self, "the client disconnected");
        }
    }
}

/// Returns the repository in the path of an endpoint.
fn repository(path: &str) -> Option<RepositoryName> {
    match Endpoint::parse(path) {
        Ok(endpoint) => endpoint.into_repository(),
        Err(_) => ApiEndpoint::parse(path).ok()?.into_repository(),
    }
}

/// Returns at most the first `max` characters of a text.
fn truncate(text: &str, max: usize) -> &str {
    match text.char_indices().nth(max) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}
