//! `portolan index remove`: children taken out of an index.

use std::cell::RefCell;

use clap::Args;

use super::{Editor, edit};
use crate::commands::options::Options;
use crate::commands::texts::Selector;
use crate::failure::Outcome;
use crate::location::Location;
use crate::output::short;

/// Take children out of an index, and what BuildKit attached to them; the manifests stay in the repository.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan index remove 127.0.0.1:5000/app:v1 linux/arm/v6
  portolan index remove 127.0.0.1:5000/app:v1 sha256:…")]
pub(crate) struct Arguments {
    /// The index.
    #[arg(value_name = "DST")]
    target: Location,
    /// The children.
    #[arg(value_name = "DIGEST|PLATFORM", required = true)]
    children: Vec<Selector>,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(arguments: &Arguments) -> Outcome {
    let places = arguments.options.places()?;
    let editor = Editor::open(&places, &arguments.target, arguments.json).await?;
    let removed = RefCell::default();
    let edit = editor.edit(|current| {
        let (edited, gone) = edit::remove(current, &arguments.children)?;
        removed.replace(gone);
        Ok(edited)
    });
    let edit = edit.await?;
    for child in removed.take() {
        let platform = child
            .platform
            .map_or_else(String::new, |platform| format!(" ({platform})"));
        places
            .talk()
            .say(format_args!("removed {}{platform}", short(&child.digest)));
    }
    editor.report(&edit)
}
