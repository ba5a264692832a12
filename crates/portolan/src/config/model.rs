//! The keys of the configuration, with their defaults. docs/configuration.md is made from them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use portolan_registry::wrap::PolicyRule;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ConfigError, PolicyEntry};

/// Everything that can be configured.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Configuration {
    pub(crate) server: Server,
    pub(crate) storage: Storage,
    pub(crate) policy: Vec<PolicyEntry>,
    pub(crate) telemetry: Telemetry,
}

/// `[server]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// Address and port to listen on; port 0 is any free one.
    pub(crate) listen: SocketAddr,
    /// Allow an address that others can reach although there are no accounts.
    pub(crate) anonymous: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<Tls>,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
}

/// `[server.tls]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// PEM file with the certificate and those that lead to its root.
    pub(crate) certificate: PathBuf,
    /// PEM file with the private key.
    pub(crate) key: PathBuf,
}

/// `[server.limits]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Most bytes of a manifest.
    pub(crate) manifest_bytes: usize,
    /// Most bytes of a request's head.
    pub(crate) header_bytes: usize,
    /// Most header lines of a request.
    pub(crate) header_lines: usize,
    /// Most connections at once.
    pub(crate) connections: usize,
    /// Most requests at once that send a blob.
    pub(crate) uploads: usize,
    /// Most requests at once that read a whole tree of manifests.
    pub(crate) trees: usize,
    /// Most manifests of a tree that are read for one request.
    pub(crate) tree_documents: usize,
    /// Most items of a page of a list, and as many without `n`.
    pub(crate) page: usize,
}

/// `[server.timeouts]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Timeouts {
    /// For a request's head, and for a connection that waits for the next request.
    #[serde(with = "humantime_serde")]
    pub(crate) header: Duration,
    /// For the next piece of a request's body.
    #[serde(with = "humantime_serde")]
    pub(crate) body: Duration,
    /// For a client to take the next piece of an answer.
    #[serde(with = "humantime_serde")]
    pub(crate) write: Duration,
    /// For the TLS handshake.
    #[serde(with = "humantime_serde")]
    pub(crate) handshake: Duration,
    /// For the requests under way when the server is told to stop.
    #[serde(with = "humantime_serde")]
    pub(crate) drain: Duration,
}

/// `[storage]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Storage {
    /// Folder for all data; it is made if it is not there.
    pub(crate) folder: PathBuf,
    pub(crate) uploads: Uploads,
}

/// `[storage.uploads]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Uploads {
    /// An upload session that stood still for longer ends.
    #[serde(with = "humantime_serde")]
    pub(crate) expire: Duration,
}

/// `[telemetry]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Telemetry {
    /// What is logged: a level, or levels by module, as in `info,portolan_store=debug`.
    pub(crate) log: String,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 5000)),
            anonymous: false,
            tls: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let limits = portolan_server::Limits::default();
        Self {
            manifest_bytes: limits.manifest_bytes,
            header_bytes: limits.header_bytes,
            header_lines: limits.header_lines,
            connections: limits.connections,
            uploads: limits.uploads,
            trees: limits.trees,
            tree_documents: limits.tree_documents,
            page: limits.page,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let timeouts = portolan_server::Timeouts::default();
        Self {
            header: timeouts.header,
            body: timeouts.body,
            write: timeouts.write,
            handshake: timeouts.handshake,
            drain: timeouts.drain,
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            folder: "./portolan-data".into(),
            uploads: Uploads::default(),
        }
    }
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            expire: Duration::from_hours(24),
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: "info".into() }
    }
}

impl Configuration {
    /// The policy rules, in order.
    pub(crate) fn policies(&self) -> Result<Vec<PolicyRule>, ConfigError> {
        self.policy
            .iter()
            .enumerate()
            .map(|(position, entry)| entry.rule(position))
            .collect()
    }

    /// The server's part of it.
    pub(crate) fn server_settings(&self) -> portolan_server::Settings {
        let Server {
            listen,
            tls,
            limits,
            timeouts,
            ..
        } = &self.server;
        let defaults = portolan_server::Settings::default();
        portolan_server::Settings {
            listen: *listen,
            tls: tls.as_ref().map(|tls| portolan_server::TlsFiles {
                certificate: tls.certificate.clone(),
                key: tls.key.clone(),
            }),
            limits: portolan_server::Limits {
                manifest_bytes: limits.manifest_bytes,
                header_bytes: limits.header_bytes,
                header_lines: limits.header_lines,
                connections: limits.connections,
                uploads: limits.uploads,
                trees: limits.trees,
                tree_documents: limits.tree_documents,
                page: limits.page,
                ..defaults.limits
            },
            timeouts: portolan_server::Timeouts {
                header: timeouts.header,
                body: timeouts.body,
                write: timeouts.write,
                handshake: timeouts.handshake,
                drain: timeouts.drain,
                ..defaults.timeouts
            },
        }
    }

    /// What the types of the keys alone cannot say.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.policies()?;
        crate::logging::filter(&self.telemetry.log)?;
        if !self.server.listen.ip().is_loopback() && !self.server.anonymous {
            let message = format!(
                "configuration: server.listen: {} can be reached by others, and there are no accounts; \
                 listen on 127.0.0.1, or say --anonymous (server.anonymous = true) to let everybody push and delete",
                self.server.listen
            );
            return Err(ConfigError::Invalid(message));
        }
        Ok(())
    }

    /// The keys in which another configuration differs and that are read at the start alone. Policies are not.
    pub(crate) fn changed_for_the_next_start(&self, other: &Self) -> Result<Vec<String>> {
        let (mut one, mut two) = (BTreeMap::new(), BTreeMap::new());
        for (configuration, keys) in [(self, &mut one), (other, &mut two)] {
            let value = serde_json::to_value(configuration).context("comparing configurations")?;
            leaves(String::new(), &value, keys);
        }
        let all: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
        let differing = all.into_iter().filter(|key| one.get(*key) != two.get(*key));
        Ok(differing.filter(|key| *key != "policy").cloned().collect())
    }

    /// The whole configuration as a file would say it.
    pub(crate) fn to_toml(&self) -> Result<String> {
        toml::to_string(self).context("writing the configuration as TOML")
    }

    /// The whole configuration as JSON.
    pub(crate) fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).context("writing the configuration as JSON")
    }
}

/// Every value that is no table, by the whole of its key.
fn leaves(key: String, value: &Value, found: &mut BTreeMap<String, Value>) {
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
        leaves(key, value, found);
    }
}
