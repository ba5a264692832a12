//! Conversion of documents one at a time, children first.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::documents::{Documents, can_be_document};
use super::image::{self, OCI_ONLY_FIELDS, Rejection};
use super::index::{self, DistinctChildren, IndexChild, LiftedIndex};
use super::remark::RemarkCollector;
use super::{Conversion, ConvertError, Converted, ConvertedDocument, Effect, ImageFormat, Remark};
use crate::draft::set_content;
use crate::{
    ChildKind, Descriptor, Digest, Family, Json, Manifest, ManifestDraft, MediaType, MediaTypeRole,
    Platform,
};

/// State of a conversion.
pub(super) struct Converter<'a> {
    conversion: Conversion,
    root: &'a Digest,
    documents: &'a Documents<'a>,
    platform: &'a dyn Fn(&Digest) -> Option<Platform>,
    /// Converted documents that differ from the original, by original digest.
    rewritten: HashMap<Digest, ConvertedDocument>,
    /// Documents that cannot be converted, by digest.
    rejected: HashMap<Digest, Rejection>,
    remarks: Vec<Remark>,
}

/// Document of a child of an index, if known.
enum ChildState<'a> {
    /// The document is known.
    Known(&'a Manifest),
    /// The child has a known manifest type, but the document was not found.
    Absent,
    /// The child has an unknown media type.
    Unknown,
}

impl<'a> Converter<'a> {
    pub(super) fn new(
        conversion: Conversion,
        root: &'a Digest,
        documents: &'a Documents<'a>,
        platform: &'a dyn Fn(&Digest) -> Option<Platform>,
    ) -> Self {
        let (rewritten, rejected) = (HashMap::new(), HashMap::new());
        Self {
            conversion,
            root,
            documents,
            platform,
            rewritten,
            rejected,
            remarks: Vec::new(),
        }
    }

    /// Returns the result of the conversion, or an error if the format does not support the root.
    pub(super) fn finish(mut self) -> Result<Converted, ConvertError> {
        if let Some(Rejection { pointer, reason }) = self.rejected.remove(self.root) {
            return Err(ConvertError::Unsupported {
                root: self.root.clone(),
                pointer,
                reason,
            });
        }
        let root = self
            .rewritten
            .get(self.root)
            .map_or_else(|| self.root.clone(), |written| written.digest.clone());
        Ok(Converted {
            root,
            documents: self.rewritten,
            remarks: self.remarks,
        })
    }

    /// Converts one document. The children of the document must already be converted.
    pub(super) fn convert_document(&mut self, digest: &'a Digest) -> Result<(), ConvertError> {
        let Some(manifest) = self.documents.get(digest) else {
            return Ok(());
        };
        let draft = match manifest.media_type().role() {
            MediaTypeRole::Manifest => self.convert_image(digest, manifest),
            // A nested index is not converted, because its children move to the root.
            MediaTypeRole::Index if self.conversion.flatten && digest != self.root => None,
            MediaTypeRole::Index => self.convert_index(digest, manifest),
            _ => self.reject_unknown(digest, manifest),
        };
        match draft {
            Some(draft) => self.add_rewritten(digest, manifest, draft),
            None => Ok(()),
        }
    }

    fn reject_unknown(&mut self, digest: &Digest, manifest: &Manifest) -> Option<ManifestDraft> {
        if self.conversion.to.is_some() {
            let reason = format!("unknown media type {}", manifest.media_type());
            self.rejected
                .insert(digest.clone(), Rejection::new("", reason));
        }
        None
    }

    fn convert_image(&mut self, digest: &Digest, manifest: &Manifest) -> Option<ManifestDraft> {
        let to = self.conversion.to?;
        if let Some(rejection) = image::rejection(manifest, to) {
            self.rejected.insert(digest.clone(), rejection);
            return None;
        }
        let mut draft = ManifestDraft::from_manifest(manifest);
        image::rewrite(
            &mut draft,
            to,
            &mut RemarkCollector::new(digest, &mut self.remarks),
        );
        Some(draft)
    }

