//! Findings: what is remarkable or wrong about a document, one sentence each.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::Rule;
use crate::{Child, Descriptor, Digest, MediaType};

/// One finding: which rule, where, and one plain sentence.
///
/// As JSON it also has the rule's severity, its section of the specification and what mends it. How many more there are
/// stands in the message.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule that found it.
    pub rule: Rule,
    /// The document that it is about; none for the one that was asked about.
    pub document: Option<Digest>,
    /// Where in that document, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What was found, what was expected.
    pub message: String,
    /// The digest of the descriptor concerned.
    pub digest: Option<Digest>,
    /// The type that the descriptor names.
    pub media_type: Option<MediaType>,
    /// The size in bytes that the descriptor claims.
    pub claimed_size: Option<u64>,
    /// The size in bytes of what is stored.
    pub stored_size: Option<u64>,
    /// How many more of the same rule there are, which are not told one by one.
    pub further: usize,
    /// What mends it, written as [`Rule::mend`] is, which it mostly is.
    pub mend: &'static str,
}

impl Finding {
    /// A finding about a place in the document.
    pub fn new(rule: Rule, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            rule,
            document: None,
            pointer: pointer.into(),
            message: message.into(),
            digest: None,
            media_type: None,
            claimed_size: None,
            stored_size: None,
            further: 0,
            mend: rule.mend(),
        }
    }

    /// How many there are, this one and those that it stands for.
    pub fn count(&self) -> usize {
        self.further.saturating_add(1)
    }

    /// A finding about a descriptor of the document.
    pub(crate) fn describing(
        rule: Rule,
        pointer: impl Into<String>,
        descriptor: &Descriptor,
        message: impl Into<String>,
    ) -> Self {
        Self {
            digest: Some(descriptor.digest.clone()),
            media_type: descriptor.media_type.clone(),
            claimed_size: descriptor.size,
            ..Self::new(rule, pointer, message)
        }
    }

    /// A finding about something that the document names.
    pub(crate) fn of(rule: Rule, child: &Child, message: impl Into<String>) -> Self {
        Self::describing(rule, &child.pointer, &child.descriptor, message)
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Finding", 11)?;
        object.serialize_field("rule", &self.rule)?;
        object.serialize_field("severity", &self.rule.severity())?;
        optional(&mut object, "document", self.document.as_ref())?;
        object.serialize_field("pointer", &self.pointer)?;
        object.serialize_field("message", &self.message)?;
        optional(&mut object, "digest", self.digest.as_ref())?;
        optional(&mut object, "mediaType", self.media_type.as_ref())?;
        optional(&mut object, "claimedSize", self.claimed_size.as_ref())?;
        optional(&mut object, "storedSize", self.stored_size.as_ref())?;
        object.serialize_field("section", self.rule.section())?;
        object.serialize_field("mend", self.mend)?;
        object.end()
    }
}

fn optional<O: SerializeStruct>(
    object: &mut O,
    key: &'static str,
    value: Option<&impl Serialize>,
) -> Result<(), O::Error> {
    match value {
        Some(value) => object.serialize_field(key, value),
        None => object.skip_field(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialises_with_stable_names() {
        let finding = Finding {
            stored_size: Some(3),
            ..Finding::new(Rule::SizeMismatch, "/layers/0", "differs")
        };
        let expected = serde_json::json!({
            "rule": "size-mismatch", "severity": "error", "pointer": "/layers/0", "message": "differs", "storedSize": 3,
            "section": Rule::SizeMismatch.section(), "mend": "correct the size and push again"
        });
        assert_eq!(serde_json::to_value(finding).unwrap(), expected);
    }
}
