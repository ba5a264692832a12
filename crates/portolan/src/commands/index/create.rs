//! `portolan index create`: a new index at a tag.

use clap::Args;
use portolan_model::MediaType;
use portolan_model::convert::{Conversion, Format};

use super::{Editor, children, edit};
use crate::commands::options::Options;
use crate::commands::texts::Annotation;
use crate::failure::Outcome;
use crate::location::Location;

/// Make an index of images and indexes; the tag points to it then, wherever it pointed before.
///
/// Children of other repositories are copied first. The platform of an image is what its config says. With
/// --consistent, children of the other format are converted as they are brought; their configs and layers stay. With
/// --docker, what Docker's format cannot hold in them, such as BuildKit's attestations, is left out.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan index create 127.0.0.1:5000/app:v1 127.0.0.1:5000/app:amd64 127.0.0.1:5000/app:arm64
  portolan index create quay.io/team/app:v1 oci:amd64 oci:arm64 --annotation org.opencontainers.image.version=1
  portolan index create --consistent quay.io/team/app:v1 oci:amd64 docker-archive:arm.tar")]
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
    /// Convert children to the format of the index, so that it holds no other types.
    #[arg(long)]
    consistent: bool,
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
    let (format, media_type) = if arguments.docker {
        (Format::Docker, MediaType::DOCKER_LIST)
    } else {
        (Format::Oci, MediaType::OCI_INDEX)
    };
    let conversion = arguments.consistent.then(|| Conversion {
        to: Some(format),
        drop_unknown: arguments.docker,
        ..Conversion::default()
    });
    let children = children::bring(&places, &editor.place, &arguments.children, conversion).await?;
    let edit = editor
        .edit(|_| Ok(edit::create(media_type, &children, &arguments.annotations)))
        .await?;
    editor.report(&edit)
}
