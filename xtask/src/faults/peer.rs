//! Peers: programs that get the same input as Portolan.

use std::process::Command;

use anyhow::Result;

use crate::interop::sandbox::Sandbox;
use crate::tools::{self, Tool};

/// Program beside Portolan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Skopeo,
    Crane,
    Oras,
    Regctl,
}

/// Programs that the tier requires.
pub(crate) const TOOLS: [Tool; 7] = [
    tools::SKOPEO,
    tools::CRANE,
    tools::ORAS,
    tools::REGCTL,
    tools::OPENSSL,
    tools::UNSHARE,
    tools::ZSTD,
];

impl Peer {
    pub(crate) const ALL: [Self; 4] = [Self::Skopeo, Self::Crane, Self::Oras, Self::Regctl];

    /// Returns the common name of the program.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Skopeo => "skopeo",
            Self::Crane => "crane",
            Self::Oras => "oras",
            Self::Regctl => "regctl",
        }
    }

    /// Returns a command of the program in a sandbox.
    pub(crate) fn command(self, sandbox: &Sandbox) -> Result<Command> {
        match self {
            Self::Skopeo => sandbox.containers_command(tools::SKOPEO),
            Self::Crane => Ok(sandbox.command(tools::CRANE)),
            Self::Oras => Ok(sandbox.command(tools::ORAS)),
            Self::Regctl => Ok(sandbox.command(tools::REGCTL)),
        }
    }

    /// Returns the arguments that copy everything below `from`, between registries without TLS.
    pub(crate) fn copy_arguments(self, from: &str, to: &str) -> Vec<String> {
        let own = |text: &str| text.to_owned();
        match self {
            Self::Skopeo => [
                "copy",
                "--all",
                "--preserve-digests",
                "--src-tls-verify=false",
                "--dest-tls-verify=false",
            ]
            .map(own)
            .into_iter()
            .chain([format!("docker://{from}"), format!("docker://{to}")])
            .collect(),
            Self::Crane => ["copy", "--insecure", from, to].map(own).to_vec(),
            Self::Oras => [
                "copy",
                "--recursive",
                "--from-plain-http",
                "--to-plain-http",
                from,
                to,
            ]
            .map(own)
            .to_vec(),
            Self::Regctl => [from, to]
                .iter()
                .filter_map(|reference| reference.split_once('/'))
                .map(|(host, _)| format!("--host=reg={host},tls=disabled"))
                .chain(["image", "copy", "--referrers", "--digest-tags", from, to].map(own))
                .collect(),
        }
    }
}
