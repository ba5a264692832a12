//! Rules that compare the descriptors of a document with the stored content.

use super::document::child_name;
use super::{Finding, FindingSink, Rule};
use crate::{Child, ChildKind, Descriptor, Digest, Manifest, MediaType};

/// Size and media type of stored content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// Size of the content in bytes.
    pub size: u64,
    /// Media type of a stored manifest, or `None` for a blob.
    pub media_type: Option<MediaType>,
}

/// Returns findings about children that are missing or differ from their descriptors.
///
/// Checks all children, so that a single response lists all problems, up to the limit of
/// [`check_document`](super::check_document). Does not check the subject, because the specification
/// allows it to be missing: see [`check_subject`].
///
/// # Errors
/// Returns the error of `lookup`.
pub fn check_stored<E>(
    manifest: &Manifest,
    mut lookup: impl FnMut(&Digest) -> Result<Option<Stored>, E>,
) -> Result<Vec<Finding>, E> {
    let mut sink = FindingSink::default();
    for child in known_children(manifest) {
        check_child(child, lookup(&child.descriptor.digest)?.as_ref(), &mut sink);
    }
    Ok(sink.finish())
}

/// Returns a finding if the subject of the manifest is missing.
///
/// # Errors
/// Returns the error of `lookup`.
pub fn check_subject<E>(
    manifest: &Manifest,
    mut lookup: impl FnMut(&Digest) -> Result<Option<Stored>, E>,
) -> Result<Option<Finding>, E> {
    let Some(subject) = manifest.subject() else {
        return Ok(None);
    };
    Ok(lookup(&subject.digest)?
        .is_none()
        .then(|| missing_subject_finding(subject)))
}

/// Creates the finding about a missing subject.
pub(super) fn missing_subject_finding(subject: &Descriptor) -> Finding {
    let message = format!("the subject {} was not found", subject.digest);
    Finding::for_descriptor(Rule::MissingSubject, "/subject", subject, message)
}

/// Returns the children to compare with the stored content: all except [`ChildKind::Other`].
pub(super) fn known_children(manifest: &Manifest) -> impl Iterator<Item = &Child> {
    manifest
        .children()
        .iter()
        .filter(|child| child.kind != ChildKind::Other)
}

/// Compares the descriptor of a child with the stored content, or with `None` if the content is
/// missing.
pub(super) fn check_child(child: &Child, content: Option<&Stored>, sink: &mut FindingSink) {
    match content {
        Some(content) => {
            check_size(child, content, sink);
            check_media_type(child, content, sink);
        }
        None if child.required => sink.add(Rule::MissingChild, |rule| {
            Finding::for_child(rule, child, format!("{} was not found", child_label(child)))
        }),
        None => (),
    }
}

fn check_size(child: &Child, content: &Stored, sink: &mut FindingSink) {
    let (digest, stored) = (&child.descriptor.digest, content.size);
    if let Some(claimed) = child.descriptor.size.filter(|claimed| *claimed != stored) {
        let message =
            format!("size is {claimed}, but {digest} has {stored} bytes; correct the size");
        sink.add(Rule::SizeMismatch, |rule| Finding {
            stored_size: Some(stored),
            ..Finding::for_child(rule, child, message)
        });
    }
}

/// Compares the media type in the descriptor of a child with the type of the stored manifest.
///
/// Only items of `manifests` are compared. A layer or config of this document may be stored as a
/// manifest, because another document lists it in `manifests`.
fn check_media_type(child: &Child, content: &Stored, sink: &mut FindingSink) {
    let (Some(claimed), Some(stored)) = (&child.descriptor.media_type, &content.media_type) else {
        return;
    };
    if child.kind == ChildKind::Manifest && claimed != stored {
        let message = format!(
            "{} is described as {claimed}, but stored as {stored}",
            child_label(child)
        );
        sink.add(Rule::StoredTypeMismatch, |rule| {
            Finding::for_child(rule, child, message)
        });
    }
}

fn child_label(child: &Child) -> String {
    let digest = &child.descriptor.digest;
    match child.kind {
        ChildKind::Manifest if child.descriptor.platform.is_some() => {
            format!("{} ({digest})", child_name(&child.descriptor))
        }
        kind => format!("the {} {digest}", kind.as_str()),
    }
}
