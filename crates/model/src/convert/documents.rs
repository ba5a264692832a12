//! Documents to convert, ordered so that children come first.

use std::collections::{HashMap, HashSet};

use crate::{ChildKind, Descriptor, Digest, Manifest, MediaTypeRole};

/// Root document, and the manifests and indexes below it.
pub(super) struct Documents<'a> {
    root: Digest,
    known: HashMap<Digest, &'a Manifest>,
}

impl<'a> Documents<'a> {
    /// Collects all documents that are reachable from `root` through indexes.
    ///
    /// Skips children with an unknown media type.
    pub(super) fn collect(
        root: &Digest,
        document: impl Fn(&Digest) -> Option<&'a Manifest>,
    ) -> Self {
        let mut documents = Self {
            root: root.clone(),
            known: HashMap::new(),
        };
        let mut pending = vec![root.clone()];
        while let Some(digest) = pending.pop() {
            if documents.known.contains_key(&digest) {
                continue;
            }
            let found = document(&digest)
                .filter(|manifest| digest == *root || manifest.media_type().is_known_manifest());
            if let Some(manifest) = found {
                pending.extend(children(manifest).cloned());
                documents.known.insert(digest, manifest);
            }
        }
        documents
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<&'a Manifest> {
        self.known.get(digest).copied()
    }

    /// Returns a document with its digest, borrowed from `self` so that it outlives the argument.
    pub(super) fn get_key_value(&self, digest: &Digest) -> Option<(&Digest, &'a Manifest)> {
        self.known
            .get_key_value(digest)
            .map(|(digest, manifest)| (digest, *manifest))
    }

    /// Returns the digests of all documents, ordered so that the children and the subject of a
    /// document come before it.
    ///
    /// Uses an explicit stack, because deep nesting must not overflow the call stack.
    pub(super) fn children_first(&self) -> Vec<&Digest> {
        let (mut order, mut seen) = (Vec::new(), HashSet::new());
        let mut steps = vec![Step::Enter(&self.root)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Enter(digest) => {
                    let Some((digest, manifest)) = self.known.get_key_value(digest) else {
                        continue;
                    };
                    if seen.insert(digest) {
                        steps.push(Step::Leave(digest));
                        let subject = manifest.subject().map(|subject| &subject.digest);
                        let before: Vec<_> = children(manifest).chain(subject).collect();
                        steps.extend(before.into_iter().rev().map(Step::Enter));
                    }
                }
                Step::Leave(digest) => order.push(digest),
            }
        }
        order
    }
}

/// Step of the depth-first traversal in [`Documents::children_first`].
enum Step<'a> {
    Enter(&'a Digest),
    Leave(&'a Digest),
}

fn children(manifest: &Manifest) -> impl Iterator<Item = &Digest> {
    let children = manifest
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest);
    children
        .map(|child| &child.descriptor)
        .filter(|child| can_be_document(child))
        .map(|child| &child.digest)
}

/// Returns whether a descriptor can reference a document: its media type is a known manifest or
/// index type, or is missing.
pub(super) fn can_be_document(descriptor: &Descriptor) -> bool {
    descriptor.media_type.as_ref().is_none_or(|media_type| {
        matches!(
            media_type.role(),
            MediaTypeRole::Manifest | MediaTypeRole::Index
        )
    })
}
