//! What is wrong with a request, in the terms of the specification's error bodies.

use std::fmt;

use portolan_model::ErrorCode;
use serde_json::{Value, json};

/// Most characters of a client's text that an error repeats.
const SHOWN: usize = 256;

/// A part of a request that cannot be read ("Error Codes").
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// The code for the error body.
    pub code: ErrorCode,
    /// One sentence for a person.
    pub message: String,
    /// Which part, and what was expected, for a machine.
    pub detail: Value,
}

impl RequestError {
    /// An error about `text`, which stood where `part` was expected.
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

    /// An error about something that should have been there.
    pub(crate) fn missing(code: ErrorCode, part: &str, expected: &dyn fmt::Display) -> Self {
        let expected = expected.to_string();
        let message = format!("the {part} is missing: {expected}");
        Self {
            code,
            message,
            detail: json!({"part": part, "expected": expected}),
        }
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_a_bounded_part_of_the_text() {
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
            Some(SHOWN + 1)
        );
    }
}
