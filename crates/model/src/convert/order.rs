//! The documents of a tree, and an order in which each comes after what it names.

use std::collections::{HashMap, HashSet};

use crate::{ChildKind, Descriptor, Digest, Manifest, Role};

/// The manifests and indexes under a root.
pub(super) struct Documents<'a> {
    root: Digest,
    known: HashMap<Digest, &'a Manifest>,
}

impl<'a> Documents<'a> {
    /// Everything that can be reached through indexes. A child of a type that nobody here knows is none of it.
    pub(super) fn under(root: &Digest, document: impl Fn(&Digest) -> Option<&'a Manifest>) -> Self {
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

    /// The same with the digest as it is kept here.
    pub(super) fn entry(&self, digest: &Digest) -> Option<(&Digest, &'a Manifest)> {
        self.known
            .get_key_value(digest)
            .map(|(digest, manifest)| (digest, *manifest))
    }

    /// Every document after its children and its subject.
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
        .filter(|child| may_be_known(child))
        .map(|child| &child.digest)
}

/// Whether a descriptor's type is that of a manifest or index known here, or it does not say one.
pub(super) fn may_be_known(descriptor: &Descriptor) -> bool {
    descriptor
        .media_type
        .as_ref()
        .is_none_or(|media_type| matches!(media_type.role(), Role::Manifest | Role::Index))
}
