//! What an answer says: its headers, and the kind of error that a refusal stands for.

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

/// Most bytes that are read of a document or an error.
const LIMIT: usize = 16 << 20;

/// A header's value, parsed.
///
/// # Errors
/// [`Kind::Internal`] when it is missing or cannot be read.
pub(super) fn value<T: FromStr>(headers: &HeaderMap, name: &HeaderName) -> Result<T> {
    optional(headers, name)?.ok_or_else(|| wrong(format!("the answer has no {name}")))
}

/// The same for a header that may be missing.
pub(super) fn optional<T: FromStr>(headers: &HeaderMap, name: &HeaderName) -> Result<Option<T>> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    parsed
        .map(Some)
        .ok_or_else(|| wrong(format!("{name} of the answer cannot be read: {value:?}")))
}

/// An answer that breaks the protocol.
pub(super) fn wrong(message: String) -> Error {
    Error::new(Kind::Internal, message)
}

/// The answer's body, as JSON.
pub(super) async fn document<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T> {
    let bytes = Limited::new(response.into_body(), LIMIT).collect().await;
    let bytes = bytes
        .map_err(|error| Error::internal("reading an answer", error))?
        .to_bytes();
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::internal("reading the JSON of an answer", error))
}

/// The error that an answer stands for.
pub(super) async fn refusal(response: Response<Incoming>) -> Error {
    let (head, body) = response.into_parts();
    let body = match Limited::new(body, LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Error::internal(format!("reading the answer {}", head.status), error),
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
    let kind = kind(head.status, &head.headers, &entry);
    Error::new(kind, entry.message).with_detail(entry.detail)
}

fn kind(status: StatusCode, headers: &HeaderMap, entry: &ErrorEntry) -> Kind {
    match (status, &entry.code) {
        (StatusCode::RANGE_NOT_SATISFIABLE, _) => out_of_range(headers, &entry.detail),
        (StatusCode::PRECONDITION_FAILED, ErrorCode::Denied) => Kind::PreconditionFailed,
        (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Denied) => Kind::Referenced,
        (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid) => Kind::TooLarge,
        (StatusCode::TOO_MANY_REQUESTS, _) => {
            let retry_after = optional(headers, &header::RETRY_AFTER)
                .ok()
                .flatten()
                .unwrap_or_default();
            Kind::TooManyRequests { retry_after }
        }
        (StatusCode::REQUEST_TIMEOUT, _) => Kind::BodyTimeout,
        (StatusCode::INSUFFICIENT_STORAGE, _) => Kind::StorageFull,
        (status, _) if status.is_server_error() => Kind::Internal,
        (_, code) => by_code(code),
    }
}

fn by_code(code: &ErrorCode) -> Kind {
    match code {
        ErrorCode::BlobUnknown => Kind::BlobUnknown,
        ErrorCode::BlobUploadInvalid => Kind::BodyIncomplete,
        ErrorCode::BlobUploadUnknown => Kind::UploadUnknown,
        ErrorCode::DigestInvalid => Kind::DigestInvalid,
        ErrorCode::ManifestBlobUnknown => Kind::ContentMissing,
        ErrorCode::ManifestInvalid => Kind::ManifestInvalid,
        ErrorCode::ManifestUnknown => Kind::ManifestUnknown,
        ErrorCode::NameUnknown => Kind::RepositoryUnknown,
        ErrorCode::SizeInvalid => Kind::SizeInvalid,
        ErrorCode::Denied => Kind::Denied,
        ErrorCode::Unsupported => Kind::Unsupported,
        other => Kind::Remote(other.clone()),
    }
}

/// Of a blob, the answer says the size; of a session, the detail says the offset, since the `Range`
/// of an empty one looks like that of a single byte.
fn out_of_range(headers: &HeaderMap, detail: &Value) -> Kind {
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
