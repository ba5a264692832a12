//! Sections of the configuration. The keys of a section and their defaults are defined in the crate
//! that the section configures, and documented in docs/configuration.md.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use portolan_registry::wrap::PolicyRule;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ConfigError, PolicyEntry};

/// Complete configuration.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Configuration {
    /// `[server]`
    pub(crate) server: portolan_server::Settings,
    /// `[storage]`
    pub(crate) storage: portolan_store::Settings,
    /// `[[policy]]`
    pub(crate) policy: Vec<PolicyEntry>,
    /// `[telemetry]`
    pub(crate) telemetry: Telemetry,
}

/// Log settings.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Telemetry {
    /// Log filter: a level, or levels by module as in `info,portolan_store=debug`.
    pub(crate) log: String,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: "info".into() }
    }
}

impl Configuration {
    /// Converts the `[[policy]]` entries to policy rules, in order.
    pub(crate) fn policies(&self) -> Result<Vec<PolicyRule>, ConfigError> {
        self.policy
            .iter()
            .enumerate()
            .map(|(position, entry)| entry.to_rule(position))
            .collect()
    }

    /// Validates values that deserialization does not validate: policies, the log filter, and the
    /// listen address.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.policies()?;
        crate::logging::parse_filter(&self.telemetry.log)?;
        if !self.server.listen.ip().is_loopback() && !self.server.anonymous {
            let message = format!(
                "invalid configuration: server.listen: {} is reachable from other hosts, and there is no access control",
                self.server.listen
            );
            let help = format!(
                "use `--listen 127.0.0.1:{}`, or add `--anonymous` (server.anonymous = true) to let everyone push and delete",
                self.server.listen.port()
            );
            return Err(ConfigError::invalid(message).with_help(help));
        }
        Ok(())
    }

    /// Checks the files and folders that the server opens. A running server may use them at the
    /// same time.
    pub(crate) fn check_files(&self) -> Result<()> {
        if let Some(tls) = &self.server.tls {
            tls.check().context("invalid configuration: server.tls")?;
        }
        self.storage
            .check()
            .context("invalid configuration: storage.folder")
    }

    /// Returns the keys whose values differ in `other`, and which take effect only after a restart.
    /// Policies take effect on reload, so they are not included.
    pub(crate) fn keys_requiring_restart(&self, other: &Self) -> Result<Vec<String>> {
        let (mut one, mut two) = (BTreeMap::new(), BTreeMap::new());
        for (configuration, keys) in [(self, &mut one), (other, &mut two)] {
            let value =
                serde_json::to_value(configuration).context("failed to compare configurations")?;
            collect_values(String::new(), &value, keys);
        }
        let all: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
        let differing = all.into_iter().filter(|key| one.get(*key) != two.get(*key));
        Ok(differing.filter(|key| *key != "policy").cloned().collect())
    }

    /// Serializes the full configuration as TOML.
    pub(crate) fn to_toml(&self) -> Result<String> {
        toml::to_string(self).context("failed to serialize the configuration as TOML")
    }

    /// Serializes the full configuration as JSON.
    pub(crate) fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).context("failed to serialize the configuration as JSON")
    }
}

/// Collects all values in `value` that are not tables, by their full keys, as in `server.listen`.
fn collect_values(key: String, value: &Value, found: &mut BTreeMap<String, Value>) {
    let Value::Object(table) = value else {
        found.insert(key, value.clone());
        return;
    };
    for (part, value) in table {
        let key = if key.is_empty() {
            part.clone()
        } else {
            format!("{key}.{part}")
        };
        collect_values(key, value, found);
    }
}
