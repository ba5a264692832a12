//! The names and types of the fields in JSON documents.

use std::collections::BTreeSet;

use serde_json::Value;

/// Objects whose keys are data, and not names of fields.
const MAPS: [&str; 3] = ["annotations", "labels", "rules"];

/// Fields whose values are names, too.
const NAMES: [&str; 16] = [
    "action",
    "code",
    "deletion",
    "effect",
    "feature",
    "kind",
    "normalize",
    "operation",
    "outcome",
    "preset",
    "role",
    "severity",
    "state",
    "status",
    "stored",
    "verdict",
];

/// Lines such as `copies[].outcome.digest: string`.
#[derive(Default)]
pub(super) struct Fields(BTreeSet<String>);

impl Fields {
    pub(super) fn collect(&mut self, prefix: &str, value: &Value) {
        let name = prefix.rsplit('.').next().unwrap_or_default();
        let kind = match value {
            Value::Object(object) => {
                for (key, value) in object {
                    let key = if MAPS.contains(&name) { "*" } else { key };
                    self.collect(&format!("{prefix}.{key}"), value);
                }
                return;
            }
            Value::Array(items) if items.is_empty() => "empty array".into(),
            Value::Array(items) => {
                // A tree has the same fields at each level.
                let prefix = format!("{prefix}[]").replace("children[].children[]", "children[]");
                for item in items {
                    self.collect(&prefix, item);
                }
                return;
            }
            Value::String(text) if NAMES.contains(&name) => format!("\"{text}\""),
            Value::String(_) => "string".into(),
            Value::Number(_) => "number".into(),
            Value::Bool(_) => "boolean".into(),
            Value::Null => "null".to_owned(),
        };
        self.0.insert(format!("{prefix}: {kind}"));
    }

    /// The lines. An array that is empty in one document has its fields from another.
    pub(super) fn lines(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter(|line| {
            let Some(array) = line.strip_suffix(": empty array") else {
                return true;
            };
            let items = format!("{array}[]");
            !self.0.iter().any(|other| other.starts_with(&items))
        })
    }
}
