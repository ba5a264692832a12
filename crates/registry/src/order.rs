//! Storage order of documents: children before the documents that reference them. A document is a
//! manifest or an index.

use std::collections::HashMap;

use portolan_model::Digest;

/// Computes the rank of the document `digest` and of every document below it. Adds the ranks that
/// are not in `ranks` yet, and returns the rank of `digest`.
///
/// The rank of a document is the length of the longest path to a document without children, so
/// documents of the same rank do not reference each other. The recursion is as deep as the tree, so
/// the caller has to limit the depth of the tree.
pub(crate) fn rank<'a, C>(
    digest: &Digest,
    children: &impl Fn(&Digest) -> C,
    ranks: &mut HashMap<Digest, usize>,
) -> usize
where
    C: Iterator<Item = &'a Digest>,
{
    if let Some(rank) = ranks.get(digest) {
        return *rank;
    }
    let rank = children(digest)
        .map(|child| rank(child, children, ranks) + 1)
        .max()
        .unwrap_or_default();
    ranks.insert(digest.clone(), rank);
    rank
}
