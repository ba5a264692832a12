//! podman, which takes images into storage to run them.

use anyhow::{Context, Result};
use portolan_model::compat::Operation;

use super::super::truth::{Peer, Task, Truth};
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

    fn attempt(&self, task: &Task) -> Result<Truth> {
        let mut id = String::new();
        let answer = self
            .pull_image(&task.from.transport(), task.kind.platform)
            .map(|pulled| id = pulled);
        Truth::of(answer, || {
            self.compare(
                &id,
                task.kind
                    .image
                    .as_ref()
                    .context("it took what is no image")?,
            )
        })
    }
}
