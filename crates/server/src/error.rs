//! Conversion of errors to responses. Has the only table from kinds of errors to HTTP statuses.

use std::sync::Arc;

use axum_core::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use portolan_model::ErrorCode;
use portolan_registry::{Error, Kind};
use portolan_wire::range::ContentRange;
use portolan_wire::{EndpointError, ErrorBody, ErrorEntry, RequestError};
use serde_json::{Value, json};

use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;

/// Maximum length of the origin of a page in an error, in bytes.
const MAX_ORIGIN: usize = 256;

/// Result of a handler.
pub(crate) type HandlerResult = Result<Response, HttpError>;

/// Error response to a request.
#[derive(Debug)]
pub(crate) struct HttpError(Box<ErrorParts>);

#[derive(Debug)]
struct ErrorParts {
    status: StatusCode,
    error: ErrorEntry,
    headers: HeaderMap,
    /// Error of the registry itself, for the log and never for the client.
    cause: Option<Error>,
}

/// Error of the registry itself. It is an extension of the response, so that the access log can
/// read it.
#[derive(Clone)]
pub(crate) struct Cause(pub(crate) Arc<Error>);

/// `Retry-After` of a registry without resources for the request, in seconds.
const RETRY_AFTER: u32 = 5;

/// Returns the HTTP status for an error.
fn status(error: &Error) -> StatusCode {
    match error.kind() {
        Kind::BlobUnknown
        | Kind::ManifestUnknown
        | Kind::RepositoryUnknown
        | Kind::UploadUnknown => StatusCode::NOT_FOUND,
        Kind::ContentMissing { .. }
        | Kind::ManifestInvalid { .. }
        | Kind::DigestInvalid
        | Kind::SizeInvalid
        | Kind::BodyIncomplete => StatusCode::BAD_REQUEST,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::OutOfOrder { .. } | Kind::RangeUnsatisfiable { .. } => {
            StatusCode::RANGE_NOT_SATISFIABLE
        }
        Kind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Kind::Referenced { .. } | Kind::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::Unauthorized => StatusCode::UNAUTHORIZED,
        Kind::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
        Kind::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
        Kind::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable if error.origin().is_none() => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Unavailable | Kind::Remote(_) => StatusCode::BAD_GATEWAY,
    }
}

/// Returns the message for the client. Details of server-side failures stay in the log.
fn message(error: &Error) -> String {
    match error.kind() {
        Kind::Internal => "internal error; see the registry's log for this request id".into(),
        Kind::StorageFull => "the registry has no storage space left".into(),
        Kind::Unavailable if error.origin().is_none() => {
            format!("the registry is overloaded; retry in {RETRY_AFTER} seconds")
        }
        _ => error.message().into(),
    }
}

/// Returns the error code. A registry without resources has the code of one that is not ready.
fn code(error: &Error) -> ErrorCode {
    match error.kind() {
        Kind::Unavailable if error.origin().is_none() => ErrorCode::from("UNAVAILABLE"),
        kind => kind.code(),
    }
}

fn headers(error: &Error) -> HeaderMap {
    let header = match *error.kind() {
        Kind::Unavailable if error.origin().is_none() => {
            Some((header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER)))
        }
        Kind::TooManyRequests { retry_after } => {
            Some((header::RETRY_AFTER, HeaderValue::from(retry_after)))
        }
        Kind::RangeUnsatisfiable { size } => {
            let range = ContentRange {
                part: None,
                size: Some(size),
            }
            .to_string();
            HeaderValue::try_from(range)
                .ok()
                .map(|range| (header::CONTENT_RANGE, range))
        }
        _ => None,
    };
    header.into_iter().collect()
}

impl From<Error> for HttpError {
    fn from(error: Error) -> Self {
        let (status, headers) = (status(&error), headers(&error));
        let ours = status.is_server_error();
        let detail = if ours { Value::Null } else { error.detail() };
        let entry = ErrorEntry {
            code: code(&error),
            message: message(&error),
            detail,
        };
        Self(Box::new(ErrorParts {
            status,
            error: entry,
            headers,
            cause: ours.then_some(error),
        }))
    }
}

impl From<RequestError> for HttpError {
    fn from(error: RequestError) -> Self {
        let status = match error.code {
            ErrorCode::BlobUploadUnknown => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.code, error.message, error.detail)
    }
}

