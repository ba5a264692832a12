//! Programs that run here, each with the operations that it supports.

mod containerd;
mod crane;
mod distribution;
mod docker;
mod oras;
mod podman;
mod skopeo;

use std::path::Path;

use anyhow::{Context, Result};

use super::outcome::Peer;
use crate::interop::containerd::Containerd;
use crate::interop::crane::Crane;
use crate::interop::docker::Docker;
use crate::interop::is_chosen;
use crate::interop::oras::Oras;
use crate::interop::podman::Podman;
use crate::interop::sandbox::Sandbox;
use crate::interop::skopeo::Skopeo;
use crate::tools::{self, Tool};
use distribution::Distribution;

type Start = fn(Sandbox) -> Result<Box<dyn Peer>>;

const PEERS: [(&str, Start); 7] = [
    ("distribution", |sandbox| {
        Ok(Box::new(Distribution::start(&sandbox)?))
    }),
    ("skopeo", |sandbox| Ok(Box::new(Skopeo::new(sandbox)))),
    ("podman", |sandbox| Ok(Box::new(Podman::new(sandbox)))),
    ("docker", |sandbox| Ok(Box::new(Docker::start(sandbox)?))),
    ("containerd", |sandbox| {
        Ok(Box::new(Containerd::start(sandbox)?))
    }),
    ("crane", |sandbox| Ok(Box::new(Crane::new(sandbox)))),
    ("oras", |sandbox| Ok(Box::new(Oras::new(sandbox)))),
];

/// Programs that the run requires. buildah builds some of the images.
pub(super) const TOOLS: [Tool; 13] = [
    tools::BUILDAH,
    tools::CONTAINERD,
    tools::CRANE,
    tools::CTR,
    tools::DISTRIBUTION,
    tools::DOCKER,
    tools::DOCKERD,
    tools::ORAS,
    tools::PODMAN,
    tools::RUNC,
    tools::SKOPEO,
    tools::UNSHARE,
    tools::ZSTD,
];

/// Starts the chosen programs, each with its own folder.
pub(super) fn start(folder: &Path, chosen: &[String]) -> Result<Vec<Box<dyn Peer>>> {
    let chosen = PEERS.iter().filter(|(name, _)| is_chosen(chosen, name));
    chosen
        .map(|(name, start)| {
            start(Sandbox::new(folder.join(name))?)
                .with_context(|| format!("failed to start {name}"))
        })
        .collect()
}
