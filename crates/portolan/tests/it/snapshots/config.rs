//! `portolan config check` and `config show`.

use std::fs;

use super::{command, compare, render};
use crate::toolkit::User;

const CONFIGURATION: &str = r#"
[server]
listen = "127.0.0.1:5001"

[[policy]]
repositories = "**"
rules = { index-nested = "warn" }

[[policy]]
repositories = "mirror/**"
preset = "sparse"
normalize = "oci"
rules = { child-much-older = "reject" }
"#;

#[test]
fn config() {
    let person = User::new();
    fs::write(person.path("portolan.toml"), CONFIGURATION).unwrap();
    fs::write(person.path("key.toml"), "[server]\nlisen = 1\n").unwrap();
    fs::write(
        person.path("value.toml"),
        "[server]\nlisten = \"everywhere\"\n",
    )
    .unwrap();
    fs::write(
        person.path("reserve.toml"),
        "[storage]\nreserve = \"a lot\"\n",
    )
    .unwrap();
    for (snapshot, line) in [
        ("config-check/defaults", "config check"),
        (
            "config-check/policies",
            "config check --config portolan.toml",
        ),
        (
            "config-check/policies-json",
            "config check --config portolan.toml --json",
        ),
        (
            "config-check/repository",
            "config check --config portolan.toml --repository mirror/alpine",
        ),
        (
            "config-check/repository-json",
            "config check --config portolan.toml --repository mirror/alpine --json",
        ),
        (
            "config-check/repository-without-entry",
            "config check --repository team/app",
        ),
        ("config-check/wrong-key", "config check --config key.toml"),
        (
            "config-check/wrong-value",
            "config check --config value.toml",
        ),
        (
            "config-check/wrong-reserve",
            "config check --config reserve.toml",
        ),
        (
            "config-check/missing-file",
            "config check --config missing.toml",
        ),
        (
            "config-check/wrong-repository",
            "config check --repository UPPER",
        ),
        ("config-show/defaults", "config show"),
        ("config-show/file", "config show --config portolan.toml"),
        (
            "config-show/json",
            "config show --config portolan.toml --json",
        ),
        ("config-show/wrong-key", "config show --config key.toml"),
    ] {
        let output = command(&person, line).output().unwrap();
        compare(snapshot, &render(line, &output));
    }
}

/// The environment decides over the file, and its variables are checked like keys.
#[test]
fn config_of_the_environment() {
    let person = User::new();
    for (snapshot, variable, value) in [
        (
            "config-show/environment",
            "PORTOLAN_SERVER__LISTEN",
            "127.0.0.1:5002",
        ),
        (
            "config-show/unknown-variable",
            "PORTOLAN_SERVER__LISEN",
            "127.0.0.1:5002",
        ),
    ] {
        let mut command = command(&person, "config show");
        let output = command.env(variable, value).output().unwrap();
        compare(snapshot, &render("config show", &output));
    }
}
