//! The keys of the configuration with their defaults, and the variables that set them.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::assert_lines;
use crate::snapshots::command;
use crate::text;
use crate::toolkit::User;

/// Every key that has no default.
const OPTIONAL: &str = r#"
[server]
url = "https://registry.example.com"

[server.tls]
certificate = "certificate.pem"
key = "key.pem"

[[policy]]
repositories = "**"
preset = "open"
manifest_types = ["application/vnd.oci.image.index.v1+json"]
normalize = "oci"
deletion = "always"
rules = { index-nested = "warn" }
"#;

/// The keys that a command shows, with their values.
fn keys(mut command: Command) -> BTreeMap<String, Value> {
    let output = command.output().unwrap();
    let shown = serde_json::from_slice(&output.stdout);
    let shown = shown.unwrap_or_else(|_| panic!("{command:?}: {}", text(&output.stderr)));
    let mut keys = BTreeMap::new();
    flatten("", &shown, &mut keys);
    keys
}

fn flatten(prefix: &str, value: &Value, keys: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                flatten(&format!("{prefix}.{key}"), value, keys);
            }
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            for item in items {
                flatten(&format!("{prefix}[]"), item, keys);
            }
        }
        value => {
            keys.insert(prefix.trim_start_matches('.').into(), value.clone());
        }
    }
}

/// Another value for a key.
fn other(key: &str, value: &Value) -> String {
    match value {
        Value::Bool(value) => (!value).to_string(),
        Value::Number(number) => (number.as_u64().unwrap() + 1).to_string(),
        Value::Array(_) if key.ends_with("trusted_proxies") => "[\"10.0.0.0/8\"]".into(),
        Value::Array(_) if key.ends_with("hosts") => "[\"registry.internal\"]".into(),
        Value::Array(_) => "[{repositories=\"**\"}]".into(),
        _ if key.contains("timeouts") || key.ends_with("expire") => "7s".into(),
        _ if key.ends_with("listen") => "127.0.0.1:5009".into(),
        _ if key.ends_with("reserve") => "2%".into(),
        _ if key.ends_with("cache.memory") => "64MiB".into(),
        _ => "other".into(),
    }
}

#[test]
fn keys_and_variables() {
    let person = User::new();
    fs::write(person.path("optional.toml"), OPTIONAL).unwrap();
    let defaults = keys(command(&person, "config show --json"));
    let mut lines: Vec<_> = defaults
        .iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    let all = keys(command(
        &person,
        "config show --json --config optional.toml",
    ));
    let optional = all.keys().filter(|key| !defaults.contains_key(*key));
    lines.extend(optional.map(|key| format!("{key} without a default")));
    for (key, value) in &defaults {
        let variable = format!("PORTOLAN_{}", key.replace('.', "__").to_uppercase());
        let mut command = command(&person, "config show --json");
        command.env(&variable, other(key, value));
        assert_ne!(
            keys(command).get(key),
            Some(value),
            "{variable} has no effect"
        );
        lines.push(format!("{variable} sets {key}"));
    }
    assert_lines("configuration", lines);
}