    fn convert_index(
        &mut self,
        digest: &'a Digest,
        manifest: &'a Manifest,
    ) -> Option<ManifestDraft> {
        let mut draft = ManifestDraft::from_manifest(manifest);
        let (entries, gone) = match self
            .conversion
            .flatten
            .then(|| index::lift_children(digest, manifest, self.documents))
        {
            Some(lifted) => lifted.or_else(|| self.reject_too_large(digest))?,
            None => Default::default(),
        };
        if gone.is_empty() {
            // Nothing to flatten: convert each list in place, so that a document with several
            // `manifests` keys preserves all of them.
            for (list, entries) in draft
                .child_lists_mut()
                .zip(index::own_children(digest, manifest))
            {
                *list = entries
                    .iter()
                    .filter_map(|entry| self.convert_entry(entry))
                    .collect();
            }
        } else {
            for lifted in &gone {
                self.report_lifted(lifted);
            }
            let children = self
                .distinct_children(&entries)
                .or_else(|| self.reject_too_large(digest))?;
            draft.document_mut().set("manifests", Json::Array(children));
        }
        self.report_nested(digest, manifest, &draft);
        Some(draft)
    }

    fn reject_too_large<T>(&mut self, digest: &Digest) -> Option<T> {
        let reason =
            "with the children of all nested indexes, it would be larger than registries accept";
        self.rejected
            .insert(digest.clone(), Rejection::new("/manifests", reason));
        None
    }

    /// Converts the children of a flattened index. Returns each distinct child once, or `None` if
    /// the children are too large.
    fn distinct_children(&mut self, entries: &[IndexChild<'_>]) -> Option<Vec<Json>> {
        let (mut distinct, mut children) = (DistinctChildren::default(), Vec::new());
        for entry in entries {
            let Some(child) = self.convert_entry(entry) else {
                continue;
            };
            if distinct.add_is_repeated(&child, entry.is_lifted) {
                self.add_remark(
                    entry.document,
                    Effect::Dropped,
                    &entry.pointer,
                    "it is already in the index",
                );
                continue;
            }
            if distinct.is_too_large() {
                return None;
            }
            children.push(child);
        }
        Some(children)
    }

    /// Converts a child, and returns it for the converted index, or `None` if the child is dropped.
    fn convert_entry(&mut self, entry: &IndexChild<'_>) -> Option<Json> {
        let mut child = entry.json();
        let Some(descriptor) = ManifestDraft::parse_descriptor(&child) else {
            return Some(child);
        };
        self.convert_child(&mut child, &descriptor, entry.document, &entry.pointer)
            .then_some(child)
    }

    /// Converts the descriptor of a child, and returns whether the child remains in the index.
    fn convert_child(
        &mut self,
        json: &mut Json,
        descriptor: &Descriptor,
        document: &Digest,
        pointer: &str,
    ) -> bool {
        let child = self.child_state(descriptor);
        if let Some((reason, droppable)) = self.reason_to_leave(&child, descriptor) {
            if droppable && self.conversion.drop_unknown {
                self.add_remark(
                    document,
                    Effect::Dropped,
                    pointer,
                    format!("{} is dropped: {reason}", describe_child(descriptor)),
                );
                return false;
            }
            if self.conversion.to.is_some() {
                let way_out = if droppable {
                    "; to drop it, run portolan convert --drop-unknown"
                } else {
                    ""
                };
                let message = format!(
                    "{} is not converted: {reason}{way_out}",
                    describe_child(descriptor)
                );
                self.add_remark(document, Effect::Left, pointer, message);
            }
        } else if let ChildState::Known(manifest) = child {
            self.update_descriptor(json, descriptor, manifest);
        }
        self.update_attestation(json, descriptor, document, pointer);
        if self.conversion.to == Some(ImageFormat::Docker) {
            let mut remarks = RemarkCollector::new(document, &mut self.remarks);
            image::strip_descriptor(json, pointer, &mut remarks);
            self.add_platform(json, descriptor, document, pointer);
        }
        true
    }

    fn child_state(&self, descriptor: &Descriptor) -> ChildState<'a> {
        match self.documents.get(&descriptor.digest) {
            _ if !can_be_document(descriptor) => ChildState::Unknown,
            Some(manifest) => ChildState::Known(manifest),
            None if descriptor.media_type.is_none() => ChildState::Unknown,
            None => ChildState::Absent,
        }
    }

