//! Errors for invalid requests, with the fields of the error bodies in the specification.

use std::fmt;

use portolan_model::ErrorCode;
use serde_json::{Value, json};

/// Maximum number of characters of a text from the client in an error. Longer texts are truncated.
const MAX_SHOWN: usize = 256;

/// Error for a malformed or missing part of a request, such as a digest, header or query parameter
/// ("Error Codes").
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// Error code.
    pub code: ErrorCode,
    /// Human-readable message, one sentence.
    pub message: String,
    /// Machine-readable detail: the name of the part, and the expected value or the limit.
    pub detail: Value,
}

impl RequestError {
    /// Creates the error for a request whose `part` has the invalid value `text`.
    pub(crate) fn new(
        code: ErrorCode,
        part: &str,
        text: &str,
        expected: &dyn fmt::Display,
    ) -> Self {
        let (shown, expected) = (shorten(text), expected.to_string());
        let message = format!("invalid {part} {shown:?}: {expected}");
        Self {
            code,
            message,
            detail: json!({"part": part, "found": shown, "expected": expected}),
        }
    }

    /// Creates an error for a missing `part`.
    pub(crate) fn missing_part(code: ErrorCode, part: &str, expected: &dyn fmt::Display) -> Self {
        let expected = expected.to_string();
        let message = format!("the {part} is missing: {expected}");
        Self {
            code,
            message,
            detail: json!({"part": part, "expected": expected}),
        }
    }

    /// Creates an error for a request with more than `limit` of the named `parts`.
    pub(crate) fn too_many(parts: &str, limit: usize) -> Self {
        Self {
            code: ErrorCode::Unsupported,
            message: format!("too many {parts}: a request may have at most {limit}"),
            detail: json!({"part": parts, "limit": limit}),
        }
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_long_text() {
        let error = RequestError::new(
            ErrorCode::NameInvalid,
            "name",
            &"ä".repeat(60_000),
            &"letters",
        );
        assert!(error.to_string().len() < 1000);
        assert_eq!(
            error.detail["found"]
                .as_str()
                .map(|found| found.chars().count()),
            Some(MAX_SHOWN + 1)
        );
    }
}
