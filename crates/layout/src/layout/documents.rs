//! What the manifests of a layout say, each read once.

use std::collections::HashMap;
use std::sync::Arc;

use portolan_model::{Child, ChildKind, Descriptor, Digest, Manifest, MediaType};
use portolan_registry::{MAX_MANIFEST_BYTES, Result, referrer_descriptor, verified_digest};

use crate::content::Content;

/// What matters of a manifest to those around it.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) media_type: MediaType,
    /// Everything that it names.
    pub(super) children: Vec<Child>,
    /// What it says something about, and how a list of referrers shows it.
    pub(super) refers: Option<(Digest, Descriptor)>,
    /// Whether it could be read, so that what it names is all known.
    pub(super) readable: bool,
}

impl Document {
    fn of(manifest: &Manifest, digest: &Digest) -> Self {
        let refers = manifest.subject().map(|subject| {
            (
                subject.digest.clone(),
                referrer_descriptor(manifest, digest),
            )
        });
        let children = manifest.children().to_vec();
        Self {
            media_type: manifest.media_type().clone(),
            children,
            refers,
            readable: true,
        }
    }

    fn unreadable(media_type: Option<&MediaType>) -> Self {
        let media_type = media_type
            .cloned()
            .unwrap_or_else(|| MediaType::new(MediaType::OCTET_STREAM));
        Self {
            media_type,
            children: Vec::new(),
            refers: None,
            readable: false,
        }
    }

    /// The children in `manifests`.
    pub(super) fn manifests(&self) -> impl Iterator<Item = &Descriptor> {
        self.children
            .iter()
            .filter(|child| child.kind == ChildKind::Manifest)
            .map(|child| &child.descriptor)
    }
}

/// Documents that were read.
#[derive(Debug, Default)]
pub(super) struct Documents {
    read: HashMap<Digest, Readings>,
}

/// What one manifest says, by the type that it is said to have.
type Readings = Vec<(Option<MediaType>, Arc<Document>)>;

impl Documents {
    /// The document under a descriptor. What cannot be read names nothing, and is tried again next time.
    pub(super) fn read(
        &mut self,
        descriptor: &Descriptor,
        content: &Content,
    ) -> Result<Arc<Document>> {
        let media_type = descriptor.media_type.as_ref();
        if content.size() > MAX_MANIFEST_BYTES as u64 {
            return Ok(Arc::new(Document::unreadable(media_type)));
        }
        let bytes = content.read(MAX_MANIFEST_BYTES as u64)?;
        let whole = verified_digest(&bytes, Some(&descriptor.digest)).is_ok();
        let manifest = if whole {
            Manifest::parse(bytes, media_type).ok()
        } else {
            None
        };
        let Some(manifest) = manifest else {
            return Ok(Arc::new(Document::unreadable(media_type)));
        };
        Ok(self.insert(
            &descriptor.digest,
            media_type,
            Document::of(&manifest, &descriptor.digest),
        ))
    }

    /// The document under a descriptor, if it was read before. It is believed to be there still.
    pub(super) fn known(&self, descriptor: &Descriptor) -> Option<&Arc<Document>> {
        let known = self.read.get(&descriptor.digest)?.iter();
        known
            .filter(|(media_type, _)| *media_type == descriptor.media_type)
            .map(|(_, document)| document)
            .next()
    }

    /// Takes in what is about to be stored.
    pub(super) fn take(&mut self, digest: &Digest, manifest: &Manifest) {
        self.insert(
            digest,
            Some(manifest.media_type()),
            Document::of(manifest, digest),
        );
    }

    /// Forgets what is removed.
    pub(super) fn forget(&mut self, digest: &Digest) {
        self.read.remove(digest);
    }

    fn insert(
        &mut self,
        digest: &Digest,
        media_type: Option<&MediaType>,
        document: Document,
    ) -> Arc<Document> {
        let document = Arc::new(document);
        let known = self.read.entry(digest.clone()).or_default();
        known.retain(|(other, _)| other.as_ref() != media_type);
        known.push((media_type.cloned(), Arc::clone(&document)));
        document
    }
}
