//! Cache of parsed manifests.

use std::collections::HashMap;
use std::sync::Arc;

use portolan_model::{Child, ChildKind, Descriptor, Digest, Manifest, MediaType};
use portolan_registry::{MAX_MANIFEST_BYTES, Result, referrer_descriptor, verify_digest};

use crate::content::Content;

/// Parsed manifest, reduced to the facts that the layout needs.
#[derive(Debug)]
pub(super) struct ParsedManifest {
    pub(super) media_type: MediaType,
    /// Size of the manifest in bytes.
    pub(super) size: u64,
    /// Content that the manifest references, in the order of the document.
    pub(super) children: Vec<Child>,
    /// Subject of the manifest, and the descriptor of the manifest in the list of referrers of this
    /// subject.
    pub(super) referrer: Option<(Digest, Descriptor)>,
    /// False if the content is not a valid manifest. In this case, its references are unknown.
    pub(super) readable: bool,
}

impl ParsedManifest {
    fn new(manifest: &Manifest, digest: &Digest) -> Self {
        let refers = manifest.subject().map(|subject| {
            (
                subject.digest.clone(),
                referrer_descriptor(manifest, digest),
            )
        });
        let children = manifest.children().to_vec();
        Self {
            media_type: manifest.media_type().clone(),
            size: manifest.bytes().len() as u64,
            children,
            referrer: refers,
            readable: true,
        }
    }

    fn unreadable(media_type: Option<&MediaType>, size: u64) -> Self {
        let media_type = media_type
            .cloned()
            .unwrap_or_else(|| MediaType::new(MediaType::OCTET_STREAM));
        Self {
            media_type,
            size,
            children: Vec::new(),
            referrer: None,
            readable: false,
        }
    }

    /// Returns the descriptors in the field `manifests` of an index.
    pub(super) fn manifests(&self) -> impl Iterator<Item = &Descriptor> {
        self.children
            .iter()
            .filter(|child| child.kind == ChildKind::Manifest)
            .map(|child| &child.descriptor)
    }
}

/// Cache of parsed manifests, by digest.
#[derive(Debug, Default)]
pub(super) struct ManifestCache {
    read: HashMap<Digest, Readings>,
}

/// Parsed forms of one manifest, by the media type in the descriptor that references it. The type
/// can determine how the bytes are parsed.
type Readings = Vec<(Option<MediaType>, Arc<ParsedManifest>)>;

impl ManifestCache {
    /// Reads, parses and caches the manifest that `descriptor` references. An invalid manifest has
    /// no known references. It is not cached, so the next call reads it again.
    pub(super) fn read(
        &mut self,
        descriptor: &Descriptor,
        content: &Content,
    ) -> Result<Arc<ParsedManifest>> {
        let media_type = descriptor.media_type.as_ref();
        if content.size() > MAX_MANIFEST_BYTES as u64 {
            return Ok(Arc::new(ParsedManifest::unreadable(
                media_type,
                content.size(),
            )));
        }
        let bytes = content.read(MAX_MANIFEST_BYTES as u64)?;
        let intact = verify_digest(&bytes, Some(&descriptor.digest)).is_ok();
        let manifest = if intact {
            Manifest::parse(bytes, media_type).ok()
        } else {
            None
        };
        let Some(manifest) = manifest else {
            return Ok(Arc::new(ParsedManifest::unreadable(
                media_type,
                content.size(),
            )));
        };
        Ok(self.insert(
            &descriptor.digest,
            media_type,
            ParsedManifest::new(&manifest, &descriptor.digest),
        ))
    }

    /// Returns the manifest that `descriptor` references, if it is cached. Does not check that its
    /// content still exists.
    pub(super) fn get(&self, descriptor: &Descriptor) -> Option<&Arc<ParsedManifest>> {
        let known = self.read.get(&descriptor.digest)?.iter();
        known
            .filter(|(media_type, _)| *media_type == descriptor.media_type)
            .map(|(_, document)| document)
            .next()
    }

    /// Adds a manifest that is already parsed.
    pub(super) fn insert_manifest(
        &mut self,
        digest: &Digest,
        manifest: &Manifest,
    ) -> Arc<ParsedManifest> {
        self.insert(
            digest,
            Some(manifest.media_type()),
            ParsedManifest::new(manifest, digest),
        )
    }

    /// Removes a manifest from the cache.
    pub(super) fn remove(&mut self, digest: &Digest) {
        self.read.remove(digest);
    }

    fn insert(
        &mut self,
        digest: &Digest,
        media_type: Option<&MediaType>,
        document: ParsedManifest,
    ) -> Arc<ParsedManifest> {
        let document = Arc::new(document);
        let known = self.read.entry(digest.clone()).or_default();
        known.retain(|(other, _)| other.as_ref() != media_type);
        known.push((media_type.cloned(), Arc::clone(&document)));
        document
    }
}