    /// Returns `None` if a child can be converted. Otherwise, returns the reason why not, and true
    /// if the child may be dropped for this reason.
    fn reason_to_leave(
        &self,
        child: &ChildState<'_>,
        descriptor: &Descriptor,
    ) -> Option<(String, bool)> {
        match (child, &descriptor.media_type) {
            (ChildState::Known(manifest), _)
                if self.conversion.drop_unknown && is_withdrawn(manifest) =>
            {
                Some((
                    format!(
                        "{} was withdrawn and is rarely supported",
                        manifest.media_type()
                    ),
                    true,
                ))
            }
            (ChildState::Known(_), _) => {
                let rejection = self.rejected.get(&descriptor.digest)?;
                Some((rejection.reason.clone(), true))
            }
            (ChildState::Absent, Some(media_type)) => {
                let foreign = self
                    .conversion
                    .to
                    .is_some_and(|to| media_type.family() != to.family());
                foreign.then(|| ("it was not found".into(), false))
            }
            (_, Some(media_type)) => {
                Some((format!("{media_type} is not a known manifest type"), true))
            }
            (_, None) => Some(("its media type is unknown".into(), true)),
        }
    }

    /// Updates the descriptor of a child to refer to the converted document.
    fn update_descriptor(&self, json: &mut Json, descriptor: &Descriptor, manifest: &Manifest) {
        let written = self.rewritten.get(&descriptor.digest);
        if let Some(ConvertedDocument { digest, manifest }) = written {
            let is_embedded = json.get("data").and_then(Json::as_str).is_some();
            set_content(json, digest, manifest.bytes().len() as u64);
            if is_embedded {
                json.set("data", Json::String(STANDARD.encode(manifest.bytes())));
            }
        }
        let media_type = written
            .map_or(manifest, |written| &written.manifest)
            .media_type();
        if self.conversion.to.is_some() && (descriptor.media_type.is_some() || written.is_some()) {
            image::set_media_type(json, media_type);
        }
    }

    /// Updates the annotation of a BuildKit attestation that refers to its image.
    ///
    /// The attestation itself also contains the digest of the image, and is not changed.
    fn update_attestation(
        &mut self,
        json: &mut Json,
        descriptor: &Descriptor,
        document: &Digest,
        pointer: &str,
    ) {
        let Some(old) = descriptor.attested_image() else {
            return;
        };
        let Some(written) = self.rewritten.get(&old) else {
            return;
        };
        if let Some(annotations) = json.get_mut("annotations") {
            annotations.set(
                Descriptor::ATTESTED_IMAGE,
                Json::String(written.digest.to_string()),
            );
        }
        let message =
            format!("the attestation refers to the new image now, but states the old digest {old}");
        self.add_remark(document, Effect::Left, pointer, message);
    }

    /// Adds the platform to a child of a Docker manifest list, because the format requires a
    /// platform for each child.
    fn add_platform(
        &mut self,
        json: &mut Json,
        descriptor: &Descriptor,
        document: &Digest,
        pointer: &str,
    ) {
        if index::platform(json).is_some() || !can_be_document(descriptor) {
            return;
        }
        let platform = (self.platform)(&descriptor.digest)
            .and_then(|platform| serde_json::to_vec(&platform).ok());
        if let Some(platform) = platform.and_then(|platform| Json::parse(&platform).ok()) {
            json.set("platform", platform);
        } else {
            let message = "Docker lists require a platform for each child, and this child's platform is unknown";
            self.add_remark(document, Effect::Incomplete, pointer, message);
        }
    }

    /// Adds a remark if the result is a Docker manifest list that contains another list.
    ///
    /// The caller requested this, but few tools support it. Only the root is checked: if any index
    /// contains a nested index, the root does too.
    fn report_nested(&mut self, digest: &Digest, manifest: &Manifest, draft: &ManifestDraft) {
        let Conversion { to, flatten, .. } = self.conversion;
        let is_new = draft.document() != manifest.document()
            || manifest.media_type().family() != Family::Docker;
        if to != Some(ImageFormat::Docker) || flatten || digest != self.root || !is_new {
            return;
        }
        let mut children = manifest
            .children()
            .iter()
            .filter(|child| child.kind == ChildKind::Manifest);
        let nested = children.find(|child| {
            self.documents
                .get(&child.descriptor.digest)
                .is_some_and(is_index)
        });
        if let Some(nested) = nested {
            let message = "it becomes a list in a list, which few tools support; to flatten it, run portolan convert --flatten";
            self.add_remark(digest, Effect::Left, &nested.pointer, message);
        }
    }

