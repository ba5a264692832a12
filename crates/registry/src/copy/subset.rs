//! Subset of an index: the children to copy, and the index that lists only them.

use std::collections::{HashMap, HashSet};

use portolan_model::convert::ConvertedDocument;
use portolan_model::{
    ChildEdit, Descriptor, Digest, Manifest, ManifestDraft, MediaType, MediaTypeRole, Platform,
    child_descriptors, format_platforms,
};

use super::rewriting::build_replacement;
use super::tree::{CopyTree, Document};
use crate::{Error, Kind, Result};

/// Children of an index that are copied.
pub(super) struct Selection<'a> {
    platforms: &'a [Platform],
    config_platforms: &'a HashMap<Digest, Platform>,
    /// Best rank of a child for each of the platforms.
    best: Vec<Option<usize>>,
    /// Selected images, whose attestations are selected too.
    images: HashSet<&'a Digest>,
}

impl<'a> Selection<'a> {
    /// Selects the children of an index for `platforms`. If `platforms` is empty, selects all
    /// children.
    ///
    /// Selects the images with the best [rank](Platform::rank) for each platform, nested indexes
    /// that may contain such images, and the attestations that BuildKit attaches to a selected
    /// image. `config_platforms` has the platforms of images for which the index states none.
    pub(super) fn new(
        index: &'a Manifest,
        platforms: &'a [Platform],
        config_platforms: &'a HashMap<Digest, Platform>,
    ) -> Self {
        let mut selection = Self {
            platforms,
            config_platforms,
            best: Vec::new(),
            images: HashSet::new(),
        };
        let best = platforms.iter().map(|wanted| {
            let ranks = child_descriptors(index).filter_map(|child| selection.rank(child, wanted));
            ranks.min()
        });
        selection.best = best.collect();
        let images = child_descriptors(index).filter(|child| selection.is_image(child));
        selection.images = images.map(|child| &child.digest).collect();
        selection
    }

    /// Returns whether an entry of the index is selected. Of several entries for the same digest,
    /// only those for a selected platform are.
    pub(super) fn contains(&self, child: &Descriptor) -> bool {
        let is_attached = || {
            child
                .attested_image()
                .is_some_and(|image| self.images.contains(&image))
        };
        let role = child.media_type.as_ref().map(MediaType::role);
        self.platforms.is_empty()
            || self.is_image(child)
            || (role == Some(MediaTypeRole::Index)
                && platform_of(child, self.config_platforms).is_none())
            || is_attached()
    }

    fn is_image(&self, child: &Descriptor) -> bool {
        let mut wanted = self.platforms.iter().zip(&self.best);
        wanted.any(|(wanted, best)| best.is_some() && self.rank(child, wanted) == *best)
    }

    fn rank(&self, child: &Descriptor, wanted: &Platform) -> Option<usize> {
        let media_type = child.media_type.as_ref()?;
        platform_of(child, self.config_platforms)
            .filter(|_| media_type.is_known_manifest())?
            .rank(wanted)
    }
}

/// Changes to the indexes of a tree, by their digests at the source.
pub(super) struct Subset {
    /// Replacements of the indexes with removed children.
    pub(super) rewritten: HashMap<Digest, ConvertedDocument>,
    /// Indexes without a remaining child.
    pub(super) empty: HashSet<Digest>,
}

/// Reduces the tree below `root` to the images for `platforms`.
///
/// # Errors
/// Returns [`Kind::ManifestUnknown`] if there is no image for a platform. The suggestion lists the
/// platforms that are available.
pub(super) fn reduce(tree: &CopyTree, root: &Digest, platforms: &[Platform]) -> Result<Subset> {
    let mut cut = Reducer {
        tree,
        platforms,
        visited: HashMap::new(),
        rewritten: HashMap::new(),
        remaining_platforms: Vec::new(),
    };
    cut.visit(root);
    let unserved = platforms.iter().filter(|wanted| {
        !cut.remaining_platforms
            .iter()
            .any(|platform| platform.rank(wanted).is_some())
    });
    let unserved: Vec<_> = unserved.map(ToString::to_string).collect();
    if !unserved.is_empty() {
        let platforms = format_platforms(&available_children(tree, root));
        let message = format!("the index has no image for {}", unserved.join(", "));
        return Err(Error::new(Kind::ManifestUnknown, message)
            .with_help(format!("the platforms are {platforms}")));
    }
    let empty = cut
        .visited
        .into_iter()
        .filter(|(_, left)| !left)
        .map(|(digest, _)| digest)
        .collect();
    Ok(Subset {
        rewritten: cut.rewritten,
        empty,
    })
}

