//! Headers and errors of responses.

use std::str::FromStr;

use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use portolan_model::ErrorCode;
use portolan_registry::{Error, Kind, Result};
use portolan_wire::range::ContentRange;
use portolan_wire::{ErrorBody, ErrorEntry};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Maximum size of a JSON document or an error body, in bytes.
const LIMIT: usize = 16 << 20;

/// Parses the value of a header.
///
/// # Errors
/// Returns [`Kind::Internal`] if the header is missing or invalid.
pub(super) fn required_header<T: FromStr>(headers: &HeaderMap, name: &HeaderName) -> Result<T> {
    optional_header(headers, name)?
        .ok_or_else(|| protocol_error(format!("the response has no {name} header")))
}

/// Parses the value of a header. Returns `None` if the header is missing.
///
/// # Errors
/// Returns [`Kind::Internal`] if the header is invalid.
pub(super) fn optional_header<T: FromStr>(
    headers: &HeaderMap,
    name: &HeaderName,
) -> Result<Option<T>> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    parsed
        .map(Some)
        .ok_or_else(|| protocol_error(format!("invalid {name} header in the response: {value:?}")))
}

/// Creates the error for a response that violates the protocol.
pub(super) fn protocol_error(message: String) -> Error {
    Error::new(Kind::Internal, message)
}

/// Reads the body of a response as JSON.
pub(super) async fn read_json<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T> {
    let bytes = Limited::new(response.into_body(), LIMIT).collect().await;
    let bytes = bytes
        .map_err(|error| Error::internal("failed to read a response", error))?
        .to_bytes();
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::internal("failed to parse the JSON of a response", error))
}

/// Reads an error response and converts it to an error.
pub(super) async fn read_error(response: Response<Incoming>) -> Error {
    let (head, body) = response.into_parts();
    let body = match Limited::new(body, LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            return Error::internal(
                format!("failed to read the response {}", head.status),
                error,
            );
        }
    };
    let entry = ErrorBody::parse(&body).and_then(|body| body.errors.into_iter().next());
    let entry = entry.unwrap_or_else(|| ErrorEntry {
        code: "UNKNOWN".into(),
        message: format!(
            "{} without an error body: {}",
            head.status,
            String::from_utf8_lossy(&body)
        ),
        detail: Value::Null,
    });
    let kind = error_kind(head.status, &head.headers, &entry);
    Error::new(kind.with_facts(&entry.detail), entry.message).with_detail(entry.detail)
}

fn error_kind(status: StatusCode, headers: &HeaderMap, entry: &ErrorEntry) -> Kind {
    match (status, &entry.code) {
        (StatusCode::RANGE_NOT_SATISFIABLE, _) => range_error(headers, &entry.detail),
        (StatusCode::PRECONDITION_FAILED, ErrorCode::Denied) => Kind::PreconditionFailed,
        (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Denied) => Kind::REFERENCED,
        (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid) => Kind::TooLarge,
        (StatusCode::TOO_MANY_REQUESTS, _) => {
            let retry_after = optional_header(headers, &header::RETRY_AFTER)
                .ok()
                .flatten()
                .unwrap_or_default();
            Kind::TooManyRequests { retry_after }
        }
        (StatusCode::REQUEST_TIMEOUT, _) => Kind::BodyTimeout,
        (StatusCode::INSUFFICIENT_STORAGE, _) => Kind::StorageFull,
        (status, _) if status.is_server_error() => Kind::Internal,
        (_, code) => kind_from_code(code),
    }
}

fn kind_from_code(code: &ErrorCode) -> Kind {
    match code {
        ErrorCode::BlobUnknown => Kind::BlobUnknown,
        ErrorCode::BlobUploadInvalid => Kind::BodyIncomplete,
        ErrorCode::BlobUploadUnknown => Kind::UploadUnknown,
        ErrorCode::DigestInvalid => Kind::DigestInvalid,
        ErrorCode::ManifestBlobUnknown => Kind::CONTENT_MISSING,
        ErrorCode::ManifestInvalid => Kind::MANIFEST_INVALID,
        ErrorCode::ManifestUnknown => Kind::ManifestUnknown,
        ErrorCode::NameUnknown => Kind::RepositoryUnknown,
        ErrorCode::SizeInvalid => Kind::SizeInvalid,
        ErrorCode::Denied => Kind::Denied,
        ErrorCode::Unsupported => Kind::Unsupported,
        other => Kind::Remote(other.clone()),
    }
}

/// Returns the kind of error for a 416, which has two meanings.
///
/// For a blob, `Content-Range` contains its size. For an upload session, the detail of the error
/// contains its offset. The `Range` header is ambiguous, because an empty session and a session of
/// a single byte have the same one.
fn range_error(headers: &HeaderMap, detail: &Value) -> Kind {
    let range = headers
        .get(header::CONTENT_RANGE)
        .and_then(|value| ContentRange::parse(value.to_str().ok()?));
    match (
        range.and_then(|range| range.size),
        detail["received"].as_u64(),
    ) {
        (Some(size), _) => Kind::RangeUnsatisfiable { size },
        (None, Some(offset)) => Kind::OutOfOrder { offset },
        (None, None) => Kind::Internal,
    }
}
