//! Body of an error response ("Error Codes").

use portolan_model::ErrorCode;
use serde_json::{Map, Value, json};

use crate::RequestError;

/// Error body: `{"errors":[{"code","message","detail"}]}`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ErrorBody {
    /// Errors in the body, in order.
    pub errors: Vec<ErrorEntry>,
}

/// Error in an [`ErrorBody`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorEntry {
    /// Error code. Registries may use codes that are not in the specification.
    pub code: ErrorCode,
    /// Human-readable message: one sentence, or an empty string.
    pub message: String,
    /// Machine-readable detail: any JSON value.
    pub detail: Value,
}

impl ErrorBody {
    /// Creates a body with one error.
    pub fn single(code: ErrorCode, message: impl Into<String>, detail: Value) -> Self {
        Self {
            errors: vec![ErrorEntry {
                code,
                message: message.into(),
                detail,
            }],
        }
    }

    /// Returns the body as a JSON document.
    pub fn to_json(&self) -> String {
        let entry = |error: &ErrorEntry| json!({"code": error.code.as_str(), "message": error.message, "detail": error.detail});
        json!({"errors": self.errors.iter().map(entry).collect::<Vec<_>>()}).to_string()
    }

    /// Parses the error body of any registry. Returns `None` if it contains no errors.
    ///
    /// The parser is lenient: an entry requires only a code or a message, `errors` may be a single
    /// entry instead of an array, and the document itself may be an entry.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let Value::Object(document) = serde_json::from_slice(body).ok()? else {
            return None;
        };
        let errors = match document.get("errors") {
            Some(Value::Array(entries)) => entries
                .iter()
                .filter_map(Value::as_object)
                .filter_map(parse_entry)
                .collect(),
            Some(Value::Object(only)) => parse_entry(only).into_iter().collect(),
            _ => parse_entry(&document).into_iter().collect::<Vec<_>>(),
        };
        if errors.is_empty() {
            None
        } else {
            Some(Self { errors })
        }
    }
}

impl From<RequestError> for ErrorBody {
    fn from(error: RequestError) -> Self {
        Self::single(error.code, error.message, error.detail)
    }
}

fn parse_entry(object: &Map<String, Value>) -> Option<ErrorEntry> {
    let text = |key: &str| {
        object
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let (code, message) = (text("code"), text("message"));
    if code.is_none() && message.is_none() {
        return None;
    }
    let detail = object.get("detail").cloned().unwrap_or(Value::Null);
    Some(ErrorEntry {
        code: code.unwrap_or("UNKNOWN").into(),
        message: message.unwrap_or_default().into(),
        detail,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn body_round_trips() {
        let body = ErrorBody::single(ErrorCode::Denied, "no \"entry\"", json!({"digest": "x"}));
        assert_eq!(
            body.to_json(),
            r#"{"errors":[{"code":"DENIED","detail":{"digest":"x"},"message":"no \"entry\""}]}"#
        );
        assert_eq!(ErrorBody::parse(body.to_json().as_bytes()), Some(body));
    }

    #[test]
    fn parses_bodies_of_other_registries() {
        let parsed = |body: &str| {
            let errors = ErrorBody::parse(body.as_bytes()).unwrap_or_default().errors;
            errors
                .iter()
                .map(|error| format!("{}/{}", error.code, error.message))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            parsed(r#"{"errors":[{"code":"UNAUTHORIZED","message":null},{"x":1}]}"#),
            ["UNAUTHORIZED/"]
        );
        assert_eq!(parsed(r#"{"errors":{"code":"X","message":"m"}}"#), ["X/m"]);
        assert_eq!(parsed(r#"{"message":"not found"}"#), ["UNKNOWN/not found"]);
        for nothing in [
            "",
            "[]",
            "<html>",
            "{}",
            r#"{"errors":[]}"#,
            r#"{"errors":null,"code":7}"#,
        ] {
            assert!(parsed(nothing).is_empty(), "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ErrorBody::parse(&body);
        }
    }
}
