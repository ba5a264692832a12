//! The paths, parameters, answers and schemas of `/api/v1/openapi.json`.

use serde_json::Value;

use super::assert_lines;
use super::http::Request;
use crate::toolkit::Server;

/// The members of an object, in order.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// What a schema says of types, without descriptions.
fn shape(schema: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(of) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return of.iter().map(shape).collect::<Vec<_>>().join(" | ");
    }
    let constraint = ["enum", "const"].map(|key| &schema[key]);
    let names = constraint.into_iter().filter(|value| !value.is_null());
    let names: Vec<_> = names.map(Value::to_string).collect();
    match schema["type"].as_str() {
        Some("array") => format!("array of {}", shape(&schema["items"])),
        _ => [vec![text(&schema["type"])], names].concat().join(" "),
    }
}

fn operations(document: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (path, item) in members(&document["paths"]) {
        for (method, operation) in members(item) {
            let name = operation["operationId"].as_str().unwrap_or_default();
            lines.push(format!("{} {path} ({name})", method.to_uppercase()));
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let [name, place] = ["name", "in"].map(|key| parameter[key].as_str().unwrap());
                let required = parameter["required"] == true;
                let required = if required { ", required" } else { "" };
                let shape = shape(&parameter["schema"]);
                lines.push(format!("    {place} {name}: {shape}{required}"));
            }
            for (status, response) in members(&operation["responses"]) {
                for (media_type, content) in members(&response["content"]) {
                    let shape = shape(&content["schema"]);
                    lines.push(format!("    -> {status} {media_type}: {shape}"));
                }
            }
        }
    }
    lines
}

fn schemas(document: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, schema) in members(&document["components"]["schemas"]) {
        lines.push(format!("{name}: {}", shape(schema)));
        let required = schema["required"].as_array().into_iter().flatten();
        let required: Vec<_> = required.filter_map(Value::as_str).collect();
        for (property, schema) in members(&schema["properties"]) {
            let optional = if required.contains(&property.as_str()) {
                ""
            } else {
                "?"
            };
            lines.push(format!("    {property}{optional}: {}", shape(schema)));
        }
    }
    lines
}

#[test]
fn paths_and_schemas_of_the_api() {
    let server = Server::start();
    let request = Request {
        method: "GET",
        target: "/api/v1/openapi.json",
        headers: &[],
        body: b"",
    };
    let document = request.send(&server.host()).json().unwrap();
    let lines = [operations(&document), schemas(&document)];
    assert_lines("openapi", lines.iter().flatten());
}
