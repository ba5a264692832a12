//! Deletion of a manifest with the tags that point to it.

use portolan_model::{Reference, Tag};
use portolan_registry::{Deletion, Kind, Parent};

use super::Arguments;
use super::report::Report;
use crate::failure::{Failure, Outcome, Status};
use crate::image_ref::Location;
use crate::manifest_io;
use crate::resolve::ImageSource;

pub(super) async fn delete(arguments: &Arguments, location: &Location) -> Outcome {
    let resolver = arguments.options.resolver()?;
    let ImageSource {
        repository,
        reference,
    } = resolver.editable_source(location).await?;
    let digest = manifest_io::resolve_digest(&repository, &reference)
        .await
        .map_err(|failure| location.with_login_hint(failure))?;
    let tags = manifest_io::tags_of(&repository, &digest)
        .await
        .map_err(|failure| location.annotate("delete", failure))?;
    check_tags(arguments, location, &reference, &tags)?;
    if !arguments.dry_run {
        let deleted = repository
            .delete_manifest(&digest, deletion(arguments))
            .await;
        deleted.map_err(|error| explain_failure(arguments, location, error))?;
        resolver.finish(location).await?;
    }
    Report::new(arguments, location, &tags, &[digest]).print(&repository)
}

/// Returns the requested deletion mode.
pub(super) fn deletion(arguments: &Arguments) -> Deletion {
    if arguments.force {
        Deletion::Forced
    } else {
        Deletion::Guarded
    }
}

/// Rejects the deletion of a manifest to which tags other than the named one point, unless it is
/// requested.
pub(super) fn check_tags(
    arguments: &Arguments,
    location: &Location,
    named: &Reference,
    tags: &[Tag],
) -> Outcome {
    let is_named = |tag: &Tag| matches!(named, Reference::Tag(named) if named == tag);
    let others = tags.iter().filter(|tag| !is_named(tag));
    let others: Vec<_> = others.map(ToString::to_string).collect();
    if others.is_empty() || arguments.all_tags {
        return Ok(());
    }
    let message = format!(
        "the manifest of {location} also has {}: {}",
        if others.len() == 1 {
            "the tag"
        } else {
            "the tags"
        },
        others.join(", ")
    );
    let flag = manifest_flag(arguments, location);
    Err(
        Failure::new(Status::Precondition, anyhow::Error::msg(message)).with_hint(format!(
            "to delete it with all its tags, run `portolan delete {flag}--all-tags {location}`"
        )),
    )
}

/// Adds the location to an error, and a hint if other manifests reference the manifest.
pub(super) fn explain_failure(
    arguments: &Arguments,
    location: &Location,
    error: portolan_registry::Error,
) -> Failure {
    let Kind::Referenced { parents } = error.kind() else {
        return location.annotate("delete", error);
    };
    let message = format!("it is referenced by {}", list_parents(parents));
    let failure = Failure::new(Status::Precondition, anyhow::Error::msg(message));
    let flag = manifest_flag(arguments, location);
    location.annotate("delete", failure).with_hint(format!(
        "to delete it anyway, run `portolan delete {flag}--force {location}`"
    ))
}

/// Returns the flag with which the command deletes the manifest of a reference, with a space.
fn manifest_flag(arguments: &Arguments, location: &Location) -> &'static str {
    match arguments.tree {
        true => "--tree ",
        false if location.has_digest() => "",
        false => "--manifest ",
    }
}

/// Returns the part of the hint that lists the manifests that reference the manifest, or an empty
/// string if the registry did not report them.
fn list_parents(parents: &[Parent]) -> String {
    let digests: Vec<_> = parents
        .iter()
        .map(|parent| parent.digest.as_str())
        .collect();
    if digests.is_empty() {
        "manifests in this repository".into()
    } else {
        digests.join(", ")
    }
}
