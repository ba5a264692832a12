//! containerd, which stores images to run them, and stores all platforms if requested.

use anyhow::Result;
use portolan_model::compat::Operation;

use super::super::outcome::{Peer, PeerOutcome, Task};
use crate::interop::containerd::Containerd;
use crate::interop::layout;
use crate::interop::reference::TaggedReference;
use crate::interop::sandbox::{ClientFailure, run};

impl Peer for Containerd {
    fn name(&self) -> &'static str {
        "containerd"
    }

    fn target(&self) -> &'static str {
        "containerd"
    }

    fn operations(&self) -> &'static [Operation] {
        &[Operation::Pull, Operation::Copy]
    }

    fn attempt(&self, task: &Task) -> Result<PeerOutcome> {
        let Task {
            operation,
            kind,
            from,
            to,
        } = task;
        if *operation == Operation::Copy {
            return PeerOutcome::determine(self.copy(from, to), || task.check_destination());
        }
        let name = from.to_string();
        let pull = [
            "images",
            "pull",
            "--plain-http",
            "--snapshotter=native",
            "--platform",
            kind.platform,
            &name,
        ];
        let result = run(&mut self.command(&pull)).map(drop);
        PeerOutcome::determine(result, || {
            layout::compare_oci(&self.content(), &task.one_image()?.documents_of_top())
        })
    }
}

impl Containerd {
    fn copy(&self, from: &TaggedReference, to: &TaggedReference) -> Result<(), ClientFailure> {
        let [from, to] = [from, to].map(ToString::to_string);
        run(&mut self.command(&["content", "fetch", "--plain-http", "--all-platforms", &from]))?;
        run(&mut self.command(&["images", "tag", &from, &to]))?;
        run(&mut self.command(&["images", "push", "--plain-http", &to])).map(drop)
    }
}
