//! oras, which copies and pulls.

use anyhow::Result;
use portolan_model::compat::Operation;

use super::super::outcome::{Peer, PeerOutcome, Task};
use crate::interop::layout;
use crate::interop::oras::Oras;
use crate::interop::sandbox::path_argument;

impl Peer for Oras {
    fn name(&self) -> &'static str {
        "oras"
    }

    fn target(&self) -> &'static str {
        "oras"
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
        let source = from.to_string();
        if *operation == Operation::Copy {
            let result = self.copy(&[
                "--from-plain-http",
                &source,
                "--to-plain-http",
                &to.to_string(),
            ]);
            return PeerOutcome::determine(result.map(drop), || task.check_destination());
        }
        let folder = self.path(&task.folder_name());
        let layout = format!("{}:{}", path_argument("", &folder), from.tag);
        let one = ["--platform", kind.platform]
            .into_iter()
            .filter(|_| kind.is_list());
        let arguments = ["--from-plain-http", &source, "--to-oci-layout", &layout]
            .into_iter()
            .chain(one);
        let result = self.copy(&arguments.collect::<Vec<_>>()).map(drop);
        PeerOutcome::determine(result, || {
            layout::compare_oci(&folder, &task.one_image()?.documents_of_top())
        })
    }
}
