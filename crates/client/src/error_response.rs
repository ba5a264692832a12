//! Conversion of error responses to errors with the messages of the registry.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, StatusCode, header};
use portolan_model::{ErrorCode, escape_line};
use portolan_registry::{Error, Kind};
use portolan_wire::range::ContentRange;
use portolan_wire::{ErrorBody, ErrorEntry};
use serde_json::{Value, json};

use crate::failure::{Delivery, Failure, authority};
use crate::response::RegistryResponse;

/// Header with the seconds until a quota is renewed (draft-ietf-httpapi-ratelimit-headers).
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Maximum size of an error body, in bytes.
pub(crate) const MAX_ERROR_BYTES: usize = 1 << 20;

/// Converts an error response to a failure, including the wait that the registry asks for. `host`
/// is the host of the registry as in references.
pub(crate) async fn into_failure(host: &str, answer: RegistryResponse) -> Failure {
    let wait = retry_after(&answer.headers);
    let answer = answer.read_or_discard(MAX_ERROR_BYTES).await;
    let RegistryResponse {
        status,
        ref headers,
        same_origin: own,
        ..
    } = answer;
    let who = if own {
        host.to_owned()
    } else {
        authority(&answer.url)
    };
    let body = answer.bytes();
    let entries = ErrorBody::parse(&body)
        .map(|body| body.errors)
        .unwrap_or_default();
    let kind = kind(status, headers, entries.first(), wait);
    let kind = match entries.first() {
        Some(entry) => kind.with_facts(&entry.detail),
        None => kind,
    };
    let predicate = format!(
        "{}{}",
        describe(status, &entries, &body),
        hint(&kind, headers)
    );
    let error = Error::from_host(kind, who, predicate).with_detail(detail(entries));
    Failure {
        error,
        delivery: Delivery::Unknown,
        wait,
    }
}

/// Returns whether the status is a temporary error, so that the same request may succeed later.
pub(crate) fn is_temporary(status: StatusCode) -> bool {
    is_outage(status) || status == StatusCode::INTERNAL_SERVER_ERROR
}

/// Returns whether the status means that the registry cannot serve requests at the moment. 500 is
/// not one of these statuses, because some registries return it for requests that they do not
/// support.
pub(crate) fn is_outage(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504)
}

fn kind(
    status: StatusCode,
    headers: &HeaderMap,
    entry: Option<&ErrorEntry>,
    wait: Option<Duration>,
) -> Kind {
    let code = entry.map(|entry| &entry.code);
    match (status, code) {
        (StatusCode::RANGE_NOT_SATISFIABLE, _) => {
            range_kind(headers, entry.map(|entry| &entry.detail))
        }
        (StatusCode::PRECONDITION_FAILED, _) => Kind::PreconditionFailed,
        (StatusCode::METHOD_NOT_ALLOWED, Some(ErrorCode::Denied)) => Kind::REFERENCED,
        // 411 means that the registry does not accept a body without a `Content-Length` header.
        (
            StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED
            | StatusCode::LENGTH_REQUIRED,
            _,
        ) => Kind::Unsupported,
        (StatusCode::PAYLOAD_TOO_LARGE, _) => Kind::TooLarge,
        (StatusCode::UNAUTHORIZED, _) => Kind::Unauthorized,
        (StatusCode::FORBIDDEN, _) => Kind::Denied,
        (StatusCode::TOO_MANY_REQUESTS, _) => {
            let seconds = wait.map_or(0, |wait| wait.as_secs());
            Kind::TooManyRequests {
                retry_after: u32::try_from(seconds).unwrap_or(u32::MAX),
            }
        }
        (StatusCode::REQUEST_TIMEOUT, _) => Kind::BodyTimeout,
        (StatusCode::INSUFFICIENT_STORAGE, _) => Kind::StorageFull,
        (status, _) if status.is_server_error() => Kind::Unavailable,
        // CNCF distribution sends this code for an upload session that cannot be continued.
        (StatusCode::NOT_FOUND, Some(ErrorCode::BlobUploadInvalid)) => Kind::UploadUnknown,
        (_, Some(code)) => kind_from_code(code),
        (status, None) => Kind::Remote(ErrorCode::from(
            format!("HTTP_{}", status.as_u16()).as_str(),
        )),
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
        ErrorCode::Unauthorized => Kind::Unauthorized,
        ErrorCode::Unsupported => Kind::Unsupported,
        other => Kind::Remote(other.clone()),
    }
}

/// Returns the kind of error for a 416. For a blob, `Content-Range` contains the size of the blob.
/// For an upload session, the error detail contains the offset of the session if the registry is
/// Portolan.
fn range_kind(headers: &HeaderMap, detail: Option<&Value>) -> Kind {
    let range = headers
        .get(header::CONTENT_RANGE)
        .and_then(|value| ContentRange::parse(value.to_str().ok()?));
    let number = |key: &str| detail.and_then(|detail| detail[key].as_u64());
    match (range.and_then(|range| range.size), number("received")) {
        (Some(size), _) => Kind::RangeUnsatisfiable { size },
        (None, Some(offset)) => Kind::OutOfOrder { offset },
        (None, None) => Kind::Remote(ErrorCode::from("HTTP_416")),
    }
}

