//! What a manifest names by digest, wherever it stands in the document.

use crate::descriptor::FieldError;
use crate::json::pointer_to;
use crate::{Descriptor, Digest, Finding, Json, MediaType, Role, Rule};

/// One descriptor of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Where it stands, as a JSON pointer.
    pub pointer: String,
    /// What it is to the document.
    pub kind: ChildKind,
    /// What can be read of it.
    pub descriptor: Descriptor,
    /// Whether the content has to be there when the document is stored: that of the fields of
    /// the known kinds, but not a foreign layer's, nor what stands in fields of unknown meaning.
    pub required: bool,
}

/// What a descriptor is to the document that holds it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChildKind {
    /// `config`
    Config,
    /// An item of `layers`.
    Layer,
    /// An item of `manifests`.
    Manifest,
    /// An item of `blobs`, in the withdrawn OCI artifact manifest.
    Blob,
    /// Any other object with a digest, in a field of unknown meaning.
    Other,
}

impl ChildKind {
    /// The word for it in a message and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Layer => "layer",
            Self::Manifest => "manifest",
            Self::Blob => "blob",
            Self::Other => "other",
        }
    }
}

/// Every object with a digest, at any depth; names are compared without case, because Go's
/// readers do so and follow such edges. What `subject` and `annotations` say keeps nothing alive.
pub(super) fn collect(document: &Json, media_type: &MediaType, findings: &mut Vec<Finding>) -> Vec<Child> {
    let known = media_type.is_known_manifest();
    let mut walk = Walk { known, children: Vec::new(), findings };
    walk.value("", document, Place::Top);
    walk.children
}

pub(super) fn subject(document: &Json, findings: &mut Vec<Finding>) -> Option<Descriptor> {
    let subject = document.get("subject").filter(|value| **value != Json::Null)?;
    let Some(digest) = subject.get("digest").and_then(Json::as_str).and_then(|text| text.parse().ok()) else {
        let message = "subject is no descriptor: it needs mediaType, digest and size";
        findings.push(Finding::new(Rule::MalformedField, "/subject", message));
        return None;
    };
    let (descriptor, errors) = Descriptor::read(subject, digest);
    findings.extend(errors.iter().map(|error| malformed("/subject", error)));
    Some(descriptor)
}

#[derive(Clone, Copy)]
enum Place {
    Top,
    Expecting(ChildKind),
    Elsewhere,
}

struct Walk<'a> {
    known: bool,
    children: Vec<Child>,
    findings: &'a mut Vec<Finding>,
}

impl Walk<'_> {
    fn member(&mut self, parent: &str, key: &str, value: &Json, place: Place) {
        let at_top = matches!(place, Place::Top);
        if key.eq_ignore_ascii_case("annotations") || (at_top && key.eq_ignore_ascii_case("subject")) {
            return;
        }
        let pointer = pointer_to(parent, key);
        match (place, list_kind(key)) {
            (Place::Top, Some(kind)) if self.known => self.list(&pointer, value, kind),
            (Place::Top, None) if key == "config" && self.known => self.descriptor(&pointer, value, ChildKind::Config),
            _ => self.value(&pointer, value, Place::Elsewhere),
        }
    }

    fn list(&mut self, pointer: &str, value: &Json, kind: ChildKind) {
        match value {
            Json::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    self.descriptor(&format!("{pointer}/{position}"), item, kind);
                }
            }
            // Go's readers and writers take null for an empty list.
            Json::Null => (),
            _ => self.malformed(pointer, format!("expected an array of descriptors, found {}", value.kind())),
        }
    }

    fn descriptor(&mut self, pointer: &str, value: &Json, kind: ChildKind) {
        let message = match value.get("digest") {
            Some(Json::String(text)) => match text.parse::<Digest>() {
                Ok(_) => None,
                Err(error) => Some(format!("{text:?} is no digest: {error}")),
            },
            Some(other) => Some(format!("the digest must be a string, it is {}", other.kind())),
            None if value.as_object().is_some() => Some("a descriptor needs a digest".into()),
            None => Some(format!("expected a descriptor, found {}", value.kind())),
        };
        if let Some(message) = message {
            self.malformed(pointer, message);
        }
        self.value(pointer, value, Place::Expecting(kind));
    }

    fn value(&mut self, pointer: &str, value: &Json, place: Place) {
        let within = if matches!(place, Place::Top) { Place::Top } else { Place::Elsewhere };
        match value {
            Json::Object(members) => {
                for (key, member) in members {
                    if key.eq_ignore_ascii_case("digest")
                        && let Some(digest) = member.as_str().and_then(|text| text.parse().ok())
                    {
                        self.take(pointer, value, digest, place);
                    } else {
                        self.member(pointer, key, member, within);
                    }
                }
            }
            Json::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    self.value(&format!("{pointer}/{position}"), item, Place::Elsewhere);
                }
            }
            _ => (),
        }
    }

    fn take(&mut self, pointer: &str, object: &Json, digest: Digest, place: Place) {
        let (descriptor, errors) = Descriptor::read(object, digest);
        let kind = match place {
            Place::Expecting(kind) => {
                self.findings.extend(errors.iter().map(|error| malformed(pointer, error)));
                kind
            }
            Place::Top | Place::Elsewhere => ChildKind::Other,
        };
        let foreign = descriptor.media_type.as_ref().is_some_and(|media_type| media_type.role() == Role::ForeignLayer);
        let required = kind != ChildKind::Other && !foreign;
        self.children.push(Child { pointer: pointer.into(), kind, descriptor, required });
    }

    fn malformed(&mut self, pointer: &str, message: String) {
        self.findings.push(Finding::new(Rule::MalformedField, pointer, message));
    }
}

fn list_kind(key: &str) -> Option<ChildKind> {
    match key {
        "layers" => Some(ChildKind::Layer),
        "manifests" => Some(ChildKind::Manifest),
        "blobs" => Some(ChildKind::Blob),
        _ => None,
    }
}

fn malformed(pointer: &str, error: &FieldError) -> Finding {
    let message = format!("expected {}, found {}", error.expected, error.found);
    Finding::new(Rule::MalformedField, pointer_to(pointer, &error.field), message)
}
