//! Rules about what is stored under the digests that a document names.

use super::{Finding, Rule};
use crate::{Child, ChildKind, Digest, Manifest, MediaType};

/// What is stored under a digest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    /// Its size in bytes.
    pub size: u64,
    /// The type that it is stored with, if it is held as a manifest.
    pub media_type: Option<MediaType>,
}

/// What is missing or other than a document says. Every child is looked at, so that one answer names all of them.
///
/// # Errors
/// What `held` fails with.
pub fn stored<E>(
    manifest: &Manifest,
    mut held: impl FnMut(&Digest) -> Result<Option<Held>, E>,
) -> Result<Vec<Finding>, E> {
    let mut findings = Vec::new();
    for child in manifest.children().iter().filter(|child| child.kind != ChildKind::Other) {
        match held(&child.descriptor.digest)? {
            None if child.required => findings.push(missing(child)),
            None => (),
            Some(held) => findings.extend(differing(child, &held)),
        }
    }
    Ok(findings)
}

fn missing(child: &Child) -> Finding {
    let message = format!("the {} {} is not stored here", child.kind.as_str(), child.descriptor.digest);
    about(child, Rule::MissingChild, message)
}

fn differing(child: &Child, held: &Held) -> Option<Finding> {
    let claimed = child.descriptor.size.filter(|claimed| *claimed != held.size)?;
    let Held { size, .. } = held;
    let message =
        format!("the descriptor says {claimed} bytes, {} has {size}; correct the size", child.descriptor.digest);
    Some(Finding { stored_size: Some(*size), ..about(child, Rule::SizeMismatch, message) })
}

/// A finding about a descriptor of the document.
pub(super) fn about(child: &Child, rule: Rule, message: String) -> Finding {
    Finding {
        digest: Some(child.descriptor.digest.clone()),
        media_type: child.descriptor.media_type.clone(),
        claimed_size: child.descriptor.size,
        ..Finding::new(rule, &child.pointer, message)
    }
}
