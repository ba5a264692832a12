//! crane, which copies and pulls.

use anyhow::Result;
use portolan_model::compat::Operation;

use super::super::outcome::{Peer, PeerOutcome, Task};
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

    fn attempt(&self, task: &Task) -> Result<PeerOutcome> {
        let Task {
            operation,
            kind,
            from,
            to,
        } = task;
        if *operation == Operation::Copy {
            return PeerOutcome::determine(self.copy_reference(from, to), || {
                task.check_destination()
            });
        }
        let folder = self.path(&task.folder_name());
        let result = run(self
            .pull_command("oci", from, &folder)
            .args(["--platform", kind.platform]))
        .map(drop);
        PeerOutcome::determine(result, || {
            layout::compare_oci(&folder, &task.one_image()?.documents_of_top())
        })
    }
}
