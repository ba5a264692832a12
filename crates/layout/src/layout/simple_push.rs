//! Pushes whose effect on the index and the view is known without computing the view again. Nearly
//! all pushes are simple, so the cost of a push does not depend on the size of the layout.
//!
//! The result is the same as that of the general case. A push is not simple if the order in which
//! an index is walked matters, because the same manifest is declared with different types, or if it
//! turns blobs into manifests.

use std::collections::HashSet;
use std::sync::Arc;

use portolan_model::{Descriptor, Digest, MediaType, Tag};
use portolan_registry::Result;

use super::manifest_cache::ParsedManifest;
use super::view::{DeclaredType, View};
use crate::index::{IndexChange, LayoutIndex};

/// Effect of a simple push.
pub(super) struct SimplePush {
    pub(super) change: IndexChange,
    /// Addition to the view. `None` if the manifest is already in it.
    pub(super) addition: Option<Addition>,
}

/// Addition of a manifest to a view (see [`View::add`]).
pub(super) struct Addition {
    pub(super) document: Arc<ParsedManifest>,
    pub(super) missing: Vec<Digest>,
}

/// State of a layout before a push.
pub(super) struct Before<'a, F> {
    pub(super) index: &'a LayoutIndex,
    pub(super) view: &'a View,
    /// Function that returns whether content exists.
    pub(super) has_content: F,
}

impl<F: Fn(&Digest) -> Result<bool>> Before<'_, F> {
    /// Returns the effect of a push, or `None` if the push is not simple. `descriptor` describes
    /// the pushed manifest `document`, and `tags` are the tags to set.
    pub(super) fn plan(
        &self,
        descriptor: Descriptor,
        document: &Arc<ParsedManifest>,
        tags: Vec<Tag>,
    ) -> Result<Option<SimplePush>> {
        let mut untagged = HashSet::new();
        for tag in &tags {
            let moved = self.index.find_by_name(tag.as_str())?;
            untagged.extend(moved.map(|moved| &moved.digest));
        }
        untagged.remove(&descriptor.digest);
        if !untagged.iter().all(|digest| self.can_lose_name(digest)) {
            return Ok(None);
        }
        let is_new = self.is_unknown(&descriptor.digest);
        if !is_new && !self.is_unchanged(&descriptor, document) {
            return Ok(None);
        }
        let (mut missing, mut superfluous) = (Vec::new(), Vec::new());
        for child in document.manifests().filter(|_| is_new) {
            if self.is_simple_child(child) {
                let digest = &child.digest;
                if self.index.has_bare(digest) || untagged.contains(digest) {
                    superfluous.push(digest.clone());
                }
            } else if self.is_unknown_child(child) && !(self.has_content)(&child.digest)? {
                missing.push(child.digest.clone());
            } else {
                return Ok(None);
            }
        }
        Ok(Some(SimplePush {
            change: IndexChange {
                descriptor,
                tags,
                needs_entry: is_new,
                superfluous,
            },
            addition: is_new.then(|| Addition {
                document: Arc::clone(document),
                missing,
            }),
        }))
    }

    /// Returns whether the view stays the same if a manifest loses one of its names: it keeps an
    /// entry with the same type, and no other entry becomes superfluous.
    fn can_lose_name(&self, digest: &Digest) -> bool {
        let mut types = self.index.entries_of(digest).map(|entry| &entry.media_type);
        let first = types.next();
        let mut others = types.peekable();
        let is_alone = others.peek().is_none();
        others.all(|other| Some(other) == first)
            && self.view.declared_type(digest).is_none()
            && self.can_move(digest)
            && (is_alone || !self.index.has_bare(digest))
    }

    /// Returns whether neither the index nor the view has a manifest.
    fn is_unknown(&self, digest: &Digest) -> bool {
        self.view.media_type(digest).is_none()
            && self.view.declared_type(digest).is_none()
            && self.index.find(digest).is_none()
    }

    /// Returns whether a manifest is in the view as it is pushed now, wherever it is referenced.
    fn is_unchanged(&self, descriptor: &Descriptor, document: &ParsedManifest) -> bool {
        let digest = &descriptor.digest;
        let known = self.view.document(digest);
        let is_same =
            known.is_some_and(|known| known.readable && known.media_type == document.media_type);
        // A new entry would reduce the depth of the children, or make their own entries superfluous.
        let keeps_children = document.manifests().next().is_none()
            || (self.index.find(digest).is_some()
                && !document
                    .manifests()
                    .any(|child| self.index.has_bare(&child.digest)));
        is_same
            && keeps_children
            && self.can_move(digest)
            && self.has_type(digest, descriptor.media_type.as_ref())
    }

    /// Returns whether the position of an entry in the index does not matter, because no child of
    /// the manifest depends on the order of its parents.
    fn can_move(&self, digest: &Digest) -> bool {
        let mut children = self
            .view
            .document(digest)
            .into_iter()
            .flat_map(|document| document.manifests());
        children
            .all(|child| self.view.declared_type(&child.digest) != Some(&DeclaredType::Different))
    }

    /// Returns whether a child is in the view as its parent declares it, wherever it is referenced,
    /// and has no children itself.
    fn is_simple_child(&self, child: &Descriptor) -> bool {
        is_declared_manifest(child)
            && self.has_type(&child.digest, child.media_type.as_ref())
            && self
                .view
                .document(&child.digest)
                .is_some_and(|known| known.readable && known.manifests().next().is_none())
    }

    /// Returns whether a child is unknown, or known only as the missing child of another index with
    /// the same type.
    fn is_unknown_child(&self, child: &Descriptor) -> bool {
        is_declared_manifest(child)
            && self.has_type(&child.digest, child.media_type.as_ref())
            && self.view.media_type(&child.digest).is_none()
            && self.index.find(&child.digest).is_none()
    }

    /// Returns whether all entries of a manifest and all indexes that reference it declare `wanted`
    /// as its type.
    fn has_type(&self, digest: &Digest, wanted: Option<&MediaType>) -> bool {
        let mut entries = self.index.entries_of(digest);
        let declared = match self.view.declared_type(digest) {
            None => true,
            Some(DeclaredType::Same(declared)) => declared.as_ref() == wanted,
            Some(DeclaredType::Different) => false,
        };
        declared && entries.all(|entry| entry.media_type.as_ref() == wanted)
    }
}

fn is_declared_manifest(child: &Descriptor) -> bool {
    let media_type = child.media_type.as_ref();
    media_type.is_some_and(MediaType::is_known_manifest)
}

#[cfg(test)]
mod tests;
