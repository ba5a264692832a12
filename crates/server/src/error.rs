//! From an error to an answer: the one table of kinds and statuses.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use portolan_model::ErrorCode;
use portolan_registry::{Error, Kind};
use portolan_wire::range::ContentRange;
use portolan_wire::{EndpointError, ErrorBody, ErrorEntry, RequestError};
use serde_json::{Value, json};

use crate::call::Call;
use crate::reply::Reply;

/// What a handler answers.
pub(crate) type Answer = Result<Response, Failure>;

/// A request that was not done.
#[derive(Debug)]
pub(crate) struct Failure(Box<Refusal>);

#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    error: ErrorEntry,
    headers: HeaderMap,
    /// The registry's own failure, for the log and never for the client.
    cause: Option<Error>,
}

/// A failure of this registry, left in the answer's extensions for the access log to tell of.
#[derive(Clone)]
pub(crate) struct Cause(pub(crate) Arc<Error>);

/// The status that answers each kind of error.
fn status(kind: &Kind) -> StatusCode {
    match kind {
        Kind::BlobUnknown
        | Kind::ManifestUnknown
        | Kind::RepositoryUnknown
        | Kind::UploadUnknown => StatusCode::NOT_FOUND,
        Kind::ContentMissing
        | Kind::ManifestInvalid
        | Kind::DigestInvalid
        | Kind::SizeInvalid
        | Kind::BodyIncomplete => StatusCode::BAD_REQUEST,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::OutOfOrder { .. } | Kind::RangeUnsatisfiable { .. } => {
            StatusCode::RANGE_NOT_SATISFIABLE
        }
        Kind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Kind::Referenced | Kind::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Denied => StatusCode::FORBIDDEN,
        Kind::Unauthorized => StatusCode::UNAUTHORIZED,
        Kind::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
        Kind::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
        Kind::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable | Kind::Remote(_) => StatusCode::BAD_GATEWAY,
    }
}

/// What a client is told of a failure that is not its own.
fn message(error: &Error) -> String {
    match error.kind() {
        Kind::Internal => "the registry failed; its log says why under the request's id".into(),
        Kind::StorageFull => "the registry has no room left to store this".into(),
        _ => error.message().into(),
    }
}

fn headers(kind: &Kind) -> HeaderMap {
    let header = match *kind {
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

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (status, headers) = (status(error.kind()), headers(error.kind()));
        let ours = status.is_server_error();
        let detail = if ours {
            Value::Null
        } else {
            error.detail().clone()
        };
        let entry = ErrorEntry {
            code: error.kind().code(),
            message: message(&error),
            detail,
        };
        Self(Box::new(Refusal {
            status,
            error: entry,
            headers,
            cause: ours.then_some(error),
        }))
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let status = match error.code {
            ErrorCode::BlobUploadUnknown => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.code, error.message, error.detail)
    }
}

impl Failure {
    fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>, detail: Value) -> Self {
        let error = ErrorEntry {
            code,
            message: message.into(),
            detail,
        };
        Self(Box::new(Refusal {
            status,
            error,
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// The path names nothing. A tag that cannot exist is malformed where it is to be set, and
    /// simply unknown where it is asked for.
    pub(crate) fn of_path(error: EndpointError, method: &Method) -> Self {
        match error {
            EndpointError::Unknown => Self::no_endpoint(),
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

    /// Nothing answers at this path.
    pub(crate) fn no_endpoint() -> Self {
        let message = "nothing answers at this path; the registry's begin with /v2/, those of its API with /api/v1/";
        Self::new(
            StatusCode::NOT_FOUND,
            ErrorCode::Unsupported,
            message,
            Value::Null,
        )
    }

    /// The path knows only the methods in `allowed`.
    pub(crate) fn method_not_allowed(method: &Method, allowed: &'static str) -> Self {
        let message = format!("{method} does nothing at this path, which knows {allowed}");
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

    /// The registry is there but cannot serve now.
    pub(crate) fn not_ready(cause: Error) -> Self {
        let message = "the registry cannot serve now; its log says why under the request's id";
        let mut failure = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::from("UNAVAILABLE"),
            message,
            Value::Null,
        );
        failure.0.cause = Some(cause);
        failure
    }

    /// The same with one more header; a value that no header can hold is left out.
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

    /// A refusal with 405 has to say what is allowed, even when the registry and not the path is
    /// the reason: the other methods of the path are.
    pub(crate) fn allowing_others(self, method: &Method, allowed: &'static str) -> Self {
        if self.0.status != StatusCode::METHOD_NOT_ALLOWED {
            return self;
        }
        let others: Vec<_> = allowed
            .split(", ")
            .filter(|other| *other != method.as_str())
            .collect();
        self.with_header(header::ALLOW, others.join(", "))
    }

    /// The answer to `call`.
    pub(crate) fn into_response(self, call: &Call) -> Response {
        let Refusal {
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
        let document = Bytes::from(ErrorBody::one(error.code, error.message, detail).to_json());
        let reply = Reply::new(status)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        let mut response = reply.content(document.len() as u64, document.into());
        response.headers_mut().extend(headers);
        if call.may_leave_out_its_body() {
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
