//! `portolan inspect`: what is under a reference.

mod summary;
mod text;
mod tree;

use clap::Args;
use portolan_model::{Platform, Role};

use super::options::Options;
use crate::documents::{self, Document};
use crate::failure::{Failure, Outcome};
use crate::image_config;
use crate::location::Location;
use crate::output;
use crate::places::Source;
use summary::Summary;
use tree::Tree;

/// Show what is under a reference: a summary, the exact document, or the whole tree.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan inspect docker.io/library/alpine:3.20
  portolan inspect alpine:3.20 --tree
  portolan inspect alpine:3.20 --platform linux/arm64 --config
  portolan inspect oci:images:alpine --raw | sha256sum")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// What to look at.
    #[arg(value_name = "REF")]
    reference: Location,
    /// Print the manifest byte for byte.
    #[arg(long, conflicts_with_all = ["config", "tree", "json"])]
    raw: bool,
    /// Print the image's config byte for byte.
    #[arg(long, conflicts_with_all = ["tree", "json"])]
    config: bool,
    /// Look at the image for this platform, through all indexes.
    #[arg(long, value_name = "P")]
    platform: Option<Platform>,
    /// Draw everything below it: nested indexes, images, layers.
    #[arg(long)]
    tree: bool,
    /// Print the summary or the tree as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let location = &arguments.reference;
    let places = arguments.options.places()?;
    let source = places.source(location).await?;
    show(arguments, &source)
        .await
        .map_err(|failure| location.advised(failure))
}

async fn show(arguments: &Arguments, source: &Source) -> Outcome {
    let mut document = documents::read(&source.place, &source.reference).await?;
    if let Some(platform) = &arguments.platform {
        document = documents::for_platform(&source.place, document, platform).await?;
    }
    let name = arguments.reference.to_string();
    match arguments {
        Arguments { raw: true, .. } => output::bytes(&document.bytes),
        Arguments { config: true, .. } => print_config(source, &document).await,
        Arguments {
            tree: true, json, ..
        } => {
            let tree = Tree::of(&source.place, &document).await?;
            if *json {
                output::json(&tree)
            } else {
                output::text(&tree.drawn(&name))
            }
        }
        Arguments { json, .. } => {
            let summary = Summary::of(&source.place, name, &document).await?;
            if *json {
                output::json(&summary)
            } else {
                output::text(&text::written(&summary))
            }
        }
    }
}

async fn print_config(source: &Source, document: &Document) -> Outcome {
    let manifest = document.manifest()?;
    match image_config::descriptor(&manifest) {
        Some(config) => output::bytes(&image_config::bytes(&source.place, config).await?),
        None if document.info.media_type.role() == Role::Index => {
            let platforms = documents::platforms(&manifest);
            let message = format!(
                "an index has no config; choose one of its images with --platform: {platforms}"
            );
            Err(Failure::usage(anyhow::Error::msg(message)))
        }
        None => Err(Failure::not_found(format!(
            "{} has no config",
            document.info.digest
        ))),
    }
}
