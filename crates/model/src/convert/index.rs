//! The children that an index is written anew with: its own, or also those of the indexes nested in it.

use std::collections::HashSet;
use std::iter::Enumerate;
use std::slice;

use super::order::{Documents, may_be_known};
use crate::{Descriptor, Digest, Draft, Json, Manifest, Platform, Role};

/// A child of an index, and where it stood.
pub(super) struct Entry<'a> {
    pub(super) document: &'a Digest,
    pub(super) pointer: String,
    pub(super) child: Json,
}

/// A nested index that is gone, its children being in the root.
pub(super) struct Lifted<'a> {
    pub(super) digest: Digest,
    pub(super) manifest: &'a Manifest,
    /// Whether it was lifted before, from another place.
    pub(super) again: bool,
    /// The index that named it, where, and what with.
    pub(super) document: &'a Digest,
    pub(super) pointer: String,
    pub(super) child: &'a Json,
}

/// The children of one index, as they stand.
pub(super) fn own<'a>(digest: &'a Digest, manifest: &Manifest) -> Vec<Entry<'a>> {
    let children = items(manifest).iter().enumerate();
    children
        .map(|(position, child)| Entry { document: digest, pointer: pointer(position), child: child.clone() })
        .collect()
}

/// The children of an index with those of nested ones in the place of these; each nested index is looked into once.
pub(super) fn lifted<'a>(
    digest: &'a Digest,
    manifest: &'a Manifest,
    documents: &'a Documents<'a>,
) -> (Vec<Entry<'a>>, Vec<Lifted<'a>>) {
    let (mut entries, mut gone, mut seen) = (Vec::new(), Vec::new(), HashSet::from([digest.clone()]));
    let mut levels = vec![Level { document: digest, children: items(manifest).iter().enumerate(), platform: None }];
    while let Some(level) = levels.last_mut() {
        let Some((position, child)) = level.children.next() else {
            levels.pop();
            continue;
        };
        let (document, pointer) = (level.document, pointer(position));
        let Some((digest, manifest)) = nested(child, documents) else {
            entries.push(Entry { document, pointer, child: level.complete(child) });
            continue;
        };
        let platform = platform(child).or(level.platform);
        let again = !seen.insert(digest.clone());
        gone.push(Lifted { digest: digest.clone(), manifest, again, document, pointer, child });
        if !again {
            levels.push(Level { document: digest, children: items(manifest).iter().enumerate(), platform });
        }
    }
    (entries, gone)
}

struct Level<'a> {
    document: &'a Digest,
    children: Enumerate<slice::Iter<'a, Json>>,
    /// What the descriptors above say.
    platform: Option<&'a Json>,
}

impl Level<'_> {
    /// The child with the platform of the index that it was in, if it has none of its own.
    fn complete(&self, child: &Json) -> Json {
        let mut child = child.clone();
        if let Some(platform) = self.platform.filter(|_| platform(&child).is_none()) {
            child.set("platform", platform.clone());
        }
        child
    }
}

/// What a child says; Go's writers take null for nothing.
pub(super) fn platform(child: &Json) -> Option<&Json> {
    child.get("platform").filter(|platform| **platform != Json::Null)
}

fn items(manifest: &Manifest) -> &[Json] {
    manifest.document().get("manifests").and_then(Json::as_array).unwrap_or_default()
}

fn pointer(position: usize) -> String {
    format!("/manifests/{position}")
}

fn nested<'a>(child: &Json, documents: &'a Documents<'a>) -> Option<(&'a Digest, &'a Manifest)> {
    let descriptor = Draft::descriptor(child).filter(may_be_known)?;
    documents.entry(&descriptor.digest).filter(|(_, manifest)| manifest.media_type().role() == Role::Index)
}

/// Children that are the same for whoever reads the index: same content, and the same platform or none.
#[derive(Default)]
pub(super) struct Distinct {
    seen: HashSet<(Digest, Option<Platform>)>,
}

impl Distinct {
    /// Whether a child is the first of its kind.
    pub(super) fn is_first(&mut self, child: &Descriptor) -> bool {
        self.seen.insert((child.digest.clone(), child.platform.clone()))
    }
}
