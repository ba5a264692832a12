//! `portolan inspect`: shows the manifest of a reference.

mod summary;
mod text;
mod tree;

use clap::Args;
use portolan_model::{MediaTypeRole, Platform, child_descriptors, format_platforms};
use portolan_registry::StoredManifest;

use super::options::CommonOptions;
use super::values::{PlatformVersion, parse_platform};
use crate::failure::{Failure, Outcome};
use crate::image_config;
use crate::image_ref::Location;
use crate::manifest_io;
use crate::output;
use crate::resolve::ImageSource;
use summary::Summary;
use tree::ManifestTree;

/// Show a manifest: a summary, its exact bytes, or the full tree.
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
    /// Image, index or artifact to show.
    #[arg(value_name = "REF")]
    reference: Location,
    /// Print the manifest byte for byte.
    #[arg(long, conflicts_with_all = ["config", "tree", "json"])]
    raw: bool,
    /// Print the image config byte for byte.
    #[arg(long, conflicts_with_all = ["tree", "json"])]
    config: bool,
    /// Show the image for this platform, as os/arch[/variant]
    /// [default: the index itself]
    ///
    /// Nested indexes are searched too.
    #[arg(long, verbatim_doc_comment, value_name = "P", value_parser = parse_platform)]
    platform: Option<Platform>,
    #[command(flatten)]
    version: PlatformVersion,
    /// Show the tree of nested indexes, images and layers.
    #[arg(long)]
    tree: bool,
    /// Print the summary or the tree as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: CommonOptions,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let location = &arguments.reference;
    let resolver = arguments.options.resolver()?;
    let source = resolver.source(location).await?;
    show(arguments, &source)
        .await
        .map_err(|failure| location.with_login_hint(failure))
}

/// Prints the manifest in the form that the arguments request.
async fn show(arguments: &Arguments, source: &ImageSource) -> Outcome {
    let mut document = manifest_io::read(&source.repository, &source.reference).await?;
    let platforms = arguments.version.apply(arguments.platform.as_slice())?;
    for platform in &platforms {
        document = manifest_io::select_platform(&source.repository, document, platform).await?;
    }
    let name = arguments.reference.to_string();
    match arguments {
        Arguments { raw: true, .. } => output::bytes(&document.bytes),
        Arguments { config: true, .. } => print_config(source, &document).await,
        Arguments {
            tree: true, json, ..
        } => {
            let tree = ManifestTree::load(&source.repository, &document).await?;
            if *json {
                output::json(&tree)
            } else {
                output::text(&tree.render(&name))
            }
        }
        Arguments { json, .. } => {
            let summary = Summary::load(&source.repository, name, &document).await?;
            if *json {
                output::json(&summary)
            } else {
                output::text(&text::render(&summary))
            }
        }
    }
}

async fn print_config(source: &ImageSource, document: &StoredManifest) -> Outcome {
    let manifest = manifest_io::parse(document)?;
    match image_config::descriptor(&manifest) {
        Some(config) => output::bytes(&image_config::read_bytes(&source.repository, config).await?),
        None if document.info.media_type.role() == MediaTypeRole::Index => {
            let platforms = format_platforms(child_descriptors(&manifest));
            let failure = Failure::usage(anyhow::anyhow!("an index has no config"));
            Err(failure.with_hint(format!("add `--platform` with one of {platforms}")))
        }
        None => {
            let name = source.repository.full_name(&document.info.digest);
            let failure = Failure::not_found("the manifest has none");
            Err(failure.context(format_args!("failed to look up the config of {name}")))
        }
    }
}
