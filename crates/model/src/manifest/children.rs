//! What a manifest names by digest, wherever it stands in the document.

use crate::descriptor::FieldError;
use crate::lint::Notes;
use crate::path::Path;
use crate::{Descriptor, Digest, DigestError, Finding, Json, MediaType, Role, Rule};

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
pub(super) fn collect(document: &Json, media_type: &MediaType, notes: &mut Notes) -> Vec<Child> {
    let known = media_type.is_known_manifest();
    let mut walk = Walk {
        known,
        children: Vec::new(),
        notes,
    };
    walk.value(&Path::Root, document, Place::Top);
    walk.children
}

pub(super) fn subject(document: &Json, notes: &mut Notes) -> Option<Descriptor> {
    let subject = document
        .get("subject")
        .filter(|value| **value != Json::Null)?;
    let path = Path::Member(&Path::Root, "subject");
    let digest = match subject.get("digest").and_then(Json::as_str).map(str::parse) {
        Some(Ok(digest)) => digest,
        Some(Err(error)) => {
            malformed_digest(&path, &error, notes);
            return None;
        }
        None => {
            let message = "subject is no descriptor: it needs mediaType, digest and size";
            notes.add(Rule::MalformedField, |rule| {
                Finding::new(rule, path.pointer(), message)
            });
            return None;
        }
    };
    Some(read(&path, subject, digest, notes))
}

/// Reads a descriptor and says what is wrong with its fields.
fn read(path: &Path<'_>, object: &Json, digest: Digest, notes: &mut Notes) -> Descriptor {
    let (descriptor, errors) = Descriptor::read(object, digest);
    for error in &errors {
        notes.add(error.rule, |rule| malformed(rule, path, error));
    }
    let without = |key: &&&str| {
        object
            .get(key)
            .is_none_or(|value| value.as_str() == Some(""))
    };
    let missing: Vec<_> = ["mediaType", "size"]
        .iter()
        .filter(without)
        .copied()
        .collect();
    if !missing.is_empty() {
        notes.add(Rule::DescriptorIncomplete, |rule| {
            let message = format!(
                "the descriptor of {} has no {}",
                descriptor.digest,
                missing.join(" and no ")
            );
            Finding::describing(rule, path.pointer(), &descriptor, message)
        });
    }
    descriptor
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
    notes: &'a mut Notes,
}

impl Walk<'_> {
    fn value(&mut self, path: &Path<'_>, value: &Json, place: Place) {
        match value {
            Json::Object(members) => self.object(path, value, members, place),
            Json::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    self.value(&Path::Item(path, position), item, Place::Elsewhere);
                }
            }
            _ => (),
        }
    }

    fn object(&mut self, path: &Path<'_>, object: &Json, members: &[(String, Json)], place: Place) {
        let mut digests: Vec<Digest> = Vec::new();
        for (key, member) in members {
            let digest = member
                .as_str()
                .filter(|_| key.eq_ignore_ascii_case("digest"));
            match digest.and_then(|text| text.parse().ok()) {
                Some(digest) => digests.push(digest),
                None => self.member(&Path::Member(path, key), key, member, place),
            }
        }
        if let Some(last) = digests.pop() {
            // Of duplicate digests each keeps its content alive, but only the last one is described.
            for duplicate in digests {
                self.take(path, Descriptor::of(duplicate), place);
            }
            // What is wrong with one whose meaning nobody knows is nobody's business.
            let descriptor = match place {
                Place::Expecting(_) => read(path, object, last, self.notes),
                Place::Top | Place::Elsewhere => Descriptor::read(object, last).0,
            };
            self.take(path, descriptor, place);
        }
    }

    fn member(&mut self, path: &Path<'_>, key: &str, value: &Json, within: Place) {
        let at_top = matches!(within, Place::Top);
        if key.eq_ignore_ascii_case("annotations")
            || (at_top && key.eq_ignore_ascii_case("subject"))
        {
            return;
        }
        match list_kind(key) {
            Some(kind) if at_top && self.known => self.list(path, value, kind),
            None if at_top && self.known && key == "config" => {
                self.descriptor(path, value, ChildKind::Config)
            }
            _ => self.value(path, value, Place::Elsewhere),
        }
    }

    fn list(&mut self, path: &Path<'_>, value: &Json, kind: ChildKind) {
        match value {
            Json::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    self.descriptor(&Path::Item(path, position), item, kind);
                }
            }
            // Go's readers and writers take null for an empty list.
            Json::Null => (),
            _ => self.malformed(path, || {
                format!("expected an array of descriptors, found {}", value.kind())
            }),
        }
    }

    fn descriptor(&mut self, path: &Path<'_>, value: &Json, kind: ChildKind) {
        match value.get("digest") {
            Some(Json::String(text)) => {
                if let Err(error) = text.parse::<Digest>() {
                    malformed_digest(path, &error, self.notes);
                }
            }
            Some(other) => self.malformed(path, || {
                format!("the digest must be a string, it is {}", other.kind())
            }),
            None if value.as_object().is_some() => {
                self.malformed(path, || "a descriptor needs a digest".into())
            }
            None => self.malformed(path, || {
                format!("expected a descriptor, found {}", value.kind())
            }),
        }
        self.value(path, value, Place::Expecting(kind));
    }

    fn take(&mut self, path: &Path<'_>, descriptor: Descriptor, place: Place) {
        let kind = match place {
            Place::Expecting(kind) => kind,
            Place::Top | Place::Elsewhere => ChildKind::Other,
        };
        let foreign = descriptor
            .media_type
            .as_ref()
            .is_some_and(|media_type| media_type.role() == Role::ForeignLayer);
        let required = kind != ChildKind::Other && !foreign;
        self.children.push(Child {
            pointer: path.pointer(),
            kind,
            descriptor,
            required,
        });
    }

    fn malformed(&mut self, path: &Path<'_>, message: impl FnOnce() -> String) {
        self.notes.add(Rule::MalformedField, |rule| {
            Finding::new(rule, path.pointer(), message())
        });
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

fn malformed(rule: Rule, path: &Path<'_>, error: &FieldError) -> Finding {
    let message = format!("expected {}, found {}", error.expected, error.found);
    Finding::new(rule, Path::Member(path, &error.field).pointer(), message)
}

fn malformed_digest(path: &Path<'_>, error: &DigestError, notes: &mut Notes) {
    let message = format!("the digest breaks the grammar: {error}");
    notes.add(Rule::MalformedDigest, |rule| {
        Finding::new(rule, path.pointer(), message)
    });
}
