//! Rules about what is stored under the digests that a document names.

use super::document::child_name;
use super::{Finding, Notes, Rule};
use crate::{Child, ChildKind, Descriptor, Digest, Manifest, MediaType};

/// What is stored under a digest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    /// Its size in bytes.
    pub size: u64,
    /// The type that it is stored with, if it is held as a manifest.
    pub media_type: Option<MediaType>,
}

/// What is missing or other than a document says. Every child is looked at, so that one answer names all of them, up to
/// the bound of [`super::document`]. A subject may be missing, and is asked for by [`missing_subject`] alone.
///
/// # Errors
/// What `held` fails with.
pub fn stored<E>(
    manifest: &Manifest,
    mut held: impl FnMut(&Digest) -> Result<Option<Held>, E>,
) -> Result<Vec<Finding>, E> {
    let mut notes = Notes::default();
    for child in stored_children(manifest) {
        note(child, held(&child.descriptor.digest)?.as_ref(), &mut notes);
    }
    Ok(notes.finish())
}

/// Whether the subject of a document is missing.
///
/// # Errors
/// What `held` fails with.
pub fn missing_subject<E>(
    manifest: &Manifest,
    mut held: impl FnMut(&Digest) -> Result<Option<Held>, E>,
) -> Result<Option<Finding>, E> {
    let Some(subject) = manifest.subject() else {
        return Ok(None);
    };
    Ok(held(&subject.digest)?.is_none().then(|| without(subject)))
}

/// What is said about a subject that is not stored.
pub(super) fn without(subject: &Descriptor) -> Finding {
    let message = format!("the subject {} is not stored here", subject.digest);
    Finding::describing(Rule::MissingSubject, "/subject", subject, message)
}

/// Everything of which it matters whether it is stored.
pub(super) fn stored_children(manifest: &Manifest) -> impl Iterator<Item = &Child> {
    manifest
        .children()
        .iter()
        .filter(|child| child.kind != ChildKind::Other)
}

/// Judges one child by what is held under its digest.
pub(super) fn note(child: &Child, held: Option<&Held>, notes: &mut Notes) {
    match held {
        Some(held) => {
            size(child, held, notes);
            media_type(child, held, notes);
        }
        None if child.required => notes.add(Rule::MissingChild, |rule| {
            Finding::of(rule, child, format!("{} is not stored here", called(child)))
        }),
        None => (),
    }
}

fn size(child: &Child, held: &Held, notes: &mut Notes) {
    let (digest, stored) = (&child.descriptor.digest, held.size);
    if let Some(claimed) = child.descriptor.size.filter(|claimed| *claimed != stored) {
        let message =
            format!("the descriptor says {claimed} bytes, {digest} has {stored}; correct the size");
        notes.add(Rule::SizeMismatch, |rule| Finding {
            stored_size: Some(stored),
            ..Finding::of(rule, child, message)
        });
    }
}

/// What is a layer or a config here may well be a manifest to others.
fn media_type(child: &Child, held: &Held, notes: &mut Notes) {
    let (Some(claimed), Some(stored)) = (&child.descriptor.media_type, &held.media_type) else {
        return;
    };
    if child.kind == ChildKind::Manifest && claimed != stored {
        let message = format!(
            "{} is described as {claimed}, and stored as {stored}",
            called(child)
        );
        notes.add(Rule::StoredTypeMismatch, |rule| {
            Finding::of(rule, child, message)
        });
    }
}

fn called(child: &Child) -> String {
    let digest = &child.descriptor.digest;
    match child.kind {
        ChildKind::Manifest if child.descriptor.platform.is_some() => {
            format!("{} ({digest})", child_name(&child.descriptor))
        }
        kind => format!("the {} {digest}", kind.as_str()),
    }
}
