//! Ranges of blobs asked for and answered, and where the pieces of an upload lie.
//!
//! Blobs follow RFC 9110, section 14. Uploads write their ranges without a unit ("Pushing a blob in
//! chunks").

use std::ops::Range;

use http::{HeaderMap, header};
use portolan_model::{ByteRange, ErrorCode};

use crate::RequestError;
use crate::list::elements;

/// What a `Range` header asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RangeRequest {
    /// Everything: there is no such header, or none that can be read, which is then ignored.
    Whole,
    /// One part. `last` may lie before `first`: such a range holds no byte, which the conformance
    /// program wants to be told.
    Part(ByteRange),
    /// Several parts. It is always right to answer with everything.
    Parts,
}

impl RangeRequest {
    /// What the headers of a request ask for.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::RANGE).iter();
        match (
            values.next().and_then(|value| value.to_str().ok()),
            values.next(),
        ) {
            (Some(value), None) => Self::parse(value),
            _ => Self::Whole,
        }
    }

    /// Reads the header's value.
    pub fn parse(value: &str) -> Self {
        let Some((unit, set)) = value.split_once('=') else {
            return Self::Whole;
        };
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return Self::Whole;
        }
        match elements(set)
            .map(byte_range)
            .collect::<Option<Vec<_>>>()
            .as_deref()
        {
            None | Some([]) => Self::Whole,
            Some([part]) => Self::Part(*part),
            Some(_) => Self::Parts,
        }
    }
}

/// The value of a `Range` header that asks for one part of a blob.
pub fn write_range(range: ByteRange) -> String {
    match range {
        ByteRange::Closed { first, last } => format!("bytes={first}-{last}"),
        ByteRange::From(first) => format!("bytes={first}-"),
        ByteRange::Last(count) => format!("bytes=-{count}"),
    }
}

/// The `Content-Range` of an answer with a part of a blob.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContentRange {
    /// Which bytes the answer holds; none when the request's range could not be satisfied.
    pub part: Option<Range<u64>>,
    /// Size of the whole in bytes, where it is known.
    pub size: Option<u64>,
}

impl ContentRange {
    /// Reads the header's value; `None` for one that breaks the grammar.
    pub fn parse(value: &str) -> Option<Self> {
        let (part, size) = value.strip_prefix("bytes ")?.trim().split_once('/')?;
        let part = if part == "*" {
            None
        } else {
            Some(offsets(part)?)
        };
        let size = if size == "*" {
            None
        } else {
            Some(number(size)?)
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

/// Where the body of a PATCH or a closing PUT lies in the blob: its `Content-Range`.
///
/// The specification writes `FIRST-LAST`; `bytes FIRST-LAST/*` is what RFC 9110 writes, and taken
/// too. A piece without bytes is written with a last offset one before the first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PieceRange {
    /// Offset of the piece's first byte.
    pub first: u64,
    /// Its number of bytes.
    pub length: u64,
}

impl PieceRange {
    /// The range that the headers of a request give, if they give one.
    ///
    /// # Errors
    /// As [`PieceRange::parse`].
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, RequestError> {
        let value = headers.get(header::CONTENT_RANGE);
        value
            .map(|value| Self::parse(&String::from_utf8_lossy(value.as_bytes())))
            .transpose()
    }

    /// Reads the header's value.
    ///
    /// # Errors
    /// `BLOB_UPLOAD_INVALID` for one that breaks the grammar or runs backwards.
    pub fn parse(value: &str) -> Result<Self, RequestError> {
        let bare = value
            .trim()
            .strip_prefix("bytes")
            .map_or(value, |rest| rest.trim_start_matches(['=', ' ']));
        let bare = bare.split_once('/').map_or(bare, |(range, _)| range);
        let range = offsets(bare.trim()).ok_or_else(|| {
            RequestError::new(
                ErrorCode::BlobUploadInvalid,
                "Content-Range",
                value,
                &"FIRST-LAST, both offsets included",
            )
        })?;
        Ok(Self {
            first: range.start,
            length: range.end - range.start,
        })
    }
}

impl std::fmt::Display for PieceRange {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{}-{}",
            self.first,
            (self.first + self.length).saturating_sub(1)
        )
    }
}

/// The `Range` of an answer about an upload session that has `received` bytes.
///
/// It names the last byte, so an empty session reads as one with a single byte: `0-0`. Docker
/// refuses `0--1`.
pub fn upload_range(received: u64) -> String {
    format!("0-{}", received.saturating_sub(1))
}

/// The offset of the last byte that an upload session has, as its `Range` says.
///
/// Zero may also mean that there is none.
pub fn parse_upload_range(value: &str) -> Option<u64> {
    let bare = value
        .trim()
        .strip_prefix("bytes")
        .map_or(value, |rest| rest.trim_start_matches(['=', ' ']));
    number(bare.trim().strip_prefix("0-")?)
}

fn byte_range(text: &str) -> Option<ByteRange> {
    let (first, last) = text.split_once('-')?;
    Some(match (first.trim(), last.trim()) {
        ("", count) => ByteRange::Last(number(count)?),
        (first, "") => ByteRange::From(number(first)?),
        (first, last) => ByteRange::Closed {
            first: number(first)?,
            last: number(last)?,
        },
    })
}

fn offsets(text: &str) -> Option<Range<u64>> {
    let (first, last) = text.split_once('-')?;
    let (first, end) = (number(first)?, number(last)?.checked_add(1)?);
    (first <= end).then_some(first..end)
}

/// Digits alone; what does not fit counts as the largest, which no content reaches.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
