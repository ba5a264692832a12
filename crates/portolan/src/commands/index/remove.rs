//! `portolan index remove`: removes children from an index.

use std::cell::RefCell;

use clap::Args;

use super::{Editor, edit};
use crate::commands::options::CommonOptions;
use crate::commands::values::Selector;
use crate::failure::Outcome;
use crate::image_ref::Location;
use crate::output::short_digest;

/// Remove children from an index
///
/// Attestations that BuildKit attached to the children are removed too.
///
/// The manifests stay in the repository.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan index remove 127.0.0.1:5000/app:v1 linux/arm/v6
  portolan index remove 127.0.0.1:5000/app:v1 sha256:…")]
pub(crate) struct Arguments {
    /// Tag of the index.
    #[arg(value_name = "DST")]
    target: Location,
    /// Children to remove.
    #[arg(value_name = "DIGEST|PLATFORM", required = true)]
    children: Vec<Selector>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: CommonOptions,
}

pub(super) async fn run(arguments: &Arguments) -> Outcome {
    let resolver = arguments.options.resolver()?;
    let editor = Editor::open(&resolver, &arguments.target, arguments.json).await?;
    let removed = RefCell::default();
    let edit = editor.edit(|current| {
        let (edited, dropped) = edit::remove(current, &arguments.children)?;
        removed.replace(dropped);
        Ok(edited)
    });
    let edit = edit.await?;
    for child in removed.take() {
        let platform = child
            .platform
            .map_or_else(String::new, |platform| format!(" ({platform})"));
        resolver.console().print(format_args!(
            "removed {}{platform}",
            short_digest(&child.digest)
        ));
    }
    editor.report(&edit)
}
