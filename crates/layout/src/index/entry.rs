//! Entry of `index.json`: a descriptor with an optional name.

use portolan_model::{Descriptor, Digest, Json};

/// Annotation with the name of an entry (image-spec, annotations.md).
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Annotation with the full name of an image, including registry and repository, as written by
/// containerd and docker.
pub(crate) const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// Annotations with the names of an entry, the most specific annotation last.
pub(crate) const NAME_ANNOTATIONS: &[&str] = &[REF_NAME, CONTAINERD_NAME];

const ANNOTATIONS: &str = "annotations";

/// Entry of `index.json`, unchanged from the document, with its parsed descriptor.
#[derive(Clone, Debug)]
pub(crate) struct IndexEntry {
    raw: Json,
    /// Parsed descriptor. `None` if it is invalid, for example without a digest. Such an entry is
    /// preserved but ignored.
    descriptor: Option<Descriptor>,
}

impl IndexEntry {
    pub(super) fn read(raw: Json, descriptor: Option<Descriptor>) -> Self {
        Self { raw, descriptor }
    }

    /// Creates an entry with the type, digest, size and annotations of a descriptor.
    pub(super) fn new(descriptor: &Descriptor) -> Self {
        let mut entry = Self {
            raw: Json::Object(Vec::new()),
            descriptor: Some(descriptor.clone()),
        };
        entry.set_member(
            "mediaType",
            descriptor
                .media_type
                .as_ref()
                .map(|media_type| text(media_type.as_str())),
        );
        entry.set_member("digest", Some(text(descriptor.digest.as_str())));
        entry.set_member(
            "size",
            descriptor.size.map(|size| Json::Number(size.into())),
        );
        entry.update_types(descriptor);
        for (key, value) in &descriptor.annotations {
            entry.set_annotation(key, Some(value));
        }
        entry
    }

    pub(super) fn raw(&self) -> &Json {
        &self.raw
    }

    pub(crate) fn descriptor(&self) -> Option<&Descriptor> {
        self.descriptor.as_ref()
    }

    pub(super) fn describes(&self, digest: &Digest) -> bool {
        self.descriptor
            .as_ref()
            .is_some_and(|descriptor| descriptor.digest == *digest)
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.annotation(REF_NAME)
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        let annotations = &self.descriptor.as_ref()?.annotations;
        annotations.get(key).map(String::as_str)
    }

    pub(super) fn digest(&self) -> Option<&Digest> {
        self.descriptor().map(|descriptor| &descriptor.digest)
    }

    /// Returns the key by which entries are sorted: named entries first.
    pub(super) fn sort_key(&self) -> (bool, Option<&str>, Option<&Digest>) {
        let name = self.name();
        (name.is_none(), name, self.digest())
    }

    /// Returns whether the entry is bare: it has only types, digest and size, so removing it loses
    /// no name and no annotation.
    pub(super) fn is_bare(&self) -> bool {
        const BARE: [&str; 4] = ["mediaType", "digest", "size", "artifactType"];
        self.raw
            .as_object()
            .is_some_and(|members| members.iter().all(|(key, _)| BARE.contains(&key.as_str())))
    }

    pub(super) fn update_types(&mut self, described: &Descriptor) {
        let Some(descriptor) = &mut self.descriptor else {
            return;
        };
        descriptor.media_type.clone_from(&described.media_type);
        descriptor
            .artifact_type
            .clone_from(&described.artifact_type);
        self.set_member(
            "mediaType",
            described
                .media_type
                .as_ref()
                .map(|media_type| text(media_type.as_str())),
        );
        self.set_member(
            "artifactType",
            described
                .artifact_type
                .as_ref()
                .map(|media_type| text(media_type.as_str())),
        );
    }

    pub(super) fn set_name(&mut self, name: &str) {
        self.set_annotation(REF_NAME, Some(name));
    }

    /// Removes the name, and the full name that containerd stores.
    pub(super) fn clear_name(&mut self) {
        self.set_annotation(REF_NAME, None);
        self.set_annotation(CONTAINERD_NAME, None);
    }

    fn set_annotation(&mut self, key: &str, value: Option<&str>) {
        if let Some(descriptor) = &mut self.descriptor {
            match value {
                Some(value) => drop(descriptor.annotations.insert(key.into(), value.into())),
                None => drop(descriptor.annotations.remove(key)),
            }
        }
        let annotations = self
            .raw
            .get(ANNOTATIONS)
            .and_then(Json::as_object)
            .unwrap_or_default();
        let mut annotations = annotations.to_vec();
        set_in_object(&mut annotations, key, value.map(text));
        let annotations = (!annotations.is_empty()).then_some(Json::Object(annotations));
        self.set_member(ANNOTATIONS, annotations);
    }

    fn set_member(&mut self, key: &str, value: Option<Json>) {
        if let Json::Object(members) = &mut self.raw {
            set_in_object(members, key, value);
        }
    }
}

fn text(text: &str) -> Json {
    Json::String(text.into())
}

/// Sets, adds or removes a member. An existing member keeps its position.
fn set_in_object(members: &mut Vec<(String, Json)>, key: &str, value: Option<Json>) {
    let Some(value) = value else {
        return members.retain(|(name, _)| name != key);
    };
    // Of several members with the same name, the last member counts.
    match members.iter_mut().rev().find(|(name, _)| name == key) {
        Some((_, member)) => *member = value,
        None => members.push((key.into(), value)),
    }
}
