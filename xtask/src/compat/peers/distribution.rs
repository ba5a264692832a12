//! CNCF distribution 2.8, which is pushed to.

use anyhow::Result;
use portolan_model::compat::Operation;

use super::super::truth::{Peer, Task, Truth};
use crate::interop::document::{Kind, Role};
use crate::interop::media;
use crate::interop::place::Place;
use crate::interop::registry::Registry;
use crate::interop::sandbox::{Failure, Sandbox};
use crate::servers::Server;

/// A running server.
pub(super) struct Distribution {
    server: Server,
}

impl Distribution {
    pub(super) fn start(sandbox: &Sandbox) -> Result<Self> {
        Ok(Self {
            server: Server::distribution(&sandbox.path("data"))?,
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

    fn attempt(&self, task: &Task) -> Result<Truth> {
        let to = &Place {
            host: self.server.host(),
            ..task.to.clone()
        };
        let kind = &as_clients_push(task.kind);
        let answer = Registry::new(&to.host)?.seed(kind, to).map_err(refusal);
        Truth::of(answer, || Task { kind, to, ..*task }.compare())
    }
}

/// Clients push a child whose type they do not know as a blob.
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

/// What the server said, if it said anything.
fn refusal(error: anyhow::Error) -> Failure {
    if error.is::<Failure>() {
        Failure::Refused(format!("{error:#}"))
    } else {
        Failure::Broken(error)
    }
}