impl HttpError {
    fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>, detail: Value) -> Self {
        let error = ErrorEntry {
            code,
            message: message.into(),
            detail,
        };
        Self(Box::new(ErrorParts {
            status,
            error,
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// Converts an error in the path. An invalid tag is a malformed request (400) for PUT, and an
    /// unknown manifest (404) for all other methods.
    pub(crate) fn from_path_error(error: EndpointError, method: &Method) -> Self {
        match error {
            EndpointError::Unknown => Self::not_found(),
            EndpointError::Invalid(error)
                if error.code == ErrorCode::ManifestInvalid && method != Method::PUT =>
            {
                Self::new(
                    StatusCode::NOT_FOUND,
                    ErrorCode::ManifestUnknown,
                    error.message,
                    error.detail,
                )
            }
            EndpointError::Invalid(error) => error.into(),
        }
    }

    /// Returns 404 for a path without an endpoint.
    pub(crate) fn not_found() -> Self {
        let message = "not found; the API is below /v2/ and /api/v1/";
        Self::new(
            StatusCode::NOT_FOUND,
            ErrorCode::Unsupported,
            message,
            Value::Null,
        )
    }

    /// Returns 421 for a host name that a loopback registry does not accept.
    pub(crate) fn unknown_host(host: &str) -> Self {
        let message = format!(
            "the host {host} is not accepted, because the registry has no accounts and listens on a loopback address; use localhost, or add the name to server.hosts in the configuration of the registry"
        );
        let detail = json!({"host": host, "key": "server.hosts"});
        let status = StatusCode::MISDIRECTED_REQUEST;
        Self::new(status, ErrorCode::Denied, message, detail)
    }

    /// Returns 403 for a request of a web page of another origin.
    pub(crate) fn foreign_page(origin: Option<&str>) -> Self {
        let origin = origin
            .filter(|origin| origin.len() <= MAX_ORIGIN)
            .unwrap_or("unknown");
        let message = format!(
            "a web page of another origin ({origin}) may not send this request; if it is a page of the registry itself, set server.url in the configuration of the registry"
        );
        let detail = json!({"origin": origin, "key": "server.url"});
        Self::new(StatusCode::FORBIDDEN, ErrorCode::Denied, message, detail)
    }

    /// Returns 405 for a path that supports only the methods in `allowed`.
    pub(crate) fn method_not_allowed(method: &Method, allowed: &'static str) -> Self {
        let message = format!("{method} is not allowed at this path; allowed: {allowed}");
        let detail =
            json!({"method": method.as_str(), "allowed": allowed.split(", ").collect::<Vec<_>>()});
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::Unsupported,
            message,
            detail,
        )
        .with_header(header::ALLOW, allowed)
    }

    /// Returns 503 for a registry that is running but cannot serve requests now.
    pub(crate) fn not_ready(cause: Error) -> Self {
        let message = "the registry is not ready; see the registry's log for this request id";
        let mut failure = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::from("UNAVAILABLE"),
            message,
            Value::Null,
        );
        failure.0.cause = Some(cause);
        failure
    }

    /// Adds a header. Skips a value that is not a valid header value.
    pub(crate) fn with_header(
        mut self,
        name: HeaderName,
        value: impl TryInto<HeaderValue>,
    ) -> Self {
        if let Ok(value) = value.try_into() {
            self.0.headers.insert(name, value);
        }
        self
    }

    /// Adds an `Allow` header to a 405 response, as HTTP requires. If the registry rejects a method
    /// that the path supports, the header lists the other methods of the path.
    pub(crate) fn with_other_methods(self, method: &Method, allowed: &'static str) -> Self {
        if self.0.status != StatusCode::METHOD_NOT_ALLOWED {
            return self;
        }
        let others: Vec<_> = allowed
            .split(", ")
            .filter(|other| *other != method.as_str())
            .collect();
        self.with_header(header::ALLOW, others.join(", "))
    }

    /// Converts the error to the response to `call`.
    pub(crate) fn into_response(self, call: &RequestContext) -> Response {
        let ErrorParts {
            status,
            error,
            headers,
            cause,
        } = *self.0;
        let detail = match error.detail {
            Value::Null if cause.is_some() => json!({"requestId": call.request_id()}),
            Value::Null => json!({"path": call.path()}),
            detail => detail,
        };
        let document = ErrorBody::single(error.code, error.message, detail).to_json();
        let reply = ResponseBuilder::new(status)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        let mut response = reply.content(document);
        response.headers_mut().extend(headers);
        // The bytes that follow may be the body or the next request, so the connection must close.
        if call.may_omit_body() {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(cause) = cause {
            response.extensions_mut().insert(Cause(Arc::new(cause)));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_without_resources_asks_for_a_retry() {
        let HttpError(parts) = Error::new(Kind::Unavailable, "failed to open /var/secret").into();
        assert_eq!(parts.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(parts.error.code.as_str(), "UNAVAILABLE");
        assert_eq!(parts.headers[header::RETRY_AFTER], "5");
        assert!(!parts.error.message.contains("secret"));
        let HttpError(parts) = Error::from_host(Kind::Unavailable, "quay.io", "is gone").into();
        assert_eq!(parts.status, StatusCode::BAD_GATEWAY);
    }
}
