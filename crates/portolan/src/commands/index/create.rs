//! `portolan index create`: creates an index at a tag.

use clap::Args;
use portolan_model::MediaType;
use portolan_model::convert::{Conversion, ImageFormat};

use super::{Editor, children, edit};
use crate::commands::options::CommonOptions;
use crate::commands::values::Annotation;
use crate::failure::Outcome;
use crate::image_ref::Location;

/// Create an index of images and indexes
///
/// The tag is moved to the new index if it already exists. Children from other
/// repositories are copied first. The platform of an image comes from its config.
///
/// Of a child that is an index, such as the output of docker buildx, the images
/// and their attestations are listed. If two images have the same platform, both
/// are listed, and a warning is printed: clients select the first.
///
/// With --consistent, children of the other format are converted when they are
/// copied; their configs and layers stay the same. With --docker, children that
/// Docker's format cannot represent, such as BuildKit attestations, are dropped.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  portolan index create 127.0.0.1:5000/app:v1 127.0.0.1:5000/app:amd64 127.0.0.1:5000/app:arm64
  portolan index create quay.io/team/app:v1 quay.io/team/app@sha256:… quay.io/team/app@sha256:…
  portolan index create quay.io/team/app:v1 oci:amd64 oci:arm64 --annotation org.opencontainers.image.version=1
  portolan index create --consistent quay.io/team/app:v1 oci:amd64 docker-archive:arm.tar"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// Tag of the new index.
    #[arg(value_name = "DST")]
    target: Location,
    /// Images and indexes to include.
    #[arg(value_name = "CHILD", required = true)]
    children: Vec<Location>,
    /// Create a Docker manifest list, not an OCI index.
    #[arg(long)]
    docker: bool,
    /// Convert children to the format of the index.
    #[arg(long)]
    consistent: bool,
    /// Keep children that are indexes, instead of listing their images.
    #[arg(long)]
    nest: bool,
    /// Add an annotation to the index.
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
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
    let (format, media_type) = if arguments.docker {
        (ImageFormat::Docker, MediaType::DOCKER_LIST)
    } else {
        (ImageFormat::Oci, MediaType::OCI_INDEX)
    };
    let conversion = Conversion {
        to: arguments.consistent.then_some(format),
        flatten: !arguments.nest,
        drop_unknown: arguments.consistent && arguments.docker,
    };
    let children = children::copy_children(
        &resolver,
        &editor.repository,
        &arguments.children,
        conversion,
    )
    .await?;
    let edit = editor
        .edit(|_| Ok(edit::create(media_type, &children, &arguments.annotations)))
        .await?;
    editor.report(&edit)
}
