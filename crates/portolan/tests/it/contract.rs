//! Snapshots of the contract: names and values that scripts, clients and configuration files rely on.
//!
//! A new, changed or missing string fails a test. Accept changes: `INSTA_UPDATE=always cargo test -p portolan --test it contract`.

mod api;
mod commands;
mod configuration;
mod environment;
mod errors;
mod fields;
mod headers;
mod http;
mod json;
mod statuses;

use super::snapshots::compare;

/// Compares lines with the snapshot `contract/KIND`.
fn assert_lines(kind: &str, lines: impl IntoIterator<Item = impl AsRef<str>>) {
    let lines: Vec<_> = lines.into_iter().collect();
    let lines: Vec<_> = lines.iter().map(AsRef::as_ref).collect();
    compare(&format!("contract/{kind}"), &(lines.join("\n") + "\n"));
}
