//! JSON as Docker writes its manifests, with its order of fields and its indentation.
//!
//! Docker's command line reads a manifest, writes it again and pushes the result. A manifest in any
//! other form changes its digest on the way, and a list that names it cannot be pushed.

use serde_json::Value;

const ORDER: [&str; 12] = [
    "schemaVersion",
    "mediaType",
    "config",
    "size",
    "digest",
    "urls",
    "layers",
    "manifests",
    "platform",
    "architecture",
    "os",
    "variant",
];

const INDENT: &str = "   ";

/// Returns the document as Docker writes it.
pub(crate) fn write(document: &Value) -> String {
    write_at(document, "\n")
}

/// Writes `value`, where `line` is the start of a line at its depth.
fn write_at(value: &Value, line: &str) -> String {
    let inner = format!("{line}{INDENT}");
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| ORDER.iter().position(|known| known == name));
            let fields = fields
                .iter()
                .map(|(name, value)| format!("\"{name}\": {}", write_at(value, &inner)));
            enclose('{', fields, '}', line)
        }
        Value::Array(items) => enclose(
            '[',
            items.iter().map(|item| write_at(item, &inner)),
            ']',
            line,
        ),
        simple => simple.to_string(),
    }
}

fn enclose(open: char, items: impl Iterator<Item = String>, close: char, line: &str) -> String {
    let items: Vec<_> = items.map(|item| format!("{line}{INDENT}{item}")).collect();
    if items.is_empty() {
        format!("{open}{close}")
    } else {
        format!("{open}{}{line}{close}", items.join(","))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn writes_fields_in_dockers_order() {
        let document = json!({ "layers": [{ "digest": "sha256:0", "size": 3 }, {}], "schemaVersion": 2, "manifests": [] });
        let expected = r#"{
   "schemaVersion": 2,
   "layers": [
      {
         "size": 3,
         "digest": "sha256:0"
      },
      {}
   ],
   "manifests": []
}"#;
        assert_eq!(super::write(&document), expected);
    }
}
