//! The order in which documents are stored: children before those that name them.

use std::collections::{HashMap, HashSet};

use portolan_model::Digest;

use super::tree::Tree;

/// How high each document stands above those that name no other.
pub(super) struct Ranks<'a> {
    tree: &'a Tree,
    dropped: &'a HashSet<Digest>,
    pub(super) found: HashMap<Digest, usize>,
}

impl<'a> Ranks<'a> {
    /// Nothing has a rank yet; what was dropped never has.
    pub(super) fn new(tree: &'a Tree, dropped: &'a HashSet<Digest>) -> Self {
        Self {
            tree,
            dropped,
            found: HashMap::new(),
        }
    }

    /// The rank of a document, whose children get theirs too. The walk has bounded the depth.
    pub(super) fn of(&mut self, digest: &Digest) -> usize {
        if let Some(rank) = self.found.get(digest) {
            return *rank;
        }
        let tree = self.tree;
        let children = tree
            .document(digest)
            .map(|document| document.children.as_slice())
            .unwrap_or_default();
        let kept = children
            .iter()
            .filter(|child| !self.dropped.contains(child) && tree.document(child).is_some());
        let kept: Vec<_> = kept.collect();
        let rank = kept
            .into_iter()
            .map(|child| self.of(child) + 1)
            .max()
            .unwrap_or_default();
        self.found.insert(digest.clone(), rank);
        rank
    }

    /// Whether a document that was found names it.
    pub(super) fn is_a_child(&self, digest: &Digest) -> bool {
        self.found
            .keys()
            .filter_map(|parent| self.tree.document(parent))
            .any(|parent| parent.children.contains(digest))
    }
}