    /// Adds remarks about the data that is lost with a removed nested index.
    fn report_lifted(&mut self, lifted: &LiftedIndex<'_>) {
        let LiftedIndex {
            digest,
            manifest,
            is_repeated: again,
            document,
            pointer,
            child,
        } = lifted;
        if child.get("annotations").is_some() {
            let message = "the nested index is removed, and its annotations with it";
            self.add_remark(
                document,
                Effect::Lost,
                &format!("{pointer}/annotations"),
                message,
            );
        }
        if *again {
            let message =
                format!("the nested index {digest} was already flattened at its first occurrence");
            self.add_remark(document, Effect::Dropped, pointer, message);
            return;
        }
        let lost: Vec<_> = OCI_ONLY_FIELDS
            .into_iter()
            .filter(|field| manifest.document().get(field).is_some())
            .collect();
        if !lost.is_empty() {
            let message = format!(
                "the children of the nested index move to the root; fields lost: {}",
                lost.join(", ")
            );
            self.add_remark(digest, Effect::Lost, "", message);
        }
    }

    /// Adds the converted document if it differs from the original.
    fn add_rewritten(
        &mut self,
        digest: &Digest,
        manifest: &Manifest,
        mut draft: ManifestDraft,
    ) -> Result<(), ConvertError> {
        if self.conversion.to == Some(ImageFormat::Docker) {
            image::strip_document(
                &mut draft,
                &mut RemarkCollector::new(digest, &mut self.remarks),
            );
        }
        if let Some(written) = manifest
            .subject()
            .and_then(|subject| self.rewritten.get(&subject.digest))
        {
            let ConvertedDocument { digest, manifest } = written;
            draft.replace_subject(manifest.media_type(), digest, manifest.bytes().len() as u64);
        }
        let media_type = self.set_own_type(manifest, &mut draft);
        if draft.document() == manifest.document() {
            return Ok(());
        }
        let bytes = draft.to_bytes();
        let Some(new) = Digest::compute(digest.algorithm(), &bytes) else {
            let reason = format!(
                "the digest algorithm {} is not supported",
                digest.algorithm()
            );
            self.rejected
                .insert(digest.clone(), Rejection::new("", reason));
            return Ok(());
        };
        let manifest = Manifest::parse(bytes, Some(&media_type)).map_err(|source| {
            ConvertError::InvalidResult {
                document: digest.clone(),
                source,
            }
        })?;
        self.rewritten.insert(
            digest.clone(),
            ConvertedDocument {
                digest: new,
                manifest,
            },
        );
        Ok(())
    }

    /// Returns the new media type of the document, and sets its `mediaType` field if required.
    ///
    /// The field is required in Docker's format, and in every document that changes.
    fn set_own_type(&self, manifest: &Manifest, draft: &mut ManifestDraft) -> MediaType {
        let media_type = manifest.media_type();
        let Some(to) = self.conversion.to else {
            return media_type.clone();
        };
        let new = to
            .counterpart(media_type)
            .unwrap_or_else(|| media_type.clone());
        let own = manifest
            .document()
            .get("mediaType")
            .and_then(Json::as_str)
            .filter(|own| !own.is_empty());
        let right = match own {
            Some(own) => MediaType::new(own) == new,
            None => {
                to == ImageFormat::Oci
                    && new == *media_type
                    && draft.document() == manifest.document()
            }
        };
        if !right || own.is_some() {
            image::set_media_type(draft.document_mut(), &new);
        }
        new
    }

    fn add_remark(
        &mut self,
        document: &Digest,
        effect: Effect,
        pointer: &str,
        message: impl Into<String>,
    ) {
        RemarkCollector::new(document, &mut self.remarks).add(effect, pointer, message);
    }
}

fn is_index(manifest: &Manifest) -> bool {
    manifest.media_type().role() == MediaTypeRole::Index
}

fn is_withdrawn(manifest: &Manifest) -> bool {
    manifest.media_type().as_str() == MediaType::OCI_ARTIFACT
}

/// Returns the description of a child for messages: its digest, and its platform if it has one.
fn describe_child(descriptor: &Descriptor) -> String {
    match &descriptor.platform {
        Some(platform) => format!("{} ({platform})", descriptor.digest),
        None => descriptor.digest.to_string(),
    }
}
