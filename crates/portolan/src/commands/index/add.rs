//! `portolan index add`: more children for an index.

use std::cell::RefCell;

use clap::Args;

use super::{Editor, children, edit};
use crate::commands::options::Options;
use crate::failure::Outcome;
use crate::location::Location;
use crate::output::short;

/// Add images and indexes to an index, which is made if it is not there.
///
/// In a registry with preconditions, many processes may do so at the same time, and none of their children is
/// lost. In a folder, the second is refused as long as the first holds the lock; in an archive, whoever is
/// ready last is refused. A child takes the place of the one for the same platform.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan index add 127.0.0.1:5000/app:v1 127.0.0.1:5000/app:riscv64
  portolan index add quay.io/team/app:v1 oci-archive:arm64.tar")]
pub(crate) struct Arguments {
    /// The index.
    #[arg(value_name = "DST")]
    target: Location,
    /// What is added.
    #[arg(value_name = "CHILD", required = true)]
    children: Vec<Location>,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(arguments: &Arguments) -> Outcome {
    let places = arguments.options.places()?;
    let editor = Editor::open(&places, &arguments.target, arguments.json).await?;
    let children = children::bring(&places, &editor.place, &arguments.children, None).await?;
    let replaced = RefCell::default();
    let edit = editor.edit(|current| {
        let (edited, gone) = edit::add(current, &children)?;
        replaced.replace(gone);
        Ok(edited)
    });
    let edit = edit.await?;
    for child in replaced.take() {
        let platform = child
            .platform
            .map_or_else(String::new, |platform| format!(" ({platform})"));
        places
            .talk()
            .say(format_args!("replaced {}{platform}", short(&child.digest)));
    }
    editor.report(&edit)
}
