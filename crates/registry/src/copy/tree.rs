//! Tree to copy: the documents and blobs that the planner found, without duplicates.

use std::collections::HashMap;

use portolan_model::{
    ChildKind, Descriptor, Digest, Manifest, MediaType, MediaTypeRole, Platform, child_descriptors,
    child_platforms,
};

use super::CopyOptions;
use super::subset::Selection;

/// Manifest or index in the tree.
pub(super) struct Document {
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// Media type that the registry serves or that the document itself declares.
    pub(super) media_type: Option<MediaType>,
    /// Content of the document, if it was read.
    pub(super) manifest: Option<Manifest>,
    /// True if the target has the document.
    pub(super) present: bool,
    /// True if the document may be stored as a blob when the target rejects it as a manifest,
    /// because its media type is unknown.
    pub(super) blob_fallback: bool,
    /// True if the document is the result of a rewrite. The source does not have such a document.
    pub(super) is_rewritten: bool,
    /// Digests of the children to copy.
    pub(super) children: Vec<Digest>,
}

/// Blob in the tree.
pub(super) struct Blob {
    pub(super) descriptor: Descriptor,
    pub(super) required: bool,
}

/// Outcome of a [`ResolveRequest`].
pub(super) enum Resolved {
    Document(Box<Document>),
    Blob(Blob),
    /// The source does not have the content, and the copy does not require it.
    Absent(Descriptor),
}

/// Request to look up the content of a descriptor.
#[derive(Clone)]
pub(super) struct ResolveRequest {
    pub(super) descriptor: Descriptor,
    /// True if the document must be read even if the target already has it.
    pub(super) needs_content: bool,
    /// True if the content is known to be a manifest, regardless of its media type.
    pub(super) is_manifest: bool,
}

/// Documents and blobs, in the order of discovery.
#[derive(Default)]
pub(super) struct CopyTree {
    documents: Vec<Document>,
    positions: HashMap<Digest, usize>,
    pub(super) blobs: Vec<Blob>,
    blob_positions: HashMap<Digest, usize>,
    pub(super) absent: Vec<Descriptor>,
    /// Platforms from the configs of images, for indexes that state no platform.
    pub(super) config_platforms: HashMap<Digest, Platform>,
}

impl CopyTree {
    pub(super) fn document(&self, digest: &Digest) -> Option<&Document> {
        self.positions
            .get(digest)
            .map(|position| &self.documents[*position])
    }

    pub(super) fn manifest(&self, digest: &Digest) -> Option<&Manifest> {
        self.document(digest)
            .and_then(|document| document.manifest.as_ref())
    }

    /// Returns the documents of the source, without rewritten documents, in the order of discovery.
    pub(super) fn originals(&self) -> impl Iterator<Item = &Document> {
        self.documents
            .iter()
            .filter(|document| !document.is_rewritten)
    }

    /// Returns the platforms that indexes of the source declare for their children.
    pub(super) fn platforms(&self) -> HashMap<&Digest, &Platform> {
        child_platforms(
            self.originals()
                .filter_map(|document| document.manifest.as_ref()),
        )
    }

    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.positions.contains_key(digest) || self.has_blob(digest)
    }

    pub(super) fn has_blob(&self, digest: &Digest) -> bool {
        self.blob_positions.contains_key(digest)
    }

    pub(super) fn add_blob(&mut self, blob: Blob) {
        let digest = blob.descriptor.digest.clone();
        let position = *self
            .blob_positions
            .entry(digest)
            .or_insert(self.blobs.len());
        match self.blobs.get_mut(position) {
            Some(known) => known.required |= blob.required,
            None => self.blobs.push(blob),
        }
    }

    /// Adds the outcome of a request to the tree, and returns the requests for the children of the
    /// added document.
    pub(super) fn add(&mut self, visit: Resolved, options: &CopyOptions) -> Vec<ResolveRequest> {
        match visit {
            Resolved::Document(document) => self.add_document(*document, options),
            Resolved::Blob(blob) => {
                self.add_blob(blob);
                Vec::new()
            }
            Resolved::Absent(descriptor) => {
                self.absent.push(descriptor);
                Vec::new()
            }
        }
    }

    /// Adds a rewritten document to the tree, unless the source has an identical document.
    pub(super) fn add_rewritten(&mut self, digest: Digest, manifest: Manifest) {
        if self.positions.contains_key(&digest) {
            return;
        }
        let children = manifest
            .children()
            .iter()
            .filter(|child| child.kind == ChildKind::Manifest);
        let children = children
            .map(|child| child.descriptor.digest.clone())
            .collect();
        self.positions.insert(digest.clone(), self.documents.len());
        self.documents.push(Document {
            digest,
            size: manifest.bytes().len() as u64,
            media_type: Some(manifest.media_type().clone()),
            manifest: Some(manifest),
            present: false,
            blob_fallback: false,
            is_rewritten: true,
            children,
        });
    }

    fn add_document(
        &mut self,
        mut document: Document,
        options: &CopyOptions,
    ) -> Vec<ResolveRequest> {
        let mut wants = Vec::new();
        if let Some(manifest) = &document.manifest {
            // Skip the blobs of a document that the target has. However, if the document may be
            // rewritten, its replacement needs the blobs, so they must be looked up.
            if !document.present || options.recheck || options.may_rewrite() {
                for part in manifest
                    .children()
                    .iter()
                    .filter(|child| child.kind != ChildKind::Manifest)
                {
                    self.add_blob(Blob {
                        descriptor: part.descriptor.clone(),
                        required: part.required,
                    });
                }
            }
            if !document.present || options.walks_present_documents() {
                wants = child_requests(manifest, options, &self.config_platforms);
                document.children = wants
                    .iter()
                    .map(|want| want.descriptor.digest.clone())
                    .collect();
            }
        }
        self.positions
            .insert(document.digest.clone(), self.documents.len());
        self.documents.push(document);
        wants
    }
}

impl CopyOptions {
    /// Returns whether the planner also walks the children of documents that the target has.
    pub(super) fn walks_present_documents(&self) -> bool {
        self.recheck || self.referrers || self.may_rewrite()
    }

    /// Returns whether documents may be rewritten with these options.
    pub(super) fn may_rewrite(&self) -> bool {
        self.conversion.is_some() || !self.platforms.is_empty()
    }

    /// Returns whether the document of `descriptor` must be read even if the target has it.
    fn needs_content(&self, descriptor: &Descriptor) -> bool {
        let index = descriptor
            .media_type
            .as_ref()
            .is_some_and(|media_type| media_type.role() == MediaTypeRole::Index);
        self.recheck || self.conversion.is_some() || (index && self.walks_present_documents())
    }
}

/// Returns the requests for those children of an index that are copied.
fn child_requests(
    manifest: &Manifest,
    options: &CopyOptions,
    config_platforms: &HashMap<Digest, Platform>,
) -> Vec<ResolveRequest> {
    let selection = Selection::new(manifest, &options.platforms, config_platforms);
    child_descriptors(manifest)
        .filter(|child| selection.contains(child))
        .map(|descriptor| ResolveRequest {
            descriptor: descriptor.clone(),
            needs_content: options.needs_content(descriptor),
            is_manifest: false,
        })
        .collect()
}
