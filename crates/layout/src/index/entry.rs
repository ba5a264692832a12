//! One entry of `index.json`: a descriptor, and perhaps the name of what it describes.

use portolan_model::{Descriptor, Digest, Json};

/// The annotation that names an entry (image-spec, annotations.md).
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The annotation in which containerd and docker keep the whole name, registry and repository too.
pub(crate) const CONTAINERD_NAME: &str = "io.containerd.image.name";

const ANNOTATIONS: &str = "annotations";

/// A descriptor as it stands in the document, and what can be read of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    raw: Json,
    /// Nothing if it has no digest. Such an entry is kept and otherwise passed over.
    descriptor: Option<Descriptor>,
}

impl Entry {
    pub(super) fn read(raw: Json, descriptor: Option<Descriptor>) -> Self {
        Self { raw, descriptor }
    }

    /// An entry that says what `descriptor` says of type, digest and size, and its annotations.
    pub(super) fn new(descriptor: &Descriptor) -> Self {
        let mut entry = Self {
            raw: Json::Object(Vec::new()),
            descriptor: Some(descriptor.clone()),
        };
        entry.write(
            "mediaType",
            descriptor
                .media_type
                .as_ref()
                .map(|media_type| text(media_type.as_str())),
        );
        entry.write("digest", Some(text(descriptor.digest.as_str())));
        entry.write(
            "size",
            descriptor.size.map(|size| Json::Number(size.into())),
        );
        entry.describe(descriptor);
        for (key, value) in &descriptor.annotations {
            entry.annotate(key, Some(value));
        }
        entry
    }

    pub(super) fn raw(&self) -> &Json {
        &self.raw
    }

    pub(crate) fn descriptor(&self) -> Option<&Descriptor> {
        self.descriptor.as_ref()
    }

    pub(super) fn is_of(&self, digest: &Digest) -> bool {
        self.descriptor
            .as_ref()
            .is_some_and(|descriptor| descriptor.digest == *digest)
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.descriptor
            .as_ref()?
            .annotations
            .get(REF_NAME)
            .map(String::as_str)
    }

    /// Whether it says nothing but type, digest and size, so that nothing is lost with it.
    pub(super) fn is_bare(&self) -> bool {
        const BARE: [&str; 4] = ["mediaType", "digest", "size", "artifactType"];
        self.raw
            .as_object()
            .is_some_and(|members| members.iter().all(|(key, _)| BARE.contains(&key.as_str())))
    }

    pub(super) fn describe(&mut self, described: &Descriptor) {
        let Some(descriptor) = &mut self.descriptor else {
            return;
        };
        descriptor.media_type.clone_from(&described.media_type);
        descriptor
            .artifact_type
            .clone_from(&described.artifact_type);
        self.write(
            "mediaType",
            described
                .media_type
                .as_ref()
                .map(|media_type| text(media_type.as_str())),
        );
        self.write(
            "artifactType",
            described
                .artifact_type
                .as_ref()
                .map(|media_type| text(media_type.as_str())),
        );
    }

    pub(super) fn set_name(&mut self, name: &str) {
        self.annotate(REF_NAME, Some(name));
    }

    /// Takes the name away, and the whole one that containerd has beside it.
    pub(super) fn clear_name(&mut self) {
        self.annotate(REF_NAME, None);
        self.annotate(CONTAINERD_NAME, None);
    }

    fn annotate(&mut self, key: &str, value: Option<&str>) {
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
        set(&mut annotations, key, value.map(text));
        let annotations = (!annotations.is_empty()).then_some(Json::Object(annotations));
        self.write(ANNOTATIONS, annotations);
    }

    fn write(&mut self, key: &str, value: Option<Json>) {
        if let Json::Object(members) = &mut self.raw {
            set(members, key, value);
        }
    }
}

fn text(text: &str) -> Json {
    Json::String(text.into())
}

/// Gives a member another value in its place, adds it, or takes it out.
fn set(members: &mut Vec<(String, Json)>, key: &str, value: Option<Json>) {
    let Some(value) = value else {
        return members.retain(|(name, _)| name != key);
    };
    match members.iter_mut().rev().find(|(name, _)| name == key) {
        Some((_, member)) => *member = value,
        None => members.push((key.into(), value)),
    }
}
