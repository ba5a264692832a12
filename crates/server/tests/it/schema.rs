//! Validation of JSON against the schemas of an OpenAPI document, for exactly the keywords that
//! they use.

use std::borrow::Cow;

use serde_json::{Value, json};

/// Returns the errors in `value`, each with its position. Properties that are not in the schema are
/// errors.
pub(crate) fn find_errors(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(document, schema, value, "", &mut faults);
    faults
}

/// Returns the schema that a reference points to, or the schema itself.
pub(crate) fn resolve<'a>(document: &'a Value, schema: &'a Value) -> Cow<'a, Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        let found = document.pointer(reference.strip_prefix('#').unwrap());
        return resolve(
            document,
            found.unwrap_or_else(|| panic!("{reference} does not resolve")),
        );
    }
    match schema["allOf"].as_array() {
        Some(parts) => Cow::Owned(parts.iter().fold(json!({}), |merged, part| {
            merge(merged, &resolve(document, part))
        })),
        None => Cow::Borrowed(schema),
    }
}

/// Merges two schemas of objects; the result requires everything that either requires.
fn merge(mut merged: Value, part: &Value) -> Value {
    for (keyword, value) in part.as_object().unwrap() {
        match (&mut merged[keyword], value) {
            (Value::Object(properties), Value::Object(more)) => properties.extend(more.clone()),
            (Value::Array(required), Value::Array(more)) => required.extend(more.clone()),
            (other, value) => *other = value.clone(),
        }
    }
    merged
}

fn check(document: &Value, schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
    let schema = &*resolve(document, schema);
    for keyword in schema.as_object().unwrap().keys() {
        let known = [
            "type",
            "description",
            "properties",
            "required",
            "items",
            "enum",
            "oneOf",
            "additionalProperties",
            "format",
            "minimum",
            "propertyNames",
        ];
        assert!(
            known.contains(&keyword.as_str()),
            "the test does not know the keyword {keyword}"
        );
    }
    if let Some(kinds) = schema["oneOf"].as_array() {
        let fitting = kinds
            .iter()
            .filter(|kind| self::find_errors(document, kind, value).is_empty())
            .count();
        if fitting != 1 {
            faults.push(format!("{path}: {fitting} schemas fit {value}"));
        }
        return;
    }
    if !types(schema).contains(&type_of(value)) {
        faults.push(format!("{path}: {value} is not of type {}", schema["type"]));
    }
    if schema["enum"]
        .as_array()
        .is_some_and(|known| !known.contains(value))
    {
        faults.push(format!("{path}: {value} is not one of {}", schema["enum"]));
    }
    for (position, item) in value.as_array().into_iter().flatten().enumerate() {
        check(
            document,
            &schema["items"],
            item,
            &format!("{path}/{position}"),
            faults,
        );
    }
    check_members(document, schema, value, path, faults);
}

fn check_members(
    document: &Value,
    schema: &Value,
    value: &Value,
    path: &str,
    faults: &mut Vec<String>,
) {
    let Some(object) = value.as_object() else {
        return;
    };
    for required in schema["required"].as_array().into_iter().flatten() {
        if !object.contains_key(required.as_str().unwrap()) {
            faults.push(format!("{path}: {required} is missing"));
        }
    }
    let any = schema["additionalProperties"] == true || schema["properties"].is_null();
    for (key, member) in object {
        let path = format!("{path}/{key}");
        match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Value::Null, other @ Value::Object(_)) => {
                check(document, other, member, &path, faults);
            }
            (Value::Null, _) if any => (),
            (Value::Null, _) => faults.push(format!("{path}: is not described")),
            (described, _) => check(document, described, member, &path, faults),
        }
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(only) => vec![only],
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => vec!["null", "boolean", "integer", "string", "array", "object"],
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[test]
fn finds_errors() {
    let document = json!({"a": {
        "type": "object",
        "required": ["x"],
        "properties": {"x": {"type": "integer"}, "y": {"type": ["string", "null"], "enum": ["z"]}, "l": {"type": "array", "items": {"type": "string"}}}
    }});
    let reference = json!({"$ref": "#/a"});
    let count = |value: Value| find_errors(&document, &reference, &value).len();
    assert_eq!(count(json!({"x": 1, "y": "z", "l": ["s"]})), 0);
    for invalid in [
        "{}",
        "[]",
        r#"{"x":"1"}"#,
        r#"{"x":1,"y":"w"}"#,
        r#"{"x":1,"l":[1]}"#,
        r#"{"x":1,"w":1}"#,
    ] {
        assert_eq!(
            count(serde_json::from_str(invalid).unwrap()),
            1,
            "{invalid}"
        );
    }
    let either = json!({"oneOf": [{"type": "null"}, {"$ref": "#/a"}]});
    assert_eq!(find_errors(&document, &either, &Value::Null).len(), 0);
    assert_eq!(find_errors(&document, &either, &Value::Bool(true)).len(), 1);
}
