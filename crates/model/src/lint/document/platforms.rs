//! Rules about the platforms of the children of an index.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

use super::child_name;
use crate::lint::fix::REMOVE_ENTRY;
use crate::lint::{Finding, FindingSink, Rule};
use crate::{
    Child, ChildKind, Descriptor, Digest, Manifest, MediaType, MediaTypeRole, SelectionKey,
};

/// Checks the children of an index for missing and duplicate platforms.
///
/// `is_artifact` returns whether a child is an artifact according to its document, because its
/// descriptor does not always show that. It is called only for children without a platform.
pub(super) fn check(
    index: &Manifest,
    is_artifact: impl Fn(&Digest) -> bool,
    sink: &mut FindingSink,
) {
    let malformed = malformed_pointers(sink);
    let mut first: HashMap<SelectionKey<'_>, &Child> = HashMap::new();
    for child in index.children().iter().filter(|child| is_image(child)) {
        match child.descriptor.selection_key() {
            Some(key) => match first.entry(key) {
                Entry::Vacant(entry) => drop(entry.insert(child)),
                Entry::Occupied(entry) => report_duplicate(child, entry.get(), sink),
            },
            None if malformed.contains(&format!("{}/platform", child.pointer)) => (),
            None if is_artifact(&child.descriptor.digest) => (),
            None => report_missing(child, sink),
        }
    }
}

/// Returns whether a child is an image according to its descriptor, and not an artifact or
/// attestation.
pub(in crate::lint) fn is_image(child: &Child) -> bool {
    let Descriptor {
        media_type,
        artifact_type,
        ..
    } = &child.descriptor;
    child.kind == ChildKind::Manifest
        && media_type.as_ref().is_some_and(|media_type| {
            media_type.role() == MediaTypeRole::Manifest
                && media_type.as_str() != MediaType::OCI_ARTIFACT
        })
        && artifact_type.as_ref().is_none_or(|artifact_type| {
            artifact_type.as_str().is_empty() || artifact_type.is_image_config()
        })
        && !child.descriptor.is_attestation()
}

fn malformed_pointers(sink: &FindingSink) -> HashSet<String> {
    let malformed = sink
        .findings()
        .iter()
        .filter(|finding| finding.rule == Rule::MalformedField);
    malformed.map(|finding| finding.pointer.clone()).collect()
}

/// Reports a child with the platform of an earlier child.
///
/// A child that is listed twice needs a different fix, because a removal by digest would remove
/// both entries.
fn report_duplicate(child: &Child, first: &Child, sink: &mut FindingSink) {
    let (name, pointer) = (child_name(&child.descriptor), &first.pointer);
    let message =
        format!("{name} is never selected: {pointer} has the same platform and comes first");
    let is_same = child.descriptor.digest == first.descriptor.digest;
    sink.add(Rule::DuplicatePlatform, |rule| {
        let fix = if is_same { REMOVE_ENTRY } else { rule.fix() };
        Finding {
            fix,
            ..Finding::for_child(rule, child, message)
        }
    });
}

fn report_missing(child: &Child, sink: &mut FindingSink) {
    let message = "the child has no platform, so clients that select by platform never choose it";
    sink.add(Rule::PlatformMissing, |rule| {
        Finding::for_child(rule, child, message)
    });
}
