//! skopeo, which copies.

use anyhow::Result;
use portolan_model::compat::Operation;

use super::super::outcome::{Peer, PeerOutcome, Task};
use crate::interop::skopeo::Skopeo;

impl Peer for Skopeo {
    fn name(&self) -> &'static str {
        "skopeo"
    }

    fn target(&self) -> &'static str {
        "containers-image"
    }

    fn operations(&self) -> &'static [Operation] {
        &[Operation::Copy]
    }

    fn attempt(&self, task: &Task) -> Result<PeerOutcome> {
        let result = self.copy(
            &["--all", "--preserve-digests"],
            &task.from.transport_reference(),
            &task.to.transport_reference(),
        );
        PeerOutcome::determine(result, || task.check_destination())
    }
}
