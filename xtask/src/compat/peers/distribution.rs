//! CNCF distribution 2.8, which receives pushes.

use anyhow::Result;
use portolan_model::compat::Operation;

use super::super::outcome::{Peer, PeerOutcome, Task};
use crate::interop::document::{Kind, Role};
use crate::interop::media;
use crate::interop::reference::TaggedReference;
use crate::interop::registry::RegistryConnection;
use crate::interop::sandbox::{ClientFailure, Sandbox};
use crate::servers::RunningServer;

/// Running server.
pub(super) struct Distribution {
    server: RunningServer,
}

impl Distribution {
    pub(super) fn start(sandbox: &Sandbox) -> Result<Self> {
        Ok(Self {
            server: RunningServer::distribution(&sandbox.path("data"))?,
        })
    }
}

impl Peer for Distribution {
    fn name(&self) -> &'static str {
        "distribution"
    }

    fn target(&self) -> &'static str {
        "distribution-2.8"
    }

    fn operations(&self) -> &'static [Operation] {
        &[Operation::Push]
    }

    fn attempt(&self, task: &Task) -> Result<PeerOutcome> {
        let to = &TaggedReference {
            host: self.server.host(),
            ..task.to.clone()
        };
        let kind = &as_clients_push(task.kind);
        let result = RegistryConnection::new(&to.host)?
            .seed(kind, to)
            .map_err(to_failure);
        PeerOutcome::determine(result, || Task { kind, to, ..*task }.check_destination())
    }
}

/// Returns the kind as clients push it: a child of an unknown type is pushed as a blob.
fn as_clients_push(kind: &Kind) -> Kind {
    let mut kind = kind.clone();
    let children = kind
        .documents
        .iter_mut()
        .filter(|document| document.digest != kind.top);
    for document in children.filter(|document| document.media_type == media::UNKNOWN) {
        document.role = Role::Blob;
    }
    kind
}

/// Converts an error of a push. A response of the server is a rejection, and anything else is a
/// broken test.
fn to_failure(error: anyhow::Error) -> ClientFailure {
    if error.is::<ClientFailure>() {
        ClientFailure::Rejected(format!("{error:#}"))
    } else {
        ClientFailure::Broken(error)
    }
}
