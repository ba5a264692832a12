//! What an index leads to: its entries, and the children of the indexes among them, at any depth.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use portolan_model::{Child, Descriptor, Digest, MediaType};
use portolan_registry::{Parent, Result};

use super::documents::{Document, Documents};
use crate::content::Content;
use crate::index::Index;

/// Deepest nesting of indexes that is followed.
const MAX_DEPTH: usize = 16;

/// The manifests of a layout that are there.
#[derive(Debug, Default)]
pub(super) struct View {
    /// By digest, since lists are in that order.
    manifests: BTreeMap<Digest, Arc<Document>>,
    /// Children of unknown types: nobody can tell whether they were meant as manifests or blobs.
    either: BTreeMap<Digest, MediaType>,
    /// Entries whose content is not there, and manifests that cannot be read: what they name is not known.
    dark: BTreeSet<Digest>,
}

impl View {
    /// Follows `index` to everything that `find` finds, but for `without`.
    pub(super) fn of(
        index: &Index,
        documents: &mut Documents,
        find: impl Fn(&Digest) -> Result<Option<Content>>,
        without: Option<&Digest>,
    ) -> Result<Self> {
        let mut walk = Walk {
            view: Self::default(),
            documents,
            find,
        };
        let mut next: VecDeque<_> = index
            .descriptors()
            .map(|descriptor| (descriptor.clone(), 1))
            .collect();
        while let Some((descriptor, depth)) = next.pop_front() {
            if Some(&descriptor.digest) == without
                || walk.view.manifests.contains_key(&descriptor.digest)
            {
                continue;
            }
            let known = descriptor
                .media_type
                .as_ref()
                .is_some_and(MediaType::is_known_manifest);
            if depth > 1 && !known {
                walk.either(descriptor)?;
            } else if let Some(document) = walk.manifest(descriptor, depth)? {
                next.extend(document.manifests().map(|child| (child.clone(), depth + 1)));
            }
        }
        Ok(walk.view)
    }

    /// The type of a manifest that is there for certain.
    pub(super) fn manifest_type(&self, digest: &Digest) -> Option<&MediaType> {
        self.manifests
            .get(digest)
            .map(|document| &document.media_type)
    }

    /// The type of whatever can be read as a manifest.
    pub(super) fn media_type(&self, digest: &Digest) -> Option<&MediaType> {
        self.manifest_type(digest)
            .or_else(|| self.either.get(digest))
    }

    /// What the manifest names in `manifests`.
    pub(super) fn children(&self, digest: &Digest) -> impl Iterator<Item = &Descriptor> {
        self.manifests
            .get(digest)
            .into_iter()
            .flat_map(|document| document.manifests())
    }

    /// Whether every manifest of `other` is reached here too, as what it is there.
    pub(super) fn covers(&self, other: &Self) -> bool {
        other
            .manifests
            .iter()
            .all(|(digest, document)| self.manifest_type(digest) == Some(&document.media_type))
    }

    /// Every manifest that names the digest, and where.
    pub(super) fn parents(&self, digest: &Digest) -> Vec<Parent> {
        let naming = self
            .edges()
            .filter(|(_, child)| child.descriptor.digest == *digest);
        naming
            .map(|(parent, child)| Parent {
                digest: parent.clone(),
                pointer: child.pointer.clone(),
            })
            .collect()
    }

    /// The manifests that say something about the digest, in the order of their own digests.
    pub(super) fn referrers(&self, digest: &Digest) -> impl Iterator<Item = &Descriptor> {
        let referring = self
            .manifests
            .values()
            .filter_map(|document| document.refers.as_ref());
        referring
            .filter(move |(subject, _)| subject == digest)
            .map(|(_, descriptor)| descriptor)
    }

    /// Whether the manifest says something about another.
    pub(super) fn refers(&self, digest: &Digest) -> bool {
        self.manifests
            .get(digest)
            .is_some_and(|document| document.refers.is_some())
    }

    /// Everything that is a manifest or is named by one.
    pub(super) fn reached(&self) -> BTreeSet<&Digest> {
        self.manifests
            .keys()
            .chain(self.edges().map(|(_, child)| &child.descriptor.digest))
            .collect()
    }

    /// Manifests of which nobody can tell what they name.
    pub(super) fn dark(&self) -> impl Iterator<Item = &Digest> {
        self.dark.iter()
    }

    fn edges(&self) -> impl Iterator<Item = (&Digest, &Child)> {
        let manifests = self.manifests.iter();
        manifests.flat_map(|(parent, document)| {
            document.children.iter().map(move |child| (parent, child))
        })
    }
}

struct Walk<'a, F> {
    view: View,
    documents: &'a mut Documents,
    find: F,
}

impl<F: Fn(&Digest) -> Result<Option<Content>>> Walk<'_, F> {
    /// Takes a child of unknown type in, if it is there.
    fn either(&mut self, descriptor: Descriptor) -> Result<()> {
        if !self.view.either.contains_key(&descriptor.digest)
            && (self.find)(&descriptor.digest)?.is_some()
        {
            let media_type = descriptor
                .media_type
                .unwrap_or_else(|| MediaType::new(MediaType::OCTET_STREAM));
            self.view.either.insert(descriptor.digest, media_type);
        }
        Ok(())
    }

    /// Takes a manifest in, if it is there, and answers it if its children are to be followed.
    fn manifest(&mut self, descriptor: Descriptor, depth: usize) -> Result<Option<Arc<Document>>> {
        let Some(document) = self.document(&descriptor)? else {
            self.view
                .dark
                .extend((depth == 1).then_some(descriptor.digest));
            return Ok(None);
        };
        let too_deep = depth > MAX_DEPTH && document.manifests().next().is_some();
        if !document.readable || too_deep {
            self.view.dark.insert(descriptor.digest.clone());
        }
        self.view
            .manifests
            .insert(descriptor.digest, Arc::clone(&document));
        Ok((!too_deep).then_some(document))
    }

    fn document(&mut self, descriptor: &Descriptor) -> Result<Option<Arc<Document>>> {
        if let Some(document) = self.documents.known(descriptor) {
            return Ok(Some(Arc::clone(document)));
        }
        let content = (self.find)(&descriptor.digest)?;
        content
            .map(|content| self.documents.read(descriptor, &content))
            .transpose()
    }
}
