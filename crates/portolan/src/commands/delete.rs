//! `portolan delete`: deletes a tag, a manifest, a tree, untagged manifests, or a repository.

mod manifest;
mod report;
mod repository;
mod tag;
mod tree;
mod untagged;

use clap::Args;

use super::options::CommonOptions;
use crate::failure::{Failure, Outcome};
use crate::image_ref::Location;

/// Delete tags, manifests, trees or repositories
///
/// A reference with a tag deletes the tag and keeps the manifest. With --manifest, or if the
/// reference has a digest, the manifest and all tags that point to it are deleted. Each deleted
/// tag and manifest is printed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan delete 127.0.0.1:5000/app:old
  portolan delete --manifest 127.0.0.1:5000/app:old
  portolan delete --all-tags 127.0.0.1:5000/app@sha256:… --dry-run
  portolan delete --tree 127.0.0.1:5000/app:old
  portolan delete --untagged 127.0.0.1:5000/app --dry-run
  portolan delete --repository 127.0.0.1:5000/app")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// Tag to delete, or manifest to delete by digest.
    #[arg(
        value_name = "REF",
        required_unless_present_any = ["untagged", "repository"]
    )]
    reference: Option<Location>,
    /// Delete the manifest that the tag points to.
    #[arg(long)]
    manifest: bool,
    /// Delete the manifest with everything that only it leads to
    ///
    /// These are the manifests of an index, and the referrers of all deleted manifests, such as
    /// signatures and attestations. What another manifest or tag names remains; the tags that
    /// cosign creates go with the signed manifest. If the registry cannot list manifests, untagged
    /// manifests are unknown and keep nothing.
    #[arg(long)]
    tree: bool,
    /// Delete the manifest even if other tags point to it.
    #[arg(long)]
    all_tags: bool,
    /// Delete the manifest even if others reference it.
    ///
    /// Manifests that reference it become incomplete.
    #[arg(long)]
    force: bool,
    /// Delete the untagged manifests of a repository
    ///
    /// These are the manifests that no tag names, that no tagged index contains, and that are not
    /// referrers of such content. The registry must be able to list manifests, as Portolan does.
    #[arg(
        long,
        value_name = "REPOSITORY",
        conflicts_with_all = ["reference", "manifest", "tree", "all_tags", "force", "repository"]
    )]
    untagged: Option<Location>,
    /// Delete a repository with all its content
    ///
    /// If the registry is not Portolan, all tags are deleted, and all manifests that they lead to.
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with_all = ["reference", "manifest", "tree", "all_tags", "force"]
    )]
    repository: Option<Location>,
    /// Print what would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: CommonOptions,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    if let Some(location) = &arguments.untagged {
        return untagged::delete(arguments, location).await;
    }
    if let Some(location) = &arguments.repository {
        return repository::delete(arguments, location).await;
    }
    match &arguments.reference {
        Some(location) => delete_reference(arguments, location).await,
        None => Ok(()),
    }
}

async fn delete_reference(arguments: &Arguments, location: &Location) -> Outcome {
    if !location.has_reference() {
        let message = format!("{location} has no tag or digest");
        let base = location.base();
        let help = format!(
            "write `{base}:TAG` or `{base}@DIGEST`, or run `portolan delete --repository {base}`"
        );
        return Err(Failure::usage(anyhow::Error::msg(message)).with_hint(help));
    }
    if arguments.tree {
        return tree::delete(arguments, location).await;
    }
    if arguments.manifest || location.has_digest() {
        return manifest::delete(arguments, location).await;
    }
    tag::delete(arguments, location).await
}
