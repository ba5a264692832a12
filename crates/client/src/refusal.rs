//! The error that an answer stands for, in the registry's own words.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, StatusCode, header};
use portolan_model::ErrorCode;
use portolan_registry::{Error, Kind};
use portolan_wire::range::ContentRange;
use portolan_wire::{ErrorBody, ErrorEntry};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::{Failure, Sent, authority};

/// In how many seconds a quota is renewed (draft-ietf-httpapi-ratelimit-headers).
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Most bytes that are read of an error.
pub(crate) const LIMIT: usize = 1 << 20;

/// What an answer refuses, and for how long. `host` is what a person calls the registry.
pub(crate) async fn failure(host: &str, answer: Answer) -> Failure {
    let wait = retry_after(&answer.headers);
    let answer = answer.read_if_possible(LIMIT).await;
    let Answer {
        status,
        ref headers,
        own,
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
    let message = format!(
        "{who} {}{}",
        words(status, &entries, &body),
        advice(&kind, headers, host, own)
    );
    let error = Error::new(kind, message).with_detail(detail(entries));
    Failure {
        error,
        sent: Sent::Perhaps,
        wait,
    }
}

/// Whether the same request may be answered otherwise a little later.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
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
            out_of_range(headers, entry.map(|entry| &entry.detail))
        }
        (StatusCode::PRECONDITION_FAILED, _) => Kind::PreconditionFailed,
        (StatusCode::METHOD_NOT_ALLOWED, Some(ErrorCode::Denied)) => Kind::Referenced,
        (StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED, _) => Kind::Unsupported,
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
        // CNCF distribution means that the session is of no use any more.
        (StatusCode::NOT_FOUND, Some(ErrorCode::BlobUploadInvalid)) => Kind::UploadUnknown,
        (_, Some(code)) => by_code(code),
        (status, None) => Kind::Remote(ErrorCode::from(
            format!("HTTP_{}", status.as_u16()).as_str(),
        )),
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
        ErrorCode::Unauthorized => Kind::Unauthorized,
        ErrorCode::Unsupported => Kind::Unsupported,
        other => Kind::Remote(other.clone()),
    }
}

/// Of a blob, the answer says the size; of a session, its own code says the offset.
fn out_of_range(headers: &HeaderMap, detail: Option<&Value>) -> Kind {
    let range = headers
        .get(header::CONTENT_RANGE)
        .and_then(|value| ContentRange::parse(value.to_str().ok()?));
    let told = |key: &str| detail.and_then(|detail| detail[key].as_u64());
    match (range.and_then(|range| range.size), told("received")) {
        (Some(size), _) => Kind::RangeUnsatisfiable { size },
        (None, Some(offset)) => Kind::OutOfOrder { offset },
        (None, None) => Kind::Remote(ErrorCode::from("HTTP_416")),
    }
}

/// What was said; of a body that is no error of a registry, a page for people perhaps, the status alone.
fn words(status: StatusCode, entries: &[ErrorEntry], body: &[u8]) -> String {
    if entries.is_empty() {
        let plain = std::str::from_utf8(body)
            .ok()
            .map(str::trim)
            .filter(|text| is_sentence(text));
        return plain.map_or_else(
            || format!("answers {status}"),
            |text| format!("answers {status}: {text}"),
        );
    }
    let said: Vec<String> = entries.iter().map(entry_text).collect();
    format!("says {}", said.join("; "))
}

/// Whoever reads it may sit at a terminal, which a registry has no business with.
fn entry_text(entry: &ErrorEntry) -> String {
    let text = if entry.message.is_empty() {
        entry.code.to_string()
    } else {
        format!("{}: {}", entry.code, entry.message)
    };
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

/// Whether a body is short and plain enough to be repeated.
fn is_sentence(text: &str) -> bool {
    (1..200).contains(&text.len())
        && !text.starts_with(['<', '{'])
        && !text.contains(char::is_control)
}

fn advice(kind: &Kind, headers: &HeaderMap, host: &str, own: bool) -> String {
    match kind {
        Kind::Unauthorized if own => format!("; say who you are with portolan login {host}"),
        Kind::TooManyRequests { .. } => {
            let limit = headers
                .get("ratelimit-limit")
                .and_then(|limit| limit.to_str().ok());
            limit.map_or_else(String::new, |limit| format!(" (its limit is {limit})"))
        }
        _ => String::new(),
    }
}

/// The detail of the only error, or all of several.
fn detail(mut entries: Vec<ErrorEntry>) -> Value {
    match entries.len() {
        0 | 1 => entries.pop().map_or(Value::Null, |entry| entry.detail),
        _ => {
            let entry = |entry: ErrorEntry| json!({"code": entry.code.as_str(), "message": entry.message, "detail": entry.detail});
            entries.into_iter().map(entry).collect()
        }
    }
}

/// How long the answer wants the client to wait: in seconds, or until a date (RFC 9110, section 10.2.3).
///
/// A date is held against that of the answer, since the two clocks need not agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &http::HeaderValue| value.to_str().ok())
            .map(str::trim)
    };
    let Some(after) = text(header::RETRY_AFTER) else {
        // Of a quota that is used up, some say no more than when it is renewed.
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

    fn after(headers: &[(header::HeaderName, &'static str)]) -> Option<u64> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value)));
        retry_after(&headers.collect()).map(|wait| wait.as_secs())
    }

    #[test]
    fn waits_in_seconds_or_until_a_date() {
        assert_eq!(after(&[(header::RETRY_AFTER, "120")]), Some(120));
        let date = (header::DATE, "Tue, 24 Nov 2026 10:00:00 GMT");
        assert_eq!(
            after(&[
                (header::RETRY_AFTER, "Tue, 24 Nov 2026 10:01:30 GMT"),
                date.clone()
            ]),
            Some(90)
        );
        assert_eq!(
            after(&[(header::RETRY_AFTER, "Tue, 24 Nov 2026 09:00:00 GMT"), date]),
            Some(0)
        );
        assert_eq!(
            (after(&[(header::RETRY_AFTER, "soon")]), after(&[])),
            (None, None)
        );
        assert_eq!(after(&[(RATE_LIMIT_RESET, "30")]), Some(30));
        assert_eq!(
            after(&[(RATE_LIMIT_RESET, "30"), (header::RETRY_AFTER, "5")]),
            Some(5)
        );
    }

    #[test]
    fn pages_for_people_are_not_repeated() {
        let status = StatusCode::BAD_GATEWAY;
        assert_eq!(
            words(status, &[], b"<html>\n<b>no</b>"),
            "answers 502 Bad Gateway"
        );
        assert_eq!(
            words(status, &[], b"upstream is down\n"),
            "answers 502 Bad Gateway: upstream is down"
        );
        let entry = |code: &str, message: &str| ErrorEntry {
            code: code.into(),
            message: message.into(),
            detail: Value::Null,
        };
        let entries = [entry("DENIED", "not yours"), entry("UNSUPPORTED", "")];
        assert_eq!(
            words(status, &entries, b""),
            "says DENIED: not yours; UNSUPPORTED"
        );
        assert_eq!(
            words(status, &[entry("DENIED", "\u{1b}[2J\nall is well")], b""),
            "says DENIED:  [2J all is well"
        );
    }
}
