//! Rules about the field names of a document, its descriptors and their platforms.

use std::collections::HashSet;

use crate::convert::DOCKER_ANNOTATION_PREFIX;
use crate::lint::{Finding, FindingSink, Rule};
use crate::path::JsonPath;
use crate::{Family, Json, Manifest, MediaType};

/// Maximum number of characters of a field name in a message.
const MAX_SHOWN: usize = 80;

/// Known fields of all types of documents. A known field in a document of the wrong type is
/// reported by [`Rule::TwoShapes`].
const DOCUMENT_FIELDS: [&str; 7] = [
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "fsLayers",
    "history",
];

/// Fields of a document that only OCI defines.
const OCI_DOCUMENT_FIELDS: [&str; 3] = ["artifactType", "subject", "annotations"];

const DESCRIPTOR_FIELDS: [&str; 5] = ["mediaType", "digest", "size", "urls", "platform"];

/// Fields of a descriptor that only OCI defines.
const OCI_DESCRIPTOR_FIELDS: [&str; 3] = ["annotations", "data", "artifactType"];

const PLATFORM_FIELDS: [&str; 6] = [
    "architecture",
    "os",
    "os.version",
    "os.features",
    "variant",
    "features",
];

pub(super) fn check(manifest: &Manifest, sink: &mut FindingSink) {
    let (document, media_type) = (manifest.document(), manifest.media_type());
    let withdrawn = media_type.as_str() == MediaType::OCI_ARTIFACT;
    if !withdrawn {
        check_schema_version(document, sink);
    }
    check_media_type(document, media_type, sink);
    let docker = media_type.family() == Family::Docker;
    FieldChecker {
        docker,
        withdrawn,
        seen: HashSet::new(),
        sink,
    }
    .check_document(document);
}

/// Checks `schemaVersion`. All types have this field except the withdrawn artifact manifest.
fn check_schema_version(document: &Json, sink: &mut FindingSink) {
    let found = match document.get("schemaVersion") {
        Some(Json::Number(number)) if number.as_u64() == Some(2) => return,
        Some(Json::Number(number)) => format!("found {number}"),
        Some(other) => format!("found {}", other.kind()),
        None => "but the field is missing".into(),
    };
    let pointer = if document.get("schemaVersion").is_some() {
        "/schemaVersion"
    } else {
        ""
    };
    sink.add(Rule::SchemaVersion, |rule| {
        Finding::new(rule, pointer, format!("schemaVersion must be 2, {found}"))
    });
}

fn check_media_type(document: &Json, media_type: &MediaType, sink: &mut FindingSink) {
    let own = document.get("mediaType");
    if own.is_none_or(|value| value.as_str() == Some("")) {
        let pointer = if own.is_some() { "/mediaType" } else { "" };
        let message = format!("the document has no mediaType; it is treated as {media_type}");
        sink.add(Rule::MissingMediaType, |rule| {
            Finding::new(rule, pointer, message)
        });
    }
}

/// Check for unknown fields. Each field name is reported once per document and kind of object.
struct FieldChecker<'a> {
    docker: bool,
    /// True if the document is an OCI artifact manifest, a withdrawn type that has the field
    /// `blobs`.
    withdrawn: bool,
    seen: HashSet<(ObjectKind, &'a str)>,
    sink: &'a mut FindingSink,
}

/// Kind of object that contains a field.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
enum ObjectKind {
    Document,
    Descriptor,
    Platform,
}

impl ObjectKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Document => "a document",
            Self::Descriptor => "a descriptor",
            Self::Platform => "a platform",
        }
    }

    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Document => &DOCUMENT_FIELDS,
            Self::Descriptor => &DESCRIPTOR_FIELDS,
            Self::Platform => &PLATFORM_FIELDS,
        }
    }

    fn oci_fields(self) -> &'static [&'static str] {
        match self {
            Self::Document => &OCI_DOCUMENT_FIELDS,
            Self::Descriptor => &OCI_DESCRIPTOR_FIELDS,
            Self::Platform => &[],
        }
    }
}

impl<'a> FieldChecker<'a> {
    fn check_document(&mut self, document: &'a Json) {
        self.check_object(&JsonPath::Root, document, ObjectKind::Document);
        for (key, value) in document.as_object().unwrap_or_default() {
            let path = JsonPath::Member(&JsonPath::Root, key);
            match key.as_str() {
                "config" | "subject" => self.check_descriptor(&path, value),
                "layers" | "manifests" | "blobs" => {
                    for (position, item) in value.as_array().unwrap_or_default().iter().enumerate()
                    {
                        self.check_descriptor(&JsonPath::Item(&path, position), item);
                    }
                }
                _ => (),
            }
        }
    }

    fn check_descriptor(&mut self, path: &JsonPath<'_>, descriptor: &'a Json) {
        self.check_object(path, descriptor, ObjectKind::Descriptor);
        for (key, value) in descriptor.as_object().unwrap_or_default() {
            if key == "platform" {
                self.check_object(&JsonPath::Member(path, key), value, ObjectKind::Platform);
            }
        }
    }

    fn check_object(&mut self, path: &JsonPath<'_>, object: &'a Json, kind: ObjectKind) {
        for (key, value) in object.as_object().unwrap_or_default() {
            let Some(rule) = self.violated_rule(kind, key, value) else {
                continue;
            };
            if self.seen.insert((kind, key)) {
                let specification = if self.docker {
                    "Docker's format"
                } else {
                    "the specification"
                };
                let shown: String = key.chars().take(MAX_SHOWN).collect();
                self.sink.add(rule, |rule| {
                    let message = format!(
                        "{specification} does not define the field {shown:?} in {}",
                        kind.as_str()
                    );
                    Finding::new(rule, JsonPath::Member(path, key).pointer(), message)
                });
            }
        }
    }

    fn violated_rule(&self, kind: ObjectKind, key: &str, value: &Json) -> Option<Rule> {
        let is_artifact_field = self.withdrawn && kind == ObjectKind::Document && key == "blobs";
        if kind.fields().contains(&key) || is_artifact_field {
            None
        } else if kind.oci_fields().contains(&key) {
            let is_docker = kind == ObjectKind::Descriptor && has_only_docker_annotations(value);
            (self.docker && !is_docker).then_some(Rule::OciFieldInDocker)
        } else {
            Some(Rule::UnknownField)
        }
    }
}

/// Returns whether a value consists of annotations that Docker's own tools write in descriptors.
fn has_only_docker_annotations(value: &Json) -> bool {
    let annotations = value.as_object().filter(|members| !members.is_empty());
    annotations.is_some_and(|members| {
        members
            .iter()
            .all(|(key, _)| key.starts_with(DOCKER_ANNOTATION_PREFIX))
    })
}