/// Returns the platform of a child: the stated one, or the one from its config.
pub(super) fn platform_of<'a>(
    child: &'a Descriptor,
    config_platforms: &'a HashMap<Digest, Platform>,
) -> Option<&'a Platform> {
    let platform = child.platform.as_ref();
    platform.or_else(|| config_platforms.get(&child.digest))
}

/// Returns the children of an index, with the platforms of their configs if it states none.
fn available_children(tree: &CopyTree, root: &Digest) -> Vec<Descriptor> {
    let children = tree.manifest(root).into_iter().flat_map(child_descriptors);
    children
        .map(|child| Descriptor {
            platform: platform_of(child, &tree.config_platforms).cloned(),
            ..child.clone()
        })
        .collect()
}

/// Returns whether a document can be reduced to some platforms. This is true only for an index,
/// because an image has only one platform.
pub(super) fn is_reducible(document: Option<&Document>) -> bool {
    document
        .and_then(|document| document.manifest.as_ref())
        .is_some_and(is_index)
}

struct Reducer<'a> {
    tree: &'a CopyTree,
    platforms: &'a [Platform],
    /// Visited documents. The value is true if the document remains in the tree.
    visited: HashMap<Digest, bool>,
    rewritten: HashMap<Digest, ConvertedDocument>,
    /// Platforms of the remaining images.
    remaining_platforms: Vec<Platform>,
}

impl Reducer<'_> {
    /// Reduces a document, and returns whether it remains in the tree. An index is dropped if none
    /// of its children remains. The recursion is bounded, because the planner has limited the
    /// depth.
    fn visit(&mut self, digest: &Digest) -> bool {
        if let Some(left) = self.visited.get(digest) {
            return *left;
        }
        let left = match self.tree.document(digest) {
            Some(Document {
                manifest: Some(manifest),
                children,
                ..
            }) if is_index(manifest) => self.reduce_index(digest, manifest, children),
            _ => true,
        };
        self.visited.insert(digest.clone(), left);
        left
    }

    fn reduce_index(&mut self, digest: &Digest, manifest: &Manifest, followed: &[Digest]) -> bool {
        let kept: HashSet<&Digest> = followed.iter().filter(|child| self.visit(child)).collect();
        let selection = Selection::new(manifest, self.platforms, &self.tree.config_platforms);
        let mut draft = ManifestDraft::from_manifest(manifest);
        let mut any_changed = false;
        let mut served = Vec::new();
        draft.edit_children(|child| {
            let fate = if selection.contains(child) {
                self.fate(&child.digest, &kept)
            } else {
                ChildEdit::Drop
            };
            any_changed |= fate != ChildEdit::Keep;
            if fate != ChildEdit::Drop
                && child
                    .media_type
                    .as_ref()
                    .is_some_and(|own| own.role() == MediaTypeRole::Manifest)
            {
                served.extend(platform_of(child, &self.tree.config_platforms).cloned());
            }
            fate
        });
        self.remaining_platforms.extend(served);
        if any_changed && !kept.is_empty() {
            let written = build_replacement(digest, draft.to_bytes(), manifest.media_type());
            self.rewritten
                .extend(written.map(|written| (digest.clone(), written)));
        }
        !kept.is_empty()
    }

    /// Returns the change to a child of an index: drop, replace or keep it.
    fn fate(&self, child: &Digest, kept: &HashSet<&Digest>) -> ChildEdit {
        if !kept.contains(child) {
            return ChildEdit::Drop;
        }
        match self.rewritten.get(child) {
            None => ChildEdit::Keep,
            Some(ConvertedDocument { digest, manifest }) => ChildEdit::Replace {
                digest: digest.clone(),
                size: manifest.bytes().len() as u64,
            },
        }
    }
}

fn is_index(manifest: &Manifest) -> bool {
    manifest.media_type().role() == MediaTypeRole::Index
}
