//! A subset of an index: which children are copied, and the index that has no others.

use std::collections::{HashMap, HashSet};

use portolan_model::convert::Written;
use portolan_model::{Descriptor, Digest, Draft, Fate, Manifest, Platform, Role};

use super::rewriting::in_place_of;
use super::tree::{Document, Tree};
use crate::{Error, Kind, Result};

/// The children that somebody who wants `platforms` gets: all of them, if none is named.
///
/// Those are the images for a platform, nested indexes that may have some, and what is attached to a
/// chosen image as BuildKit does.
pub(super) fn chosen<'a>(
    children: &[&'a Descriptor],
    platforms: &[Platform],
) -> Vec<&'a Descriptor> {
    if platforms.is_empty() {
        return children.to_vec();
    }
    let direct: HashSet<&Digest> = children
        .iter()
        .filter(|child| may_serve(child, platforms))
        .map(|child| &child.digest)
        .collect();
    let attached =
        |child: &Descriptor| child.attests().is_some_and(|image| direct.contains(&image));
    children
        .iter()
        .filter(|child| direct.contains(&child.digest) || attached(child))
        .copied()
        .collect()
}

fn may_serve(child: &Descriptor, platforms: &[Platform]) -> bool {
    let role = child
        .media_type
        .as_ref()
        .map(portolan_model::MediaType::role);
    match (&child.platform, role) {
        (Some(platform), Some(Role::Manifest | Role::Index)) => {
            platforms.iter().any(|wanted| platform.satisfies(wanted))
        }
        (None, Some(Role::Index)) => true,
        _ => false,
    }
}

/// What becomes of the documents of a tree, by their digests at the source.
pub(super) struct Subset {
    /// Indexes that are written anew.
    pub(super) changed: HashMap<Digest, Written>,
    /// Indexes of which nothing is left.
    pub(super) empty: HashSet<Digest>,
}

/// The tree under `root` with nothing in it but what was chosen.
///
/// # Errors
/// [`Kind::ManifestUnknown`] when there is nothing for a platform; the message names those that there are.
pub(super) fn cut(tree: &Tree, root: &Digest, platforms: &[Platform]) -> Result<Subset> {
    let mut cut = Cut {
        tree,
        done: HashMap::new(),
        changed: HashMap::new(),
        served: Vec::new(),
    };
    cut.document(root);
    let unserved = platforms
        .iter()
        .filter(|wanted| !cut.served.iter().any(|platform| platform.satisfies(wanted)));
    let unserved: Vec<_> = unserved.map(ToString::to_string).collect();
    if !unserved.is_empty() {
        let message = format!(
            "there is no image for {}, there are: {}",
            unserved.join(", "),
            offered(tree, root)
        );
        return Err(Error::new(Kind::ManifestUnknown, message));
    }
    let empty = cut
        .done
        .into_iter()
        .filter(|(_, left)| !left)
        .map(|(digest, _)| digest)
        .collect();
    Ok(Subset {
        changed: cut.changed,
        empty,
    })
}

/// Whether a document is cut down to some platforms: an image is for one anyway.
pub(super) fn is_cut(document: Option<&Document>) -> bool {
    document
        .and_then(|document| document.manifest.as_ref())
        .is_some_and(is_index)
}

struct Cut<'a> {
    tree: &'a Tree,
    /// Whether anything is left of each document.
    done: HashMap<Digest, bool>,
    changed: HashMap<Digest, Written>,
    /// The platforms of the images that are left.
    served: Vec<Platform>,
}

impl Cut<'_> {
    /// Answers whether anything is left of it. The walk has bounded the depth.
    fn document(&mut self, digest: &Digest) -> bool {
        if let Some(left) = self.done.get(digest) {
            return *left;
        }
        let left = match self.tree.document(digest) {
            Some(Document {
                manifest: Some(manifest),
                children,
                ..
            }) if is_index(manifest) => self.index(digest, manifest, children),
            _ => true,
        };
        self.done.insert(digest.clone(), left);
        left
    }

    fn index(&mut self, digest: &Digest, manifest: &Manifest, followed: &[Digest]) -> bool {
        let kept: HashSet<&Digest> = followed
            .iter()
            .filter(|child| self.document(child))
            .collect();
        let mut draft = Draft::of(manifest);
        let mut any_changed = false;
        let mut served = Vec::new();
        draft.children(|child| {
            let fate = self.fate(&child.digest, &kept);
            any_changed |= fate != Fate::Keep;
            if fate != Fate::Drop
                && child
                    .media_type
                    .as_ref()
                    .is_some_and(|own| own.role() == Role::Manifest)
            {
                served.extend(child.platform.clone());
            }
            fate
        });
        self.served.extend(served);
        if any_changed && !kept.is_empty() {
            let written = in_place_of(digest, draft.to_bytes(), manifest.media_type());
            self.changed
                .extend(written.map(|written| (digest.clone(), written)));
        }
        !kept.is_empty()
    }

    fn fate(&self, child: &Digest, kept: &HashSet<&Digest>) -> Fate {
        if !kept.contains(child) {
            return Fate::Drop;
        }
        match self.changed.get(child) {
            None => Fate::Keep,
            Some(Written { digest, manifest }) => Fate::Replace {
                digest: digest.clone(),
                size: manifest.bytes().len() as u64,
            },
        }
    }
}

fn is_index(manifest: &Manifest) -> bool {
    manifest.media_type().role() == Role::Index
}

/// The platforms of an index's children, for a message.
fn offered(tree: &Tree, root: &Digest) -> String {
    let manifest = tree
        .document(root)
        .and_then(|document| document.manifest.as_ref());
    let children = manifest.map(Manifest::children).unwrap_or_default();
    let platforms = children
        .iter()
        .filter_map(|child| child.descriptor.platform.as_ref())
        .map(ToString::to_string);
    let mut seen = HashSet::new();
    let platforms =
        platforms.filter(|platform| platform != "unknown/unknown" && seen.insert(platform.clone()));
    let platforms: Vec<_> = platforms.collect();
    if platforms.is_empty() {
        "none that say so".into()
    } else {
        platforms.join(", ")
    }
}
