//! Rules that need no more than the document.

mod descriptors;
mod fields;
mod image;
mod index;
mod platforms;

use super::{Finding, Notes};
use crate::{Descriptor, Digest, Family, Manifest, MediaType, Role};

pub(super) use platforms::{is_attestation, is_image};

/// Everything remarkable about one document by itself, in time linear in its size.
///
/// It is cut off after about a thousand findings: the first of each rule is always there, and the last says how many more
/// there are.
pub fn document(manifest: &Manifest) -> Vec<Finding> {
    notes(manifest, |_| false).finish()
}

/// The same, to be continued; `is_artifact` knows children of an index that are no images.
pub(super) fn notes(manifest: &Manifest, is_artifact: impl Fn(&Digest) -> bool) -> Notes {
    let mut notes = manifest.notes().clone();
    match manifest.media_type().role() {
        Role::Index => {
            index::note(manifest, &mut notes);
            platforms::note(manifest, is_artifact, &mut notes);
        }
        Role::Manifest => image::note(manifest, &mut notes),
        Role::Schema1 | Role::ForeignLayer | Role::Other => {
            index::unknown_document(manifest, &mut notes)
        }
    }
    if manifest.media_type().is_known_manifest() {
        fields::note(manifest, &mut notes);
        descriptors::note(manifest, &mut notes);
    }
    notes
}

/// How a message calls a child of an index.
pub(super) fn child_name(descriptor: &Descriptor) -> String {
    match &descriptor.platform {
        Some(_) if is_attestation(descriptor) => "the attestation".into(),
        Some(platform) => format!("the child for {platform}"),
        None => "the child".into(),
    }
}

/// How a message calls content of this type.
fn kind_name(media_type: &MediaType) -> String {
    let name = match media_type.as_str() {
        MediaType::OCI_MANIFEST => "an OCI manifest",
        MediaType::OCI_INDEX => "an OCI index",
        MediaType::OCI_ARTIFACT => "an OCI artifact manifest",
        MediaType::DOCKER_MANIFEST => "a Docker manifest",
        MediaType::DOCKER_LIST => "a Docker manifest list",
        other => return format!("of type {other}"),
    };
    name.into()
}

/// Whether one is OCI's and the other Docker's.
fn are_of_two_families(one: &MediaType, other: &MediaType) -> bool {
    matches!(
        (one.family(), other.family()),
        (Family::Oci, Family::Docker) | (Family::Docker, Family::Oci)
    )
}
