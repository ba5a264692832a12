//! Storage order of the documents in a copy. A document has a rank above the ranks of its children,
//! so documents are stored rank by rank.

use std::collections::{HashMap, HashSet};

use portolan_model::Digest;

use super::tree::CopyTree;
use crate::order::rank;

/// Ranks of documents. The rank of a document is the length of the longest path to a document
/// without children, so children have lower ranks than their parents.
pub(super) struct Ranks<'a> {
    tree: &'a CopyTree,
    dropped: &'a HashSet<Digest>,
    pub(super) by_digest: HashMap<Digest, usize>,
}

impl<'a> Ranks<'a> {
    /// Creates an empty set of ranks for documents in `tree`. Children in `dropped` are ignored.
    pub(super) fn new(tree: &'a CopyTree, dropped: &'a HashSet<Digest>) -> Self {
        Self {
            tree,
            dropped,
            by_digest: HashMap::new(),
        }
    }

    /// Computes the ranks of a document and of all documents below it. The recursion is bounded,
    /// because the planner has limited the depth of the tree.
    pub(super) fn compute(&mut self, digest: &Digest) -> usize {
        let (tree, dropped) = (self.tree, self.dropped);
        let children = |digest: &Digest| {
            let children = tree
                .document(digest)
                .map(|document| document.children.as_slice())
                .unwrap_or_default();
            let is_stored =
                |child: &&Digest| !dropped.contains(*child) && tree.document(child).is_some();
            children.iter().filter(is_stored)
        };
        rank(digest, &children, &mut self.by_digest)
    }

    /// Returns whether a ranked document references `digest`.
    pub(super) fn is_child(&self, digest: &Digest) -> bool {
        self.by_digest
            .keys()
            .filter_map(|parent| self.tree.document(parent))
            .any(|parent| parent.children.contains(digest))
    }
}