/// Returns the error text of a response: the errors of the registry, or the status and a short
/// plain body. Other bodies, such as an HTML page, are omitted.
fn describe(status: StatusCode, entries: &[ErrorEntry], body: &[u8]) -> String {
    if entries.is_empty() {
        let plain = std::str::from_utf8(body)
            .ok()
            .map(str::trim)
            .filter(|text| is_plain_sentence(text));
        return plain.map_or_else(
            || format!("returned {status}"),
            |text| format!("returned {status}: {}", escape_line(text)),
        );
    }
    let texts: Vec<String> = entries.iter().map(entry_text).collect();
    format!("returned {}", texts.join("; "))
}

/// Formats an error entry in one line. Control characters are escaped, because a registry must not
/// control the user's terminal.
fn entry_text(entry: &ErrorEntry) -> String {
    let text = if entry.message.is_empty() {
        entry.code.to_string()
    } else {
        format!("{}: {}", entry.code, entry.message)
    };
    escape_line(&text).into_owned()
}

/// Returns whether a body is short and plain enough for an error message.
fn is_plain_sentence(text: &str) -> bool {
    (1..200).contains(&text.len())
        && !text.starts_with(['<', '{'])
        && !text.contains(char::is_control)
}

fn hint(kind: &Kind, headers: &HeaderMap) -> String {
    match kind {
        Kind::TooManyRequests { .. } => {
            let limit = headers
                .get("ratelimit-limit")
                .and_then(|limit| limit.to_str().ok());
            limit.map_or_else(String::new, |limit| format!(" (the rate limit is {limit})"))
        }
        _ => String::new(),
    }
}

/// Returns the detail of the only error, or a list of all errors if there are several.
fn detail(mut entries: Vec<ErrorEntry>) -> Value {
    match entries.len() {
        0 | 1 => entries.pop().map_or(Value::Null, |entry| entry.detail),
        _ => {
            let entry = |entry: ErrorEntry| json!({"code": entry.code.as_str(), "message": entry.message, "detail": entry.detail});
            entries.into_iter().map(entry).collect()
        }
    }
}

/// Returns the time to wait before the next attempt that the response asks for. `Retry-After`
/// contains seconds or a date (RFC 9110, section 10.2.3).
///
/// A date is compared with the `Date` header of the response, because the clocks of server and
/// client may differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
            .map(str::trim)
    };
    let Some(after) = text(header::RETRY_AFTER) else {
        // For an exhausted quota, some registries send only the time until it is renewed.
        let renewed = text(RATE_LIMIT_RESET).and_then(|seconds| seconds.parse().ok());
        return renewed.map(Duration::from_secs);
    };
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(after).ok()?;
    let now = text(header::DATE)
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_seconds(headers: &[(header::HeaderName, &'static str)]) -> Option<u64> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value)));
        retry_after(&headers.collect()).map(|wait| wait.as_secs())
    }

    #[test]
    fn waits_in_seconds_or_until_a_date() {
        assert_eq!(wait_seconds(&[(header::RETRY_AFTER, "120")]), Some(120));
        let date = (header::DATE, "Tue, 24 Nov 2026 10:00:00 GMT");
        assert_eq!(
            wait_seconds(&[
                (header::RETRY_AFTER, "Tue, 24 Nov 2026 10:01:30 GMT"),
                date.clone()
            ]),
            Some(90)
        );
        assert_eq!(
            wait_seconds(&[(header::RETRY_AFTER, "Tue, 24 Nov 2026 09:00:00 GMT"), date]),
            Some(0)
        );
        assert_eq!(
            (
                wait_seconds(&[(header::RETRY_AFTER, "soon")]),
                wait_seconds(&[])
            ),
            (None, None)
        );
        assert_eq!(wait_seconds(&[(RATE_LIMIT_RESET, "30")]), Some(30));
        assert_eq!(
            wait_seconds(&[(RATE_LIMIT_RESET, "30"), (header::RETRY_AFTER, "5")]),
            Some(5)
        );
    }

    #[test]
    fn formats_errors_without_html_and_with_escapes() {
        let status = StatusCode::BAD_GATEWAY;
        assert_eq!(
            describe(status, &[], b"<html>\n<b>no</b>"),
            "returned 502 Bad Gateway"
        );
        assert_eq!(
            describe(status, &[], b"upstream is down\n"),
            "returned 502 Bad Gateway: upstream is down"
        );
        let entry = |code: &str, message: &str| ErrorEntry {
            code: code.into(),
            message: message.into(),
            detail: Value::Null,
        };
        let entries = [entry("DENIED", "not yours"), entry("UNSUPPORTED", "")];
        assert_eq!(
            describe(status, &entries, b""),
            "returned DENIED: not yours; UNSUPPORTED"
        );
        assert_eq!(
            describe(status, &[entry("DENIED", "\u{1b}[2J\nall is well")], b""),
            r"returned DENIED: \u{1b}[2J\u{a}all is well"
        );
        assert_eq!(
            describe(status, &[], "not \u{202e}well".as_bytes()),
            r"returned 502 Bad Gateway: not \u{202e}well"
        );
    }
}
