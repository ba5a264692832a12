//! View of a layout: the manifests that can be reached from its index. These are the entries of the
//! index, and the children of indexes at any depth.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use portolan_model::{Child, Descriptor, Digest, MediaType};
use portolan_registry::{Parent, Result};

use super::manifest_cache::{ManifestCache, ParsedManifest};
use crate::content::Content;
use crate::index::LayoutIndex;

/// Maximum nesting depth of indexes.
const MAX_DEPTH: usize = 16;

/// Manifests of a layout whose content exists.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// Manifests by digest. Lists of manifests have this order.
    manifests: BTreeMap<Digest, Arc<ParsedManifest>>,
    /// Children in the field `manifests` of an index whose type is not a known manifest type. They
    /// may be manifests or blobs, so clients can read them as both.
    ambiguous: BTreeMap<Digest, MediaType>,
    /// Entries without content, and manifests whose content cannot be read or is nested too deeply.
    /// The references of both are unknown.
    unresolved: BTreeSet<Digest>,
    /// Entries and children without content. The view changes as soon as their content exists.
    missing: HashSet<Digest>,
    /// Digests of the referrers by subject.
    referrers: HashMap<Digest, BTreeSet<Digest>>,
    /// Types that indexes declare for their children in the field `manifests`.
    declared_types: HashMap<Digest, DeclaredType>,
}

/// Type that the indexes of a view declare for a child.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum DeclaredType {
    /// Type that all of them declare.
    Same(Option<MediaType>),
    /// Different types. The first index determines the type.
    Different,
}

impl View {
    /// Computes the view of `index`. `find` returns content by digest. The content with the digest
    /// `without` is treated as missing.
    pub(super) fn compute(
        index: &LayoutIndex,
        documents: &mut ManifestCache,
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
                walk.add_ambiguous(descriptor)?;
            } else if let Some(document) = walk.add_manifest(descriptor, depth)? {
                next.extend(document.manifests().map(|child| (child.clone(), depth + 1)));
            }
        }
        Ok(walk.view)
    }

    /// Adds a manifest that is not in the view yet. `missing` are those of its children whose
    /// content does not exist. All others must be in the view already, with the type that the
    /// manifest declares.
    pub(super) fn add(
        &mut self,
        digest: &Digest,
        document: &Arc<ParsedManifest>,
        missing: impl IntoIterator<Item = Digest>,
    ) {
        self.missing.extend(missing);
        for child in document.manifests() {
            self.declare(child);
        }
        self.insert(digest.clone(), Arc::clone(document));
    }

    /// Returns whether the view may change if the content with `digest` is added.
    pub(super) fn lacks(&self, digest: &Digest) -> bool {
        self.missing.contains(digest) || self.unresolved.contains(digest)
    }

    /// Returns the parsed manifest with a digest.
    pub(super) fn document(&self, digest: &Digest) -> Option<&Arc<ParsedManifest>> {
        self.manifests.get(digest)
    }

    /// Returns the type that indexes declare for a child in the field `manifests`, if any does.
    pub(super) fn declared_type(&self, digest: &Digest) -> Option<&DeclaredType> {
        self.declared_types.get(digest)
    }

    fn declare(&mut self, child: &Descriptor) {
        let new = DeclaredType::Same(child.media_type.clone());
        let declared = self.declared_types.entry(child.digest.clone());
        let declared = declared.or_insert_with(|| new.clone());
        if *declared != new {
            *declared = DeclaredType::Different;
        }
    }

    fn insert(&mut self, digest: Digest, document: Arc<ParsedManifest>) {
        if let Some((subject, _)) = &document.referrer {
            let referrers = self.referrers.entry(subject.clone()).or_default();
            referrers.insert(digest.clone());
        }
        self.manifests.insert(digest, document);
    }

    /// Returns the media type of the manifest `digest`. Returns `None` for an ambiguous child,
    /// because it may be a blob.
    pub(super) fn manifest_type(&self, digest: &Digest) -> Option<&MediaType> {
        self.manifests
            .get(digest)
            .map(|document| &document.media_type)
    }

    /// Returns the media type of `digest` if clients can read it as a manifest. This includes
    /// ambiguous children.
    pub(super) fn media_type(&self, digest: &Digest) -> Option<&MediaType> {
        self.manifest_type(digest)
            .or_else(|| self.ambiguous.get(digest))
    }

    /// Returns the descriptors of all manifests, in the order of their digests.
    pub(super) fn manifests(&self) -> impl Iterator<Item = Descriptor> {
        self.manifests.iter().map(|(digest, document)| {
            Descriptor::new(document.media_type.clone(), digest.clone(), document.size)
        })
    }

    /// Returns the descriptors in the field `manifests` of the index `digest`.
    pub(super) fn children(&self, digest: &Digest) -> impl Iterator<Item = &Descriptor> {
        self.manifests
            .get(digest)
            .into_iter()
            .flat_map(|document| document.manifests())
    }

    /// Returns whether this view contains every manifest of `other` with the same type.
    pub(super) fn covers(&self, other: &Self) -> bool {
        other
            .manifests
            .iter()
            .all(|(digest, document)| self.manifest_type(digest) == Some(&document.media_type))
    }

    /// Returns all references from manifests to `digest`.
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

    /// Returns the descriptors of the referrers of a digest, in the order of their digests.
    pub(super) fn referrers(&self, digest: &Digest) -> impl Iterator<Item = &Descriptor> {
        let referrers = self.referrers.get(digest).into_iter().flatten();
        let referring = referrers.filter_map(|referrer| self.manifests.get(referrer));
        referring
            .filter_map(|document| document.referrer.as_ref())
            .map(|(_, descriptor)| descriptor)
    }

    /// Returns whether the manifest is a referrer.
    pub(super) fn is_referrer(&self, digest: &Digest) -> bool {
        self.manifests
            .get(digest)
            .is_some_and(|document| document.referrer.is_some())
    }

    /// Returns the digests of all manifests and of all content that they reference.
    pub(super) fn reachable(&self) -> BTreeSet<&Digest> {
        self.manifests
            .keys()
            .chain(self.referenced_digests())
            .collect()
    }

    /// Returns the digests of all content that manifests reference.
    pub(super) fn referenced_digests(&self) -> HashSet<&Digest> {
        let children = self.edges().map(|(_, child)| &child.descriptor.digest);
        children.collect()
    }

    /// Returns the digests of the manifests whose references are unknown.
    pub(super) fn unresolved_manifests(&self) -> impl Iterator<Item = &Digest> {
        self.unresolved.iter()
    }

    /// Returns each reference from a manifest to its content.
    fn edges(&self) -> impl Iterator<Item = (&Digest, &Child)> {
        let manifests = self.manifests.iter();
        manifests.flat_map(|(parent, document)| {
            document.children.iter().map(move |child| (parent, child))
        })
    }
}

