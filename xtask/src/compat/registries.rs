//! Source and destination registries of the images.

use std::path::Path;

use anyhow::Result;

use crate::interop::CONFIGURATION;
use crate::servers::{RunningServer, ServerProgram};

/// Pair of registries of the same kind. Within one registry, clients would mount blobs instead of
/// copying them.
pub(super) struct Registries {
    source: RunningServer,
    destination: RunningServer,
}

impl Registries {
    /// Builds Portolan and starts it twice, or starts a peer twice.
    pub(super) fn start(program: ServerProgram, folder: &Path) -> Result<Self> {
        let [from, to] = ["from", "to"]
            .map(|name| RunningServer::start(program, &folder.join(name), CONFIGURATION));
        Ok(Self {
            source: from?,
            destination: to?,
        })
    }

    /// Returns the address of the registry that holds the images.
    pub(super) fn source_host(&self) -> String {
        self.source.host()
    }

    /// Returns the address of the destination registry.
    pub(super) fn destination_host(&self) -> String {
        self.destination.host()
    }
}
