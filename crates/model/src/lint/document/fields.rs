//! Rules about the fields of a document and of its descriptors, whatever they hold.

use std::collections::HashSet;

use crate::lint::{Finding, Notes, Rule};
use crate::path::Path;
use crate::{Family, Json, Manifest, MediaType};

/// Longest part of a name that a message repeats.
const SHOWN: usize = 80;

/// The fields of a document, those of the other shape too, which `two-shapes` is about.
const DOCUMENT: [&str; 7] = [
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "fsLayers",
    "history",
];

/// The fields of a document that OCI alone has.
const OCI_DOCUMENT: [&str; 3] = ["artifactType", "subject", "annotations"];

const DESCRIPTOR: [&str; 5] = ["mediaType", "digest", "size", "urls", "platform"];

/// The fields of a descriptor that OCI alone has.
const OCI_DESCRIPTOR: [&str; 3] = ["annotations", "data", "artifactType"];

const PLATFORM: [&str; 6] = [
    "architecture",
    "os",
    "os.version",
    "os.features",
    "variant",
    "features",
];

pub(super) fn note(manifest: &Manifest, notes: &mut Notes) {
    let (document, media_type) = (manifest.document(), manifest.media_type());
    let withdrawn = media_type.as_str() == MediaType::OCI_ARTIFACT;
    if !withdrawn {
        schema_version(document, notes);
    }
    missing_media_type(document, media_type, notes);
    let docker = media_type.family() == Family::Docker;
    Fields {
        docker,
        withdrawn,
        seen: HashSet::new(),
        notes,
    }
    .document(document);
}

/// The withdrawn artifact manifest has none.
fn schema_version(document: &Json, notes: &mut Notes) {
    let found = match document.get("schemaVersion") {
        Some(Json::Number(number)) if number.as_u64() == Some(2) => return,
        Some(Json::Number(number)) => format!("it is {number}"),
        Some(other) => format!("it is {}", other.kind()),
        None => "it is missing".into(),
    };
    let pointer = if document.get("schemaVersion").is_some() {
        "/schemaVersion"
    } else {
        ""
    };
    notes.add(Rule::SchemaVersion, |rule| {
        Finding::new(rule, pointer, format!("schemaVersion must be 2, {found}"))
    });
}

fn missing_media_type(document: &Json, media_type: &MediaType, notes: &mut Notes) {
    let own = document.get("mediaType");
    if own.is_none_or(|value| value.as_str() == Some("")) {
        let pointer = if own.is_some() { "/mediaType" } else { "" };
        let message =
            format!("the document has no mediaType; it was sent or described as {media_type}");
        notes.add(Rule::MissingMediaType, |rule| {
            Finding::new(rule, pointer, message)
        });
    }
}

/// Names that do not belong where they stand; each is told once in a document.
struct Fields<'a> {
    docker: bool,
    withdrawn: bool,
    seen: HashSet<(Object, &'a str)>,
    notes: &'a mut Notes,
}

/// What the fields are of.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
enum Object {
    Document,
    Descriptor,
    Platform,
}

impl Object {
    fn as_str(self) -> &'static str {
        match self {
            Self::Document => "a document",
            Self::Descriptor => "a descriptor",
            Self::Platform => "a platform",
        }
    }

    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Document => &DOCUMENT,
            Self::Descriptor => &DESCRIPTOR,
            Self::Platform => &PLATFORM,
        }
    }

    fn oci_fields(self) -> &'static [&'static str] {
        match self {
            Self::Document => &OCI_DOCUMENT,
            Self::Descriptor => &OCI_DESCRIPTOR,
            Self::Platform => &[],
        }
    }
}

impl<'a> Fields<'a> {
    fn document(&mut self, document: &'a Json) {
        self.object(&Path::Root, document, Object::Document);
        for (key, value) in document.as_object().unwrap_or_default() {
            let path = Path::Member(&Path::Root, key);
            match key.as_str() {
                "config" | "subject" => self.descriptor(&path, value),
                "layers" | "manifests" | "blobs" => {
                    for (position, item) in value.as_array().unwrap_or_default().iter().enumerate()
                    {
                        self.descriptor(&Path::Item(&path, position), item);
                    }
                }
                _ => (),
            }
        }
    }

    fn descriptor(&mut self, path: &Path<'_>, descriptor: &'a Json) {
        self.object(path, descriptor, Object::Descriptor);
        for (key, value) in descriptor.as_object().unwrap_or_default() {
            if key == "platform" {
                self.object(&Path::Member(path, key), value, Object::Platform);
            }
        }
    }

    fn object(&mut self, path: &Path<'_>, object: &'a Json, kind: Object) {
        for (key, _) in object.as_object().unwrap_or_default() {
            let Some(rule) = self.rule(kind, key) else {
                continue;
            };
            if self.seen.insert((kind, key)) {
                let of_whom = if self.docker {
                    "Docker's format"
                } else {
                    "the specification"
                };
                let shown: String = key.chars().take(SHOWN).collect();
                self.notes.add(rule, |rule| {
                    let message =
                        format!("{of_whom} knows no field {shown:?} of {}", kind.as_str());
                    Finding::new(rule, Path::Member(path, key).pointer(), message)
                });
            }
        }
    }

    fn rule(&self, kind: Object, key: &str) -> Option<Rule> {
        let of_artifacts = self.withdrawn && kind == Object::Document && key == "blobs";
        if kind.fields().contains(&key) || of_artifacts {
            None
        } else if kind.oci_fields().contains(&key) {
            self.docker.then_some(Rule::OciFieldInDocker)
        } else {
            Some(Rule::UnknownField)
        }
    }
}
