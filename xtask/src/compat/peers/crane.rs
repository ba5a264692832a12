//! crane, which copies and pulls.

use anyhow::Result;
use portolan_model::compat::Operation;

use super::super::truth::{Peer, Task, Truth};
use crate::interop::crane::Crane;
use crate::interop::layout;
use crate::interop::sandbox::run;

impl Peer for Crane {
    fn name(&self) -> &'static str {
        "crane"
    }

    fn target(&self) -> &'static str {
        "crane"
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
        let folder = self.path(&task.folder());
        let answer = run(self
            .pull_command("oci", from, &folder)
            .args(["--platform", kind.platform]))
        .map(drop);
        Truth::of(answer, || {
            layout::compare_oci(&folder, &task.one_image()?.whole())
        })
    }
}
