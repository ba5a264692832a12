//! Rules about the platforms that an index gives its children.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

use super::child_name;
use crate::lint::{Finding, Notes, Rule};
use crate::{Child, ChildKind, Descriptor, Digest, Manifest, MediaType, Platform, Role};

/// Says that a copy of the image beside it has layers compressed with zstd; readers who know it choose by that.
const COMPRESSION: &str = "io.github.containers.compression.zstd";

/// What `is_artifact` knows of a child beyond its descriptor counts where that says no platform.
pub(super) fn note(index: &Manifest, is_artifact: impl Fn(&Digest) -> bool, notes: &mut Notes) {
    let malformed = malformed_fields(notes);
    let mut first: HashMap<Key, &Child> = HashMap::new();
    for child in index.children().iter().filter(|child| is_image(child)) {
        match child
            .descriptor
            .platform
            .as_ref()
            .filter(|platform| !platform.os.is_empty())
        {
            Some(platform) => match first.entry(Key::of(platform, &child.descriptor)) {
                Entry::Vacant(entry) => drop(entry.insert(child)),
                Entry::Occupied(entry) => duplicate(child, entry.get(), notes),
            },
            None if malformed.contains(&format!("{}/platform", child.pointer)) => (),
            None if is_artifact(&child.descriptor.digest) => (),
            None => missing(child, notes),
        }
    }
}

/// Whether a child of an index is an image for a platform, as far as its descriptor tells: no artifact, no attestation.
pub(in crate::lint) fn is_image(child: &Child) -> bool {
    let Descriptor {
        media_type,
        artifact_type,
        ..
    } = &child.descriptor;
    child.kind == ChildKind::Manifest
        && media_type.as_ref().is_some_and(|media_type| {
            media_type.role() == Role::Manifest && media_type.as_str() != MediaType::OCI_ARTIFACT
        })
        && artifact_type.as_ref().is_none_or(|artifact_type| {
            artifact_type.as_str().is_empty() || artifact_type.is_image_config()
        })
        && !is_attestation(&child.descriptor)
}

/// Whether a descriptor is of an attestation, which BuildKit gives the platform `unknown/unknown`.
pub(in crate::lint) fn is_attestation(descriptor: &Descriptor) -> bool {
    let unknown =
        |platform: &Platform| platform.os == "unknown" && platform.architecture == "unknown";
    descriptor.platform.as_ref().is_some_and(unknown) || descriptor.attests().is_some()
}

fn malformed_fields(notes: &Notes) -> HashSet<String> {
    let malformed = notes
        .findings()
        .iter()
        .filter(|finding| finding.rule == Rule::MalformedField);
    malformed.map(|finding| finding.pointer.clone()).collect()
}

/// What stands there twice cannot be taken out once by its digest.
fn duplicate(child: &Child, first: &Child, notes: &mut Notes) {
    let (name, pointer) = (child_name(&child.descriptor), &first.pointer);
    let message =
        format!("{name} is never chosen: {pointer} is for the same platform and comes first");
    let is_same = child.descriptor.digest == first.descriptor.digest;
    notes.add(Rule::DuplicatePlatform, |rule| {
        let mend = if is_same {
            "write the entry once and push again"
        } else {
            rule.mend()
        };
        Finding {
            mend,
            ..Finding::of(rule, child, message)
        }
    });
}

fn missing(child: &Child, notes: &mut Notes) {
    let message = "the index does not say which platform the child is for, so nobody who looks for a platform chooses it";
    notes.add(Rule::PlatformMissing, |rule| {
        Finding::of(rule, child, message)
    });
}

/// What readers choose a child by.
#[derive(Eq, Hash, PartialEq)]
struct Key {
    os: String,
    processor: (String, String),
    os_version: Option<String>,
    os_features: Vec<String>,
    compression: Option<String>,
}

impl Key {
    fn of(platform: &Platform, descriptor: &Descriptor) -> Self {
        let mut os_features = platform.os_features.clone();
        os_features.sort_unstable();
        Self {
            os: platform.os.to_ascii_lowercase(),
            processor: platform.processor(),
            os_version: platform.os_version.clone(),
            os_features,
            compression: descriptor.annotations.get(COMPRESSION).cloned(),
        }
    }
}
