//! Remarks about the effects of a conversion. The user can read them before the result is stored.

use std::fmt;

use serde::Serialize;

use crate::Digest;

/// Unexpected effect of a conversion. The JSON field names are stable.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Remark {
    /// Original digest of the affected document.
    pub document: Digest,
    /// JSON pointer to the affected value in the document.
    pub pointer: String,
    /// Effect on that value.
    pub effect: Effect,
    /// Human-readable explanation.
    pub message: String,
}

/// Effect of a conversion on a value that has no equivalent in the target format.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Removes the value, because the target format does not support it.
    Lost,
    /// Removes a child of an index.
    Dropped,
    /// Leaves the value unchanged, in its original format, because it cannot be converted.
    Left,
    /// Omits a value that the target format requires, because the value is unknown.
    Incomplete,
}

impl fmt::Display for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Lost => "lost",
            Self::Dropped => "dropped",
            Self::Left => "left",
            Self::Incomplete => "incomplete",
        })
    }
}

/// Collector of the remarks about one document.
pub(super) struct RemarkCollector<'a> {
    document: &'a Digest,
    all: &'a mut Vec<Remark>,
}

impl<'a> RemarkCollector<'a> {
    pub(super) fn new(document: &'a Digest, all: &'a mut Vec<Remark>) -> Self {
        Self { document, all }
    }

    pub(super) fn add(
        &mut self,
        effect: Effect,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) {
        let (pointer, message) = (pointer.into(), message.into());
        self.all.push(Remark {
            document: self.document.clone(),
            pointer,
            effect,
            message,
        });
    }
}
