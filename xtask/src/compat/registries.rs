//! The registries that images are pulled from, and those that they are copied to.

use std::path::Path;

use anyhow::Result;

use crate::interop::CONFIGURATION;
use crate::servers::{Program, Server};

/// Two of the same kind: within one, clients mount what they would have to copy elsewhere.
pub(super) struct Registries {
    from: Server,
    to: Server,
}

impl Registries {
    /// Builds Portolan and starts it twice, or a peer.
    pub(super) fn start(program: Program, folder: &Path) -> Result<Self> {
        let [from, to] =
            ["from", "to"].map(|name| Server::start(program, &folder.join(name), CONFIGURATION));
        Ok(Self {
            from: from?,
            to: to?,
        })
    }

    /// Where images stand.
    pub(super) fn from(&self) -> String {
        self.from.host()
    }

    /// Where they are copied to.
    pub(super) fn to(&self) -> String {
        self.to.host()
    }
}
