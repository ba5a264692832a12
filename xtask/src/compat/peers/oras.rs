//! oras, which copies and pulls.

use anyhow::Result;
use portolan_model::compat::Operation;

use super::super::truth::{Peer, Task, Truth};
use crate::interop::layout;
use crate::interop::oras::Oras;
use crate::interop::sandbox::prefixed;

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

    fn attempt(&self, task: &Task) -> Result<Truth> {
        let Task {
            operation,
            kind,
            from,
            to,
        } = task;
        let source = from.to_string();
        if *operation == Operation::Copy {
            let answer = self.copy(&[
                "--from-plain-http",
                &source,
                "--to-plain-http",
                &to.to_string(),
            ]);
            return Truth::of(answer.map(drop), || task.compare());
        }
        let folder = self.path(&task.folder());
        let layout = format!("{}:{}", prefixed("", &folder), from.tag);
        let one = ["--platform", kind.platform]
            .into_iter()
            .filter(|_| kind.is_list());
        let arguments = ["--from-plain-http", &source, "--to-oci-layout", &layout]
            .into_iter()
            .chain(one);
        let answer = self.copy(&arguments.collect::<Vec<_>>()).map(drop);
        Truth::of(answer, || {
            layout::compare_oci(&folder, &task.one_image()?.whole())
        })
    }
}
