//! The conversion itself, document by document, each after its children.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::image::{self, FIELDS_OF_OCI, Refusal};
use super::index::{self, Distinct, Entry, Lifted};
use super::order::{Documents, may_be_known};
use super::remark::Remarks;
use super::{Conversion, ConvertError, Converted, Effect, Format, Remark, Written};
use crate::draft::name_content;
use crate::{
    ChildKind, Descriptor, Digest, Draft, Family, Json, Manifest, MediaType, Platform, Role,
};

/// What was done so far.
pub(super) struct Work<'a> {
    conversion: Conversion,
    root: &'a Digest,
    documents: &'a Documents<'a>,
    platform: &'a dyn Fn(&Digest) -> Option<Platform>,
    written: HashMap<Digest, Written>,
    refused: HashMap<Digest, Refusal>,
    remarks: Vec<Remark>,
}

/// What a child of an index is.
enum Child<'a> {
    /// A document of the tree.
    Known(&'a Manifest),
    /// Its type is known, but nobody has it.
    Absent,
    /// Nobody here knows its type.
    Unknown,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        conversion: Conversion,
        root: &'a Digest,
        documents: &'a Documents<'a>,
        platform: &'a dyn Fn(&Digest) -> Option<Platform>,
    ) -> Self {
        let (written, refused) = (HashMap::new(), HashMap::new());
        Self {
            conversion,
            root,
            documents,
            platform,
            written,
            refused,
            remarks: Vec::new(),
        }
    }

    pub(super) fn finish(mut self) -> Result<Converted, ConvertError> {
        if let Some(Refusal { pointer, reason }) = self.refused.remove(self.root) {
            return Err(ConvertError::Refused {
                root: self.root.clone(),
                pointer,
                reason,
            });
        }
        let root = self
            .written
            .get(self.root)
            .map_or_else(|| self.root.clone(), |written| written.digest.clone());
        Ok(Converted {
            root,
            documents: self.written,
            remarks: self.remarks,
        })
    }

    /// Converts one document, whose children were converted before.
    pub(super) fn document(&mut self, digest: &'a Digest) -> Result<(), ConvertError> {
        let Some(manifest) = self.documents.get(digest) else {
            return Ok(());
        };
        let draft = match manifest.media_type().role() {
            Role::Manifest => self.image(digest, manifest),
            // Its children are in the root.
            Role::Index if self.conversion.flatten && digest != self.root => None,
            Role::Index => self.index(digest, manifest),
            _ => self.unknown(digest, manifest),
        };
        match draft {
            Some(draft) => self.write(digest, manifest, draft),
            None => Ok(()),
        }
    }

    fn unknown(&mut self, digest: &Digest, manifest: &Manifest) -> Option<Draft> {
        if self.conversion.to.is_some() {
            let reason = format!("nobody here knows the type {}", manifest.media_type());
            self.refused
                .insert(digest.clone(), Refusal::new("", reason));
        }
        None
    }

    fn image(&mut self, digest: &Digest, manifest: &Manifest) -> Option<Draft> {
        let to = self.conversion.to?;
        if let Some(refusal) = image::refusal(manifest, to) {
            self.refused.insert(digest.clone(), refusal);
            return None;
        }
        let mut draft = Draft::of(manifest);
        image::rewrite(
            &mut draft,
            to,
            &mut Remarks::about(digest, &mut self.remarks),
        );
        Some(draft)
    }

    fn index(&mut self, digest: &'a Digest, manifest: &'a Manifest) -> Option<Draft> {
        let mut draft = Draft::of(manifest);
        let (entries, gone) = match self
            .conversion
            .flatten
            .then(|| index::lifted(digest, manifest, self.documents))
        {
            Some(lifted) => lifted.or_else(|| self.too_large(digest))?,
            None => Default::default(),
        };
        if gone.is_empty() {
            for (list, entries) in draft.lists_mut().zip(index::own(digest, manifest)) {
                *list = entries
                    .iter()
                    .filter_map(|entry| self.converted(entry))
                    .collect();
            }
        } else {
            for lifted in &gone {
                self.tell_lifted(lifted);
            }
            let children = self
                .distinct_children(&entries)
                .or_else(|| self.too_large(digest))?;
            draft.document_mut().set("manifests", Json::Array(children));
        }
        self.tell_nested(digest, manifest, &draft);
        Some(draft)
    }

    fn too_large<T>(&mut self, digest: &Digest) -> Option<T> {
        let reason =
            "with the children of all nested indexes in it, it would be larger than anybody takes";
        self.refused
            .insert(digest.clone(), Refusal::new("/manifests", reason));
        None
    }

    /// The children of an index and of those nested in it, each once; nothing if that is too much.
    fn distinct_children(&mut self, entries: &[Entry<'_>]) -> Option<Vec<Json>> {
        let (mut distinct, mut children) = (Distinct::default(), Vec::new());
        for entry in entries {
            let Some(child) = self.converted(entry) else {
                continue;
            };
            if distinct.repeats(&child, entry.lifted) {
                self.remark(
                    entry.document,
                    Effect::Dropped,
                    &entry.pointer,
                    "it stands in the index already",
                );
                continue;
            }
            if distinct.is_too_much() {
                return None;
            }
            children.push(child);
        }
        Some(children)
    }

    /// The child as it stands in the new index; nothing if it is left out.
    fn converted(&mut self, entry: &Entry<'_>) -> Option<Json> {
        let mut child = entry.json();
        let Some(descriptor) = Draft::descriptor(&child) else {
            return Some(child);
        };
        self.child(&mut child, &descriptor, entry.document, &entry.pointer)
            .then_some(child)
    }

    /// Answers whether the child stays.
    fn child(
        &mut self,
        json: &mut Json,
        descriptor: &Descriptor,
        document: &Digest,
        pointer: &str,
    ) -> bool {
        let child = self.kind(descriptor);
        if let Some((reason, droppable)) = self.reason_to_leave(&child, descriptor) {
            if droppable && self.conversion.drop_unknown {
                self.remark(
                    document,
                    Effect::Dropped,
                    pointer,
                    format!("{} is left out: {reason}", named(descriptor)),
                );
                return false;
            }
            if self.conversion.to.is_some() {
                let way_out = if droppable {
                    "; portolan convert --drop-unknown leaves it out"
                } else {
                    ""
                };
                let message = format!("{} stays as it is: {reason}{way_out}", named(descriptor));
                self.remark(document, Effect::Left, pointer, message);
            }
        } else if let Child::Known(manifest) = child {
            self.rename(json, descriptor, manifest);
        }
        self.follow_attested(json, descriptor, document, pointer);
        if self.conversion.to == Some(Format::Docker) {
            let mut remarks = Remarks::about(document, &mut self.remarks);
            image::strip_descriptor(json, pointer, &mut remarks);
            self.complete(json, descriptor, document, pointer);
        }
        true
    }

    fn kind(&self, descriptor: &Descriptor) -> Child<'a> {
        match self.documents.get(&descriptor.digest) {
            _ if !may_be_known(descriptor) => Child::Unknown,
            Some(manifest) => Child::Known(manifest),
            None if descriptor.media_type.is_none() => Child::Unknown,
            None => Child::Absent,
        }
    }

    /// Why a child stays as it is, and whether it may be dropped for that.
    fn reason_to_leave(
        &self,
        child: &Child<'_>,
        descriptor: &Descriptor,
    ) -> Option<(String, bool)> {
        match (child, &descriptor.media_type) {
            (Child::Known(manifest), _)
                if self.conversion.drop_unknown && is_withdrawn(manifest) =>
            {
                Some((
                    format!(
                        "hardly anybody knows {}, which was withdrawn",
                        manifest.media_type()
                    ),
                    true,
                ))
            }
            (Child::Known(_), _) => {
                let refusal = self.refused.get(&descriptor.digest)?;
                Some((refusal.reason.clone(), true))
            }
            (Child::Absent, Some(media_type)) => {
                let foreign = self
                    .conversion
                    .to
                    .is_some_and(|to| media_type.family() != to.family());
                foreign.then(|| ("it is not there to be converted".into(), false))
            }
            (_, Some(media_type)) => Some((
                format!("nobody here knows {media_type} as a manifest"),
                true,
            )),
            (_, None) => Some(("nothing says what it is".into(), true)),
        }
    }

    /// Makes the descriptor name what its content has become.
    fn rename(&self, json: &mut Json, descriptor: &Descriptor, manifest: &Manifest) {
        let written = self.written.get(&descriptor.digest);
        if let Some(Written { digest, manifest }) = written {
            let is_embedded = json.get("data").and_then(Json::as_str).is_some();
            name_content(json, digest, manifest.bytes().len() as u64);
            if is_embedded {
                json.set("data", Json::String(STANDARD.encode(manifest.bytes())));
            }
        }
        let media_type = written
            .map_or(manifest, |written| &written.manifest)
            .media_type();
        if self.conversion.to.is_some() && (descriptor.media_type.is_some() || written.is_some()) {
            image::say_type(json, media_type);
        }
    }

    /// What BuildKit attaches to an image names it in an annotation, and in what it states, which stays.
    fn follow_attested(
        &mut self,
        json: &mut Json,
        descriptor: &Descriptor,
        document: &Digest,
        pointer: &str,
    ) {
        let Some(old) = descriptor.attests() else {
            return;
        };
        let Some(written) = self.written.get(&old) else {
            return;
        };
        if let Some(annotations) = json.get_mut("annotations") {
            annotations.set(
                Descriptor::ATTESTS,
                Json::String(written.digest.to_string()),
            );
        }
        let message =
            format!("what is attested here follows its image, but states the old digest {old}");
        self.remark(document, Effect::Left, pointer, message);
    }

    /// Children of Docker's lists have to have a platform.
    fn complete(
        &mut self,
        json: &mut Json,
        descriptor: &Descriptor,
        document: &Digest,
        pointer: &str,
    ) {
        if index::platform(json).is_some() || !may_be_known(descriptor) {
            return;
        }
        let platform = (self.platform)(&descriptor.digest)
            .and_then(|platform| serde_json::to_vec(&platform).ok());
        if let Some(platform) = platform.and_then(|platform| Json::parse(&platform).ok()) {
            json.set("platform", platform);
        } else {
            let message =
                "Docker's lists want a platform of each child, and nothing says this one's";
            self.remark(document, Effect::Incomplete, pointer, message);
        }
    }

    /// A list in a list is what the conversion was asked for, and of little use. The root names one wherever any does.
    fn tell_nested(&mut self, digest: &Digest, manifest: &Manifest, draft: &Draft) {
        let Conversion { to, flatten, .. } = self.conversion;
        let is_new = draft.document() != manifest.document()
            || manifest.media_type().family() != Family::Docker;
        if to != Some(Format::Docker) || flatten || digest != self.root || !is_new {
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
            let message = "it becomes a list in a list, which few tools read; portolan convert --flatten takes it apart";
            self.remark(digest, Effect::Left, &nested.pointer, message);
        }
    }

    fn tell_lifted(&mut self, lifted: &Lifted<'_>) {
        let Lifted {
            digest,
            manifest,
            again,
            document,
            pointer,
            child,
        } = lifted;
        if child.get("annotations").is_some() {
            let message = "the nested index is gone, and what is said of it here with it";
            self.remark(
                document,
                Effect::Lost,
                &format!("{pointer}/annotations"),
                message,
            );
        }
        if *again {
            let message = format!(
                "the nested index {digest} was lifted before, from where it is named first"
            );
            self.remark(document, Effect::Dropped, pointer, message);
            return;
        }
        let lost: Vec<_> = FIELDS_OF_OCI
            .into_iter()
            .filter(|field| manifest.document().get(field).is_some())
            .collect();
        if !lost.is_empty() {
            let message = format!(
                "of the nested index, whose children are lifted, this is lost: {}",
                lost.join(", ")
            );
            self.remark(digest, Effect::Lost, "", message);
        }
    }

    /// Writes a document anew, if anything about it has changed.
    fn write(
        &mut self,
        digest: &Digest,
        manifest: &Manifest,
        mut draft: Draft,
    ) -> Result<(), ConvertError> {
        if self.conversion.to == Some(Format::Docker) {
            image::strip_document(&mut draft, &mut Remarks::about(digest, &mut self.remarks));
        }
        if let Some(written) = manifest
            .subject()
            .and_then(|subject| self.written.get(&subject.digest))
        {
            let Written { digest, manifest } = written;
            draft.replace_subject(manifest.media_type(), digest, manifest.bytes().len() as u64);
        }
        let media_type = self.own_type(manifest, &mut draft);
        if draft.document() == manifest.document() {
            return Ok(());
        }
        let bytes = draft.to_bytes();
        let Some(new) = Digest::of(digest.algorithm(), &bytes) else {
            let reason = format!(
                "digests of the algorithm {} cannot be computed here",
                digest.algorithm()
            );
            self.refused
                .insert(digest.clone(), Refusal::new("", reason));
            return Ok(());
        };
        let manifest = Manifest::parse(bytes, Some(&media_type)).map_err(|source| {
            ConvertError::Unreadable {
                document: digest.clone(),
                source,
            }
        })?;
        self.written.insert(
            digest.clone(),
            Written {
                digest: new,
                manifest,
            },
        );
        Ok(())
    }

    /// The type of the document, which it says itself where it has to: in Docker's format, and wherever it changes.
    fn own_type(&self, manifest: &Manifest, draft: &mut Draft) -> MediaType {
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
                to == Format::Oci && new == *media_type && draft.document() == manifest.document()
            }
        };
        if !right || own.is_some() {
            image::say_type(draft.document_mut(), &new);
        }
        new
    }

    fn remark(
        &mut self,
        document: &Digest,
        effect: Effect,
        pointer: &str,
        message: impl Into<String>,
    ) {
        Remarks::about(document, &mut self.remarks).add(effect, pointer, message);
    }
}

fn is_index(manifest: &Manifest) -> bool {
    manifest.media_type().role() == Role::Index
}

fn is_withdrawn(manifest: &Manifest) -> bool {
    manifest.media_type().as_str() == MediaType::OCI_ARTIFACT
}

/// A child as people know it.
fn named(descriptor: &Descriptor) -> String {
    match &descriptor.platform {
        Some(platform) => format!("{} ({platform})", descriptor.digest),
        None => descriptor.digest.to_string(),
    }
}
