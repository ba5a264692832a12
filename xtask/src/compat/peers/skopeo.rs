//! skopeo, which copies.

use anyhow::Result;
use portolan_model::compat::Operation;

use super::super::truth::{Peer, Task, Truth};
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

    fn attempt(&self, task: &Task) -> Result<Truth> {
        let answer = self.copy(
            &["--all", "--preserve-digests"],
            &task.from.transport(),
            &task.to.transport(),
        );
        Truth::of(answer, || task.compare())
    }
}
