//! Rules that need only the document itself.

mod descriptors;
mod fields;
mod image;
mod index;
mod platforms;

use super::{Finding, FindingSink};
use crate::{Descriptor, Digest, Family, Manifest, MediaType, MediaTypeRole};

pub(super) use platforms::is_image;

/// Checks a document by itself, without reading the content that it references. Takes linear time
/// in the size of the document.
///
/// Returns about a thousand findings at most, and at least one for each violated rule. If findings
/// of a rule are left out, the message of the last finding of that rule states their number.
pub fn check_document(manifest: &Manifest) -> Vec<Finding> {
    collect_findings(manifest, |_| false).finish()
}

/// Checks one document. Returns a sink, so that the caller can add further findings.
///
/// `is_artifact` returns whether a child of an index is an artifact instead of an image.
pub(super) fn collect_findings(
    manifest: &Manifest,
    is_artifact: impl Fn(&Digest) -> bool,
) -> FindingSink {
    let mut sink = manifest.finding_sink().clone();
    match manifest.media_type().role() {
        MediaTypeRole::Index => {
            index::check(manifest, &mut sink);
            platforms::check(manifest, is_artifact, &mut sink);
        }
        MediaTypeRole::Manifest => image::check(manifest, &mut sink),
        MediaTypeRole::Schema1 | MediaTypeRole::ForeignLayer | MediaTypeRole::Other => {
            index::report_unknown_type(manifest, &mut sink);
        }
    }
    if manifest.media_type().is_known_manifest() {
        fields::check(manifest, &mut sink);
        descriptors::check(manifest, &mut sink);
    }
    sink
}

/// Returns the name of a child of an index, for messages.
pub(super) fn child_name(descriptor: &Descriptor) -> String {
    match &descriptor.platform {
        Some(_) if descriptor.is_attestation() => "the attestation".into(),
        Some(platform) => format!("the child for {platform}"),
        None => "the child".into(),
    }
}

/// Returns a description of a media type, for messages.
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

/// Returns whether one of the two media types belongs to OCI and the other to Docker.
fn is_other_family(one: &MediaType, other: &MediaType) -> bool {
    matches!(
        (one.family(), other.family()),
        (Family::Oci, Family::Docker) | (Family::Docker, Family::Oci)
    )
}
