//! The body of an answer that is an error ("Error Codes").

use portolan_model::ErrorCode;
use serde_json::{Map, Value, json};

use crate::RequestError;

/// `{"errors":[{"code","message","detail"}]}`
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ErrorBody {
    /// The errors, in order.
    pub errors: Vec<ErrorEntry>,
}

/// One error of a body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorEntry {
    /// The code, of the specification or another.
    pub code: ErrorCode,
    /// One sentence for a person, or nothing.
    pub message: String,
    /// Anything, for a machine.
    pub detail: Value,
}

impl ErrorBody {
    /// A body with one error.
    pub fn one(code: ErrorCode, message: impl Into<String>, detail: Value) -> Self {
        Self {
            errors: vec![ErrorEntry {
                code,
                message: message.into(),
                detail,
            }],
        }
    }

    /// The JSON document.
    pub fn to_json(&self) -> String {
        let entry = |error: &ErrorEntry| json!({"code": error.code.as_str(), "message": error.message, "detail": error.detail});
        json!({"errors": self.errors.iter().map(entry).collect::<Vec<_>>()}).to_string()
    }

    /// Reads the body of any registry's error, or `None` when it holds no errors in this form.
    ///
    /// It is lenient: an entry needs a code or a message, `errors` may be a single entry, and an
    /// entry may stand there without `errors` around it.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let Value::Object(document) = serde_json::from_slice(body).ok()? else {
            return None;
        };
        let errors = match document.get("errors") {
            Some(Value::Array(entries)) => entries
                .iter()
                .filter_map(Value::as_object)
                .filter_map(entry)
                .collect(),
            Some(Value::Object(only)) => entry(only).into_iter().collect(),
            _ => entry(&document).into_iter().collect::<Vec<_>>(),
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
        Self::one(error.code, error.message, error.detail)
    }
}

fn entry(object: &Map<String, Value>) -> Option<ErrorEntry> {
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
    fn what_is_written_is_read_back() {
        let body = ErrorBody::one(ErrorCode::Denied, "no \"entry\"", json!({"digest": "x"}));
        assert_eq!(
            body.to_json(),
            r#"{"errors":[{"code":"DENIED","detail":{"digest":"x"},"message":"no \"entry\""}]}"#
        );
        assert_eq!(ErrorBody::parse(body.to_json().as_bytes()), Some(body));
    }

    #[test]
    fn bodies_of_other_registries() {
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
