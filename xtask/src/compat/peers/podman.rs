//! podman, which stores images to run them.

use anyhow::{Context, Result};
use portolan_model::compat::Operation;

use super::super::outcome::{Peer, PeerOutcome, Task};
use crate::interop::podman::Podman;

impl Peer for Podman {
    fn name(&self) -> &'static str {
        "podman"
    }

    fn target(&self) -> &'static str {
        "containers-image"
    }

    fn operations(&self) -> &'static [Operation] {
        &[Operation::Pull]
    }

    fn attempt(&self, task: &Task) -> Result<PeerOutcome> {
        let mut id = String::new();
        let result = self
            .pull_image(&task.from.transport_reference(), task.kind.platform)
            .map(|pulled| id = pulled);
        PeerOutcome::determine(result, || {
            self.compare(
                &id,
                task.kind
                    .image
                    .as_ref()
                    .context("the client accepted content that is not an image")?,
            )
        })
    }
}
