//! containerd, which takes images into storage to run them, and keeps all of them if it is told to.

use anyhow::Result;
use portolan_model::compat::Operation;

use super::super::truth::{Peer, Task, Truth};
use crate::interop::containerd::Containerd;
use crate::interop::layout;
use crate::interop::place::Place;
use crate::interop::sandbox::{Failure, run};

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

    fn attempt(&self, task: &Task) -> Result<Truth> {
        let Task {
            operation,
            kind,
            from,
            to,
        } = task;
        if *operation == Operation::Copy {
            return Truth::of(self.copy(from, to), || task.compare());
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
        let answer = run(&mut self.command(&pull)).map(drop);
        Truth::of(answer, || {
            layout::compare_oci(&self.content(), &task.one_image()?.whole())
        })
    }
}

impl Containerd {
    fn copy(&self, from: &Place, to: &Place) -> Result<(), Failure> {
        let [from, to] = [from, to].map(ToString::to_string);
        run(&mut self.command(&["content", "fetch", "--plain-http", "--all-platforms", &from]))?;
        run(&mut self.command(&["images", "tag", &from, &to]))?;
        run(&mut self.command(&["images", "push", "--plain-http", &to])).map(drop)
    }
}
