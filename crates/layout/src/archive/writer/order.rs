//! Order of the blobs in an archive. It depends only on the images, and not on the order in which
//! their blobs arrived. Therefore, the same images result in the same archive.

use std::collections::{BTreeSet, HashMap, HashSet};

use portolan_model::{ChildKind, Descriptor, Digest, Manifest, MediaType};
use portolan_registry::MAX_MANIFEST_BYTES;

use crate::content::Content;
use crate::index::LayoutIndex;

/// Maximum depth of the tree. Content below it follows in the order of its digests.
const MAX_DEPTH: usize = 16;

/// Returns the digests of all `contents`: first those in the trees of `index`, each document
/// followed by its children, then all others in the order of their digests.
pub(super) fn digests_in_order(
    index: &LayoutIndex,
    contents: &HashMap<Digest, Content>,
) -> Vec<Digest> {
    let mut walk = Walk {
        contents,
        seen: HashSet::new(),
        order: Vec::new(),
    };
    for descriptor in index.descriptors() {
        walk.visit(descriptor, true, 1);
    }
    let rest: BTreeSet<_> = contents.keys().collect();
    for digest in rest {
        walk.add(digest);
    }
    walk.order
}

struct Walk<'a> {
    contents: &'a HashMap<Digest, Content>,
    seen: HashSet<Digest>,
    order: Vec<Digest>,
}

impl Walk<'_> {
    /// Adds content, and recursively the content that it references.
    fn visit(&mut self, descriptor: &Descriptor, is_manifest: bool, depth: usize) {
        if !self.add(&descriptor.digest) || !is_manifest || depth > MAX_DEPTH {
            return;
        }
        for child in self.read(descriptor).iter().flat_map(Manifest::children) {
            let media_type = child.descriptor.media_type.as_ref();
            let is_manifest = child.kind == ChildKind::Manifest
                && media_type.is_some_and(MediaType::is_known_manifest);
            self.visit(&child.descriptor, is_manifest, depth + 1);
        }
    }

    /// Adds content, and returns whether it exists and was not added before.
    fn add(&mut self, digest: &Digest) -> bool {
        let is_new = self.contents.contains_key(digest) && self.seen.insert(digest.clone());
        if is_new {
            self.order.push(digest.clone());
        }
        is_new
    }

    /// Returns the document of a descriptor, if it can be read.
    fn read(&self, descriptor: &Descriptor) -> Option<Manifest> {
        let content = self.contents.get(&descriptor.digest)?;
        let bytes = content.read(MAX_MANIFEST_BYTES as u64).ok()?;
        Manifest::parse(bytes, descriptor.media_type.as_ref()).ok()
    }
}
