//! Findings. A finding is a violation of a rule, as reported by the checks.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fix::Fix;
use super::{Rule, Severity};
use crate::{Child, Descriptor, Digest, MediaType};

/// Violation of a [`Rule`], with its location and a message of one sentence.
///
/// The JSON form also contains the severity, the section of the specification and the fix. The
/// number of omitted findings appears only in the message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Violated rule.
    pub rule: Rule,
    /// Severity of this violation. Usually [`Rule::severity`].
    pub severity: Severity,
    /// Digest of the document that violates the rule, or `None` for the root of the checked tree.
    pub document: Option<Digest>,
    /// Location in that document, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// Description of the actual and the expected value.
    pub message: String,
    /// Digest in the affected descriptor.
    pub digest: Option<Digest>,
    /// Media type in the affected descriptor, or the affected media type.
    pub media_type: Option<MediaType>,
    /// Size in the affected descriptor, in bytes.
    pub claimed_size: Option<u64>,
    /// Size of the stored content, in bytes.
    pub stored_size: Option<u64>,
    /// Number of further findings of the same rule that are not listed, because of the limit of
    /// [`FindingSink`](super::FindingSink).
    pub omitted: usize,
    /// Fix for the violation. Usually [`Rule::fix`].
    pub fix: Fix,
}

impl Finding {
    /// Creates a finding about a location in the document.
    pub fn new(rule: Rule, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity: rule.severity(),
            document: None,
            pointer: pointer.into(),
            message: message.into(),
            digest: None,
            media_type: None,
            claimed_size: None,
            stored_size: None,
            omitted: 0,
            fix: rule.fix(),
        }
    }

    /// Returns the number of findings that this finding represents: itself, and the findings of the
    /// same rule that were omitted.
    pub fn count(&self) -> usize {
        self.omitted.saturating_add(1)
    }

    /// Creates a finding about a descriptor.
    pub(crate) fn for_descriptor(
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

    /// Creates a finding about a child of the document.
    pub(crate) fn for_child(rule: Rule, child: &Child, message: impl Into<String>) -> Self {
        Self::for_descriptor(rule, &child.pointer, &child.descriptor, message)
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Finding", 11)?;
        object.serialize_field("rule", &self.rule)?;
        object.serialize_field("severity", &self.severity)?;
        serialize_optional(&mut object, "document", self.document.as_ref())?;
        object.serialize_field("pointer", &self.pointer)?;
        object.serialize_field("message", &self.message)?;
        serialize_optional(&mut object, "digest", self.digest.as_ref())?;
        serialize_optional(&mut object, "mediaType", self.media_type.as_ref())?;
        serialize_optional(&mut object, "claimedSize", self.claimed_size.as_ref())?;
        serialize_optional(&mut object, "storedSize", self.stored_size.as_ref())?;
        object.serialize_field("section", self.rule.section())?;
        object.serialize_field("fix", &self.fix)?;
        object.end()
    }
}

/// Parses the JSON form. It does not contain the number of omitted findings. A fix that this
/// version cannot parse is replaced by the fix of the rule.
impl<'de> Deserialize<'de> for Finding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields {
            rule: Rule,
            severity: Option<Severity>,
            document: Option<Digest>,
            #[serde(default)]
            pointer: String,
            message: String,
            digest: Option<Digest>,
            media_type: Option<MediaType>,
            claimed_size: Option<u64>,
            stored_size: Option<u64>,
            #[serde(default)]
            fix: String,
        }
        let fields = Fields::deserialize(deserializer)?;
        let fix = Fix::parse(&fields.fix, fields.rule, fields.digest.as_ref());
        Ok(Self {
            fix: fix.unwrap_or_else(|| fields.rule.fix()),
            severity: fields.severity.unwrap_or(fields.rule.severity()),
            document: fields.document,
            digest: fields.digest,
            media_type: fields.media_type,
            claimed_size: fields.claimed_size,
            stored_size: fields.stored_size,
            ..Self::new(fields.rule, fields.pointer, fields.message)
        })
    }
}

fn serialize_optional<O: SerializeStruct>(
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
    fn serializes_with_stable_names() {
        let finding = Finding {
            stored_size: Some(3),
            ..Finding::new(Rule::SizeMismatch, "/layers/0", "differs")
        };
        let expected = serde_json::json!({
            "rule": "size-mismatch", "severity": "error", "pointer": "/layers/0", "message": "differs", "storedSize": 3,
            "section": Rule::SizeMismatch.section(), "fix": "correct the size and push again"
        });
        assert_eq!(serde_json::to_value(&finding).unwrap(), expected);
        assert_eq!(
            serde_json::from_value::<Finding>(expected).unwrap(),
            finding
        );
    }
}
