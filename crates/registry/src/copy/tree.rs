//! What was found of the tree that is to be copied: documents and blobs, each once.

use std::collections::HashMap;

use portolan_model::{ChildKind, Descriptor, Digest, Manifest, MediaType, Platform, Role};

use super::Options;
use super::subset;

/// A document of the tree.
pub(super) struct Document {
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// The type that the source serves it with, or its descriptor gives it.
    pub(super) media_type: Option<MediaType>,
    /// What it says; nothing if that was not asked for.
    pub(super) manifest: Option<Manifest>,
    /// Whether the target has it.
    pub(super) there: bool,
    /// Whether it may be a blob as well: nobody here knows its type.
    pub(super) or_blob: bool,
    /// Whether the source does not have it: it is written anew.
    pub(super) written: bool,
    /// The children that come along.
    pub(super) children: Vec<Digest>,
}

/// A blob of the tree.
pub(super) struct Blob {
    pub(super) descriptor: Descriptor,
    pub(super) required: bool,
}

/// What a visit found under a digest.
pub(super) enum Visit {
    Document(Box<Document>),
    Blob(Blob),
    /// The source does not hold it, and need not.
    Absent(Descriptor),
}

/// Something to visit.
#[derive(Clone)]
pub(super) struct Want {
    pub(super) descriptor: Descriptor,
    /// Whether its bytes are needed, though the target may have it.
    pub(super) load: bool,
    /// Whether it is a manifest for certain, whatever its type.
    pub(super) manifest: bool,
}

/// Documents and blobs in the order in which they were found.
#[derive(Default)]
pub(super) struct Tree {
    documents: Vec<Document>,
    positions: HashMap<Digest, usize>,
    pub(super) blobs: Vec<Blob>,
    blob_positions: HashMap<Digest, usize>,
    pub(super) absent: Vec<Descriptor>,
}

impl Tree {
    pub(super) fn document(&self, digest: &Digest) -> Option<&Document> {
        self.positions
            .get(digest)
            .map(|position| &self.documents[*position])
    }

    pub(super) fn manifest(&self, digest: &Digest) -> Option<&Manifest> {
        self.document(digest)
            .and_then(|document| document.manifest.as_ref())
    }

    /// The documents that the source has, in the order in which they were found.
    pub(super) fn originals(&self) -> impl Iterator<Item = &Document> {
        self.documents.iter().filter(|document| !document.written)
    }

    /// The platforms that indexes give to their children; of several, the first.
    pub(super) fn platforms(&self) -> HashMap<&Digest, &Platform> {
        let manifests = self
            .originals()
            .filter_map(|document| document.manifest.as_ref());
        let mut platforms = HashMap::new();
        for child in manifests.flat_map(Manifest::children) {
            if let Some(platform) = &child.descriptor.platform {
                platforms
                    .entry(&child.descriptor.digest)
                    .or_insert(platform);
            }
        }
        platforms
    }

    pub(super) fn knows(&self, digest: &Digest) -> bool {
        self.positions.contains_key(digest) || self.has_blob(digest)
    }

    pub(super) fn has_blob(&self, digest: &Digest) -> bool {
        self.blob_positions.contains_key(digest)
    }

    pub(super) fn blob(&mut self, blob: Blob) {
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

    /// Takes in what was found, and answers what to visit next.
    pub(super) fn take(&mut self, visit: Visit, options: &Options) -> Vec<Want> {
        match visit {
            Visit::Document(document) => self.take_document(*document, options),
            Visit::Blob(blob) => {
                self.blob(blob);
                Vec::new()
            }
            Visit::Absent(descriptor) => {
                self.absent.push(descriptor);
                Vec::new()
            }
        }
    }

    /// Takes in a document that was written anew, unless the source has one just like it.
    pub(super) fn take_written(&mut self, digest: Digest, manifest: Manifest) {
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
            there: false,
            or_blob: false,
            written: true,
            children,
        });
    }

    fn take_document(&mut self, mut document: Document, options: &Options) -> Vec<Want> {
        let mut wants = Vec::new();
        if let Some(manifest) = &document.manifest {
            // What is written anew in its place names the same parts, and nobody has looked at it for them.
            if !document.there || options.recheck || options.reshapes() {
                for part in manifest
                    .children()
                    .iter()
                    .filter(|child| child.kind != ChildKind::Manifest)
                {
                    self.blob(Blob {
                        descriptor: part.descriptor.clone(),
                        required: part.required,
                    });
                }
            }
            if !document.there || options.looks_behind_what_is_there() {
                wants = followed(manifest, options);
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

impl Options {
    pub(super) fn looks_behind_what_is_there(&self) -> bool {
        self.recheck || self.referrers || self.reshapes()
    }

    /// Whether documents may be written anew.
    pub(super) fn reshapes(&self) -> bool {
        self.conversion.is_some() || !self.platforms.is_empty()
    }

    /// Whether a document's bytes are needed though the target may have it.
    fn loads(&self, descriptor: &Descriptor) -> bool {
        let index = descriptor
            .media_type
            .as_ref()
            .is_some_and(|media_type| media_type.role() == Role::Index);
        self.recheck || self.conversion.is_some() || (index && self.looks_behind_what_is_there())
    }
}

/// The children of an index that are copied with it.
fn followed(manifest: &Manifest, options: &Options) -> Vec<Want> {
    let children = manifest
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest);
    let descriptors: Vec<&Descriptor> = children.map(|child| &child.descriptor).collect();
    let chosen = subset::chosen(&descriptors, &options.platforms).into_iter();
    chosen
        .map(|descriptor| Want {
            descriptor: descriptor.clone(),
            load: options.loads(descriptor),
            manifest: false,
        })
        .collect()
}
