//! Docker Engine, which stores images to run them.

use anyhow::Result;
use portolan_model::compat::Operation;

use super::super::outcome::{Peer, PeerOutcome, Task};
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

    fn attempt(&self, task: &Task) -> Result<PeerOutcome> {
        let pulled = PeerOutcome::determine(self.pull_image(task.kind, task.from), || {
            self.compare(task.kind, task.from)
        });
        // Without this, the pull of the next platform would find the digest of this one.
        self.remove_pulled(task.from)?;
        pulled
    }
}
