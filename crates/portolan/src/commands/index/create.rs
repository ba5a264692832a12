//! `portolan index create`: a new index at a tag.

use clap::Args;
use portolan_model::MediaType;

use super::{Editor, children, edit};
use crate::commands::options::Options;
use crate::commands::texts::Annotation;
use crate::failure::Outcome;
use crate::location::Location;

/// Make an index of images and indexes; the tag points to it then, wherever it pointed before.
///
/// Children of other repositories are copied first. The platform of an image is what its config says.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan index create 127.0.0.1:5000/app:v1 127.0.0.1:5000/app:amd64 127.0.0.1:5000/app:arm64
  portolan index create quay.io/team/app:v1 oci:amd64 oci:arm64 --annotation org.opencontainers.image.version=1")]
pub(crate) struct Arguments {
    /// Where it is to be.
    #[arg(value_name = "DST")]
    target: Location,
    /// What it is made of.
    #[arg(value_name = "CHILD", required = true)]
    children: Vec<Location>,
    /// Make a Docker manifest list instead of an OCI index.
    #[arg(long)]
    docker: bool,
    /// Annotate the index.
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
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
    let children = children::bring(&places, &editor.place, &arguments.children).await?;
    let media_type = if arguments.docker { MediaType::DOCKER_LIST } else { MediaType::OCI_INDEX };
    let edit = editor.edit(|_| Ok(edit::create(media_type, &children, &arguments.annotations))).await?;
    editor.report(&edit)
}
