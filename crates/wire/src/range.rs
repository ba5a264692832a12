//! Ranges of blobs in requests and responses, and of chunks in upload sessions.
//!
//! Ranges of blobs have the form of RFC 9110, section 14. Ranges of chunks have no unit ("Pushing a
//! blob in chunks").

use std::ops::Range;

use http::{HeaderMap, header};
use portolan_model::{ByteRange, ErrorCode};

use crate::RequestError;
use crate::list::elements;

/// Part of a blob that a `Range` header requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RangeRequest {
    /// Full blob: the header is missing, or it is ignored because it cannot be parsed.
    Full,
    /// One range. In [`ByteRange::Closed`], `last` may be less than `first`. Such a range contains
    /// no byte, and the conformance tests expect an error for it.
    Part(ByteRange),
    /// Several ranges. A response with the full blob is always correct.
    Parts,
}

impl RangeRequest {
    /// Parses the `Range` header of a request.
    ///
    /// A request with several `Range` headers gets the full content.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::RANGE).iter();
        match (
            values.next().and_then(|value| value.to_str().ok()),
            values.next(),
        ) {
            (Some(value), None) => Self::parse(value),
            _ => Self::Full,
        }
    }

    /// Parses the value of a `Range` header.
    pub fn parse(value: &str) -> Self {
        let Some((unit, set)) = value.split_once('=') else {
            return Self::Full;
        };
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return Self::Full;
        }
        match elements(set)
            .map(parse_byte_range)
            .collect::<Option<Vec<_>>>()
            .as_deref()
        {
            None | Some([]) => Self::Full,
            Some([part]) => Self::Part(*part),
            Some(_) => Self::Parts,
        }
    }
}

/// Returns the value of a `Range` header that requests one range of a blob.
pub fn write_range(range: ByteRange) -> String {
    match range {
        ByteRange::Closed { first, last } => format!("bytes={first}-{last}"),
        ByteRange::From(first) => format!("bytes={first}-"),
        ByteRange::Last(count) => format!("bytes=-{count}"),
    }
}

/// `Content-Range` header of a response to a request for a range of a blob.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContentRange {
    /// Range of the bytes in the response, or `None` if the requested range cannot be satisfied.
    pub part: Option<Range<u64>>,
    /// Total size of the blob in bytes, if known.
    pub size: Option<u64>,
}

impl ContentRange {
    /// Parses the value of a `Content-Range` header of a response, or returns `None` if it is
    /// malformed.
    pub fn parse(value: &str) -> Option<Self> {
        let (part, size) = value.strip_prefix("bytes ")?.trim().split_once('/')?;
        let part = if part == "*" {
            None
        } else {
            Some(parse_offsets(part)?)
        };
        let size = if size == "*" {
            None
        } else {
            Some(parse_number(size)?)
        };
        Some(Self { part, size })
    }
}

impl std::fmt::Display for ContentRange {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.part {
            Some(part) => write!(
                formatter,
                "bytes {}-{}/",
                part.start,
                part.end.saturating_sub(1)
            )?,
            None => formatter.write_str("bytes */")?,
        }
        match self.size {
            Some(size) => write!(formatter, "{size}"),
            None => formatter.write_str("*"),
        }
    }
}

/// Range of an upload chunk in the blob: the `Content-Range` header of a PATCH request, or of the
/// PUT request that closes the session.
///
/// The specification uses the form `FIRST-LAST`. The form of RFC 9110, `bytes FIRST-LAST/*`, is
/// accepted too. For an empty chunk, the last offset is one less than the first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChunkRange {
    /// Offset of the first byte of the chunk.
    pub first: u64,
    /// Number of bytes in the chunk.
    pub length: u64,
}

impl ChunkRange {
    /// Parses the `Content-Range` header of a request, or returns `None` if it is missing.
    ///
    /// # Errors
    /// Returns the errors of [`ChunkRange::parse`].
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, RequestError> {
        let value = headers.get(header::CONTENT_RANGE);
        value
            .map(|value| Self::parse(&String::from_utf8_lossy(value.as_bytes())))
            .transpose()
    }

    /// Parses the value of a `Content-Range` header of a request.
    ///
    /// # Errors
    /// Returns `BLOB_UPLOAD_INVALID` if the value is malformed, or if the last offset is more than
    /// one less than the first.
    pub fn parse(value: &str) -> Result<Self, RequestError> {
        let bare = value
            .trim()
            .strip_prefix("bytes")
            .map_or(value, |rest| rest.trim_start_matches(['=', ' ']));
        let bare = bare.split_once('/').map_or(bare, |(range, _)| range);
        let range = parse_offsets(bare.trim()).ok_or_else(|| {
            RequestError::new(
                ErrorCode::BlobUploadInvalid,
                "Content-Range",
                value,
                &"must be FIRST-LAST with inclusive offsets",
            )
        })?;
        Ok(Self {
            first: range.start,
            length: range.end - range.start,
        })
    }
}

impl std::fmt::Display for ChunkRange {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{}-{}",
            self.first,
            (self.first + self.length).saturating_sub(1)
        )
    }
}

/// Returns the value of the `Range` header in a response about an upload session that has received
/// `received` bytes.
///
/// The header contains the offset of the last byte. For an empty session it is `0-0`, as for a
/// session with one byte, because Docker rejects `0--1`.
pub fn upload_range(received: u64) -> String {
    format!("0-{}", received.saturating_sub(1))
}

/// Parses the `Range` header in a response about an upload session into the offset of the last
/// received byte. Returns `None` if the header is malformed.
///
/// Zero can also mean that the session has received nothing.
pub fn parse_upload_range(value: &str) -> Option<u64> {
    let bare = value
        .trim()
        .strip_prefix("bytes")
        .map_or(value, |rest| rest.trim_start_matches(['=', ' ']));
    parse_number(bare.trim().strip_prefix("0-")?)
}

fn parse_byte_range(text: &str) -> Option<ByteRange> {
    let (first, last) = text.split_once('-')?;
    Some(match (first.trim(), last.trim()) {
        ("", count) => ByteRange::Last(parse_number(count)?),
        (first, "") => ByteRange::From(parse_number(first)?),
        (first, last) => ByteRange::Closed {
            first: parse_number(first)?,
            last: parse_number(last)?,
        },
    })
}

fn parse_offsets(text: &str) -> Option<Range<u64>> {
    let (first, last) = text.split_once('-')?;
    let (first, end) = (parse_number(first)?, parse_number(last)?.checked_add(1)?);
    (first <= end).then_some(first..end)
}

/// Parses a number that consists only of digits.
///
/// Returns `u64::MAX` for a larger number. No content is that large.
fn parse_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
