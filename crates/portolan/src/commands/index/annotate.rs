//! `portolan index annotate`: annotations of an index or of its children.

use clap::Args;

use super::{Editor, edit};
use crate::commands::options::Options;
use crate::commands::texts::{Annotation, Selector};
use crate::failure::Outcome;
use crate::location::Location;

/// Set annotations of an index or of its children; an empty value removes one.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan index annotate 127.0.0.1:5000/app:v1 org.opencontainers.image.version=1.2
  portolan index annotate 127.0.0.1:5000/app:v1 --child linux/arm64 com.example.tested=")]
pub(crate) struct Arguments {
    /// The index.
    #[arg(value_name = "DST")]
    target: Location,
    /// Annotate these children instead of the index.
    #[arg(long, value_name = "DIGEST|PLATFORM")]
    child: Option<Selector>,
    /// The annotations.
    #[arg(value_name = "KEY=VALUE", required = true)]
    annotations: Vec<Annotation>,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

pub(super) async fn run(arguments: &Arguments) -> Outcome {
    let places = arguments.options.places()?;
    let editor = Editor::open(&places, &arguments.target, arguments.json).await?;
    let edit = editor
        .edit(|current| edit::annotate(current, arguments.child.as_ref(), &arguments.annotations))
        .await?;
    editor.report(&edit)
}