/// Computation of a view.
struct Walk<'a, F> {
    view: View,
    documents: &'a mut ManifestCache,
    find: F,
}

impl<F: Fn(&Digest) -> Result<Option<Content>>> Walk<'_, F> {
    /// Adds a child of unknown type to the view, if its content exists.
    fn add_ambiguous(&mut self, descriptor: Descriptor) -> Result<()> {
        if self.view.ambiguous.contains_key(&descriptor.digest) {
            return Ok(());
        }
        if (self.find)(&descriptor.digest)?.is_none() {
            self.view.missing.insert(descriptor.digest);
        } else {
            let media_type = descriptor
                .media_type
                .unwrap_or_else(|| MediaType::new(MediaType::OCTET_STREAM));
            self.view.ambiguous.insert(descriptor.digest, media_type);
        }
        Ok(())
    }

    /// Adds a manifest to the view, if its content exists. Returns the manifest if its children
    /// must be followed.
    fn add_manifest(
        &mut self,
        descriptor: Descriptor,
        depth: usize,
    ) -> Result<Option<Arc<ParsedManifest>>> {
        let Some(document) = self.read_document(&descriptor)? else {
            self.view.missing.insert(descriptor.digest.clone());
            // A missing child is allowed in a sparse index. A missing entry is damage.
            self.view
                .unresolved
                .extend((depth == 1).then_some(descriptor.digest));
            return Ok(None);
        };
        let too_deep = depth > MAX_DEPTH && document.manifests().next().is_some();
        if !document.readable || too_deep {
            self.view.unresolved.insert(descriptor.digest.clone());
        }
        self.view.insert(descriptor.digest, Arc::clone(&document));
        if too_deep {
            return Ok(None);
        }
        for child in document.manifests() {
            self.view.declare(child);
        }
        Ok(Some(document))
    }

    fn read_document(&mut self, descriptor: &Descriptor) -> Result<Option<Arc<ParsedManifest>>> {
        if let Some(document) = self.documents.get(descriptor) {
            return Ok(Some(Arc::clone(document)));
        }
        let content = (self.find)(&descriptor.digest)?;
        content
            .map(|content| self.documents.read(descriptor, &content))
            .transpose()
    }
}
