//! Findings: what is remarkable or wrong about a document, one sentence each.

use serde::Serialize;

use crate::{Digest, MediaType};

/// What is looked for. The id of a rule is stable: policies and scripts name it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// An object has the same key twice, and readers differ in which they take.
    DuplicateKey,
    /// One document reads both as an image and as an index, or as Docker's first schema.
    TwoShapes,
    /// A field's value is not of the type that the specification gives it.
    MalformedField,
    /// The document's own `mediaType` is not the one it was sent or described with.
    MediaTypeMismatch,
    /// A descriptor's size is not that of the content stored under its digest.
    SizeMismatch,
    /// A descriptor names content that the repository does not hold.
    MissingChild,
}

impl Rule {
    /// The stable id, for example `two-shapes`.
    pub fn id(self) -> &'static str {
        match self {
            Self::DuplicateKey => "duplicate-key",
            Self::TwoShapes => "two-shapes",
            Self::MalformedField => "malformed-field",
            Self::MediaTypeMismatch => "media-type-mismatch",
            Self::SizeMismatch => "size-mismatch",
            Self::MissingChild => "missing-child",
        }
    }

    /// How grave a finding of this rule is.
    pub fn severity(self) -> Severity {
        match self {
            Self::DuplicateKey => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Works everywhere, but something is worth knowing.
    Info,
    /// Some tools will stumble.
    Warning,
    /// Against the specification, or the content cannot be used.
    Error,
}

/// One finding: which rule, where, and one plain sentence.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule that found it.
    pub rule: Rule,
    /// Where in the document, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What was found, what was expected.
    pub message: String,
    /// The digest of the descriptor concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The type that the descriptor names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The size in bytes that the descriptor claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_size: Option<u64>,
    /// The size in bytes of what is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_size: Option<u64>,
}

impl Finding {
    /// A finding about a place in the document.
    pub fn new(rule: Rule, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            rule,
            pointer: pointer.into(),
            message: message.into(),
            digest: None,
            media_type: None,
            claimed_size: None,
            stored_size: None,
        }
    }
}

/// Most findings about one document itself: what is wrong throughout is shown by these.
const MAX_FINDINGS: usize = 1000;

/// Adds a finding, unless there are more than anybody reads.
pub(crate) fn note(findings: &mut Vec<Finding>, finding: impl FnOnce() -> Finding) {
    if findings.len() < MAX_FINDINGS {
        findings.push(finding());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialises_with_stable_names() {
        let finding = Finding { stored_size: Some(3), ..Finding::new(Rule::SizeMismatch, "/layers/0", "differs") };
        let expected = serde_json::json!({
            "rule": "size-mismatch", "pointer": "/layers/0", "message": "differs", "storedSize": 3
        });
        assert_eq!(serde_json::to_value(finding).unwrap(), expected);
    }
}
