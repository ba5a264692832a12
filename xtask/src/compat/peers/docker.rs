//! Docker Engine, which takes images into storage to run them.

use anyhow::Result;
use portolan_model::compat::Operation;

use super::super::truth::{Peer, Task, Truth};
use crate::interop::docker::Docker;

impl Peer for Docker {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn target(&self) -> &'static str {
        "docker-20.10"
    }

    fn operations(&self) -> &'static [Operation] {
        &[Operation::Pull]
    }

    fn attempt(&self, task: &Task) -> Result<Truth> {
        let pulled = Truth::of(self.pull_image(task.kind, task.from), || {
            self.compare(task.kind, task.from)
        });
        // Else the next platform would be known by the digest of this one.
        self.forget(task.from)?;
        pulled
    }
}
