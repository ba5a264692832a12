//! `portolan index add`: adds children to an index.

use std::cell::RefCell;

use clap::Args;
use portolan_model::convert::Conversion;

use super::{Editor, children, edit};
use crate::commands::options::CommonOptions;
use crate::failure::Outcome;
use crate::image_ref::Location;
use crate::output::short_digest;

/// Add images and indexes to an index
///
/// The index is created if it does not exist. A child replaces the existing child
/// for the same platform, at its position, together with its attestations. Of a
/// child that is an index, the images and their attestations are added.
///
/// In a registry that supports conditional tag updates, several processes can add
/// children at the same time, and none is lost. A folder is locked by the first
/// process, and the others fail. In an archive, the last process to finish fails.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  portolan index add 127.0.0.1:5000/app:v1 127.0.0.1:5000/app:riscv64
  portolan index add quay.io/team/app:v1 oci-archive:arm64.tar"
)]
pub(crate) struct Arguments {
    /// Tag of the index.
    #[arg(value_name = "DST")]
    target: Location,
    /// Images and indexes to add.
    #[arg(value_name = "CHILD", required = true)]
    children: Vec<Location>,
    /// Keep children that are indexes, instead of listing their images.
    #[arg(long)]
    nest: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: CommonOptions,
}

pub(super) async fn run(arguments: &Arguments) -> Outcome {
    let resolver = arguments.options.resolver()?;
    let editor = Editor::open(&resolver, &arguments.target, arguments.json).await?;
    let conversion = Conversion {
        flatten: !arguments.nest,
        ..Conversion::default()
    };
    let children = children::copy_children(
        &resolver,
        &editor.repository,
        &arguments.children,
        conversion,
    )
    .await?;
    let removed = RefCell::default();
    let edit = editor.edit(|current| {
        let (edited, replaced) = edit::add(current, &children)?;
        removed.replace(replaced);
        Ok(edited)
    });
    let edit = edit.await?;
    for child in removed.take() {
        let platform = child
            .platform
            .map_or_else(String::new, |platform| format!(" ({platform})"));
        resolver.console().print(format_args!(
            "replaced {}{platform}",
            short_digest(&child.digest)
        ));
    }
    editor.report(&edit)
}
