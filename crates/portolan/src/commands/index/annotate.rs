//! `portolan index annotate`: sets annotations of an index or its children.

use clap::Args;

use super::{Editor, edit};
use crate::commands::options::CommonOptions;
use crate::commands::values::{Annotation, Selector};
use crate::failure::Outcome;
use crate::image_ref::Location;

/// Set annotations of an index or its children
///
/// An empty value removes the annotation.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan index annotate 127.0.0.1:5000/app:v1 org.opencontainers.image.version=1.2
  portolan index annotate 127.0.0.1:5000/app:v1 --child linux/arm64 com.example.tested=")]
pub(crate) struct Arguments {
    /// Tag of the index.
    #[arg(value_name = "DST")]
    target: Location,
    /// Annotate these children [default: the index itself].
    #[arg(long, value_name = "DIGEST|PLATFORM")]
    child: Option<Selector>,
    /// Annotations to set.
    #[arg(value_name = "KEY=VALUE", required = true)]
    annotations: Vec<Annotation>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: CommonOptions,
}

pub(super) async fn run(arguments: &Arguments) -> Outcome {
    let resolver = arguments.options.resolver()?;
    let editor = Editor::open(&resolver, &arguments.target, arguments.json).await?;
    let edit = editor
        .edit(|current| edit::annotate(current, arguments.child.as_ref(), &arguments.annotations))
        .await?;
    editor.report(&edit)
}
