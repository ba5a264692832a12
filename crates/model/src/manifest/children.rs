//! Collection of the descriptors in a manifest, at any depth and within limits.
//!
//! An edge is a distinct digest that a document references. A registry stores a database row for
//! each edge, so the number of edges is limited by the size of the document: a small document must
//! not cause many rows.

use std::collections::HashSet;

use crate::lint::FindingSink;
use crate::path::JsonPath;
use crate::{
    Descriptor, Digest, DigestError, Finding, Json, ManifestError, MediaType, MediaTypeRole, Rule,
};

/// Number of bytes that a document must have for each edge, a distinct digest that it references. A
/// real descriptor has about 150 bytes.
pub const BYTES_PER_EDGE: usize = 64;

/// Maximum number of edges, distinct digests that a document references, for a document of any
/// size.
pub const MAX_EDGES: usize = 30_000;

/// Maximum total size in bytes of the pointers to objects of [`ChildKind::Other`].
///
/// Such objects may be nested below long keys, and the pointer of each object repeats these keys.
const MAX_OTHER_POINTER_BYTES: usize = 1 << 20;

/// Returns the maximum number of edges of a document of `bytes` bytes.
pub fn edge_limit(bytes: usize) -> usize {
    bytes.div_ceil(BYTES_PER_EDGE).min(MAX_EDGES)
}

/// Descriptor in a document, with its location.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Location in the document, as a JSON pointer such as `/layers/0`.
    ///
    /// For [`ChildKind::Other`], it is `…` if the pointers to such objects are too long in total.
    pub pointer: String,
    /// Role of the descriptor in the document.
    pub kind: ChildKind,
    /// Parsed descriptor. For [`ChildKind::Other`], it has only a digest, a media type and a size.
    pub descriptor: Descriptor,
    /// True if the referenced content must exist before a registry stores the document.
    ///
    /// False for foreign layers and for [`ChildKind::Other`].
    pub required: bool,
}

/// Role of a descriptor in the document that contains it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChildKind {
    /// Value of `config`.
    Config,
    /// Item of `layers`.
    Layer,
    /// Item of `manifests`.
    Manifest,
    /// Item of `blobs`, in the withdrawn OCI artifact manifest.
    Blob,
    /// Any other object with a digest, in a field that the specification does not define.
    Other,
}

impl ChildKind {
    /// Returns the name of the kind in messages and in the database.
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

/// Collects the children of a document: every descriptor in a known field, such as `layers`, and
/// every other digest at any depth, without duplicates.
///
/// A field named `digest` in any case counts as a digest, because Go's JSON decoder ignores case
/// and Go programs follow such references. `subject` and `annotations` are skipped: they do not
/// protect content from garbage collection.
///
/// # Errors
/// Returns [`ManifestError::TooManyReferences`] if the document has more distinct digests, or more
/// descriptors in known fields, than [`edge_limit`] allows for `bytes` bytes.
pub(super) fn collect_children(
    document: &Json,
    media_type: &MediaType,
    bytes: usize,
    sink: &mut FindingSink,
) -> Result<Vec<Child>, ManifestError> {
    let known = media_type.is_known_manifest();
    let limit = edge_limit(bytes);
    let mut walk = Visitor {
        known,
        limit,
        edges: HashSet::new(),
        descriptor_count: 0,
        pointer_bytes: 0,
        is_over_limit: false,
        children: Vec::new(),
        sink,
    };
    walk.visit_value(&JsonPath::Root, document, Context::Top);
    if walk.is_over_limit {
        Err(ManifestError::TooManyReferences { limit, bytes })
    } else {
        Ok(walk.children)
    }
}

pub(super) fn parse_subject(document: &Json, sink: &mut FindingSink) -> Option<Descriptor> {
    let subject = document
        .get("subject")
        .filter(|value| **value != Json::Null)?;
    let path = JsonPath::Member(&JsonPath::Root, "subject");
    let digest = match subject.get("digest").and_then(Json::as_str).map(str::parse) {
        Some(Ok(digest)) => digest,
        Some(Err(error)) => {
            report_malformed_digest(&path, &error, sink);
            return None;
        }
        None => {
            let message = "subject is not a descriptor; it needs mediaType, digest and size";
            sink.add(Rule::MalformedField, |rule| {
                Finding::new(rule, path.pointer(), message)
            });
            return None;
        }
    };
    Some(parse_descriptor(&path, subject, digest, sink))
}

/// Parses a descriptor, and reports its invalid and missing fields.
fn parse_descriptor(
    path: &JsonPath<'_>,
    object: &Json,
    digest: Digest,
    sink: &mut FindingSink,
) -> Descriptor {
    let descriptor = Descriptor::from_json(object, digest, &mut |error| {
        sink.add(error.rule, |rule| {
            Finding::new(rule, pointer_below(path, &error.path), error.to_string())
        });
    });
    let is_missing = |key: &&&str| {
        object
            .get(key)
            .is_none_or(|value| value.as_str() == Some(""))
    };
    let missing: Vec<_> = ["mediaType", "size"]
        .iter()
        .filter(is_missing)
        .copied()
        .collect();
    if !missing.is_empty() {
        sink.add(Rule::DescriptorIncomplete, |rule| {
            let message = format!(
                "the descriptor of {} has no {}",
                descriptor.digest,
                missing.join(" and no ")
            );
            Finding::for_descriptor(rule, path.pointer(), &descriptor, message)
        });
    }
    descriptor
}

/// Location of a visited value.
#[derive(Clone, Copy)]
enum Context {
    /// Root of the document.
    Top,
    /// Position of a descriptor in a known field.
    Expecting(ChildKind),
    /// Any other location.
    Elsewhere,
}

/// State of the traversal of a document.
struct Visitor<'a> {
    /// True if the document has a known manifest type. Otherwise, no field is a known field.
    known: bool,
    /// Maximum number of edges, and of descriptors in known fields.
    limit: usize,
    edges: HashSet<Digest>,
    /// Number of children in known fields.
    descriptor_count: usize,
    /// Total size in bytes of the pointers to children in other fields.
    pointer_bytes: usize,
    /// True if the document exceeds the limit. Ends the traversal.
    is_over_limit: bool,
    children: Vec<Child>,
    sink: &'a mut FindingSink,
}

impl Visitor<'_> {
    fn visit_value(&mut self, path: &JsonPath<'_>, value: &Json, place: Context) {
        match value {
            _ if self.is_over_limit => (),
            Json::Object(members) => self.visit_object(path, value, members, place),
            Json::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    self.visit_value(&JsonPath::Item(path, position), item, Context::Elsewhere);
                }
            }
            _ => (),
        }
    }

    fn visit_object(
        &mut self,
        path: &JsonPath<'_>,
        object: &Json,
        members: &[(String, Json)],
        place: Context,
    ) {
        let mut digests = ObjectDigests::default();
        for (key, member) in members {
            let digest = member
                .as_str()
                .filter(|_| key.eq_ignore_ascii_case("digest"));
            match digest.and_then(|text| text.parse().ok()) {
                Some(digest) => digests.push(digest),
                None => self.visit_member(&JsonPath::Member(path, key), key, member, place),
            }
            if self.is_over_limit || digests.earlier.len() > self.limit {
                self.is_over_limit = true;
                return;
            }
        }
        let ObjectDigests { earlier, last, .. } = digests;
        let Some(last) = last else {
            return;
        };
        // Parsers differ in which of several `digest` keys they use. Therefore, the digest in each
        // of these keys protects its content from garbage collection. The other fields of the
        // object describe only the last digest.
        for duplicate in earlier.into_iter().filter(|digest| *digest != last) {
            self.add_child(path, None, duplicate, place);
        }
        self.add_child(path, Some(object), last, place);
    }

    fn visit_member(&mut self, path: &JsonPath<'_>, key: &str, value: &Json, parent: Context) {
        let at_top = matches!(parent, Context::Top);
        if key.eq_ignore_ascii_case("annotations")
            || (at_top && key.eq_ignore_ascii_case("subject"))
        {
            return;
        }
        match list_kind(key) {
            Some(kind) if at_top && self.known => self.visit_list(path, value, kind),
            None if at_top && self.known && key == "config" => {
                self.visit_descriptor(path, value, ChildKind::Config);
            }
            _ => self.visit_value(path, value, Context::Elsewhere),
        }
    }

    fn visit_list(&mut self, path: &JsonPath<'_>, value: &Json, kind: ChildKind) {
        match value {
            Json::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    self.visit_descriptor(&JsonPath::Item(path, position), item, kind);
                }
            }
            // Go programs write `null` for an empty list.
            Json::Null => (),
            _ => self.report_malformed(path, || {
                format!("expected an array of descriptors, found {}", value.kind())
            }),
        }
    }

    fn visit_descriptor(&mut self, path: &JsonPath<'_>, value: &Json, kind: ChildKind) {
        match value.get("digest") {
            Some(Json::String(text)) => {
                if let Err(error) = text.parse::<Digest>() {
                    report_malformed_digest(path, &error, self.sink);
                }
            }
            Some(other) => self.report_malformed(path, || {
                format!("digest must be a string, found {}", other.kind())
            }),
            None if value.as_object().is_some() => {
                self.report_malformed(path, || "the descriptor has no digest".into());
            }
            None => self.report_malformed(path, || {
                format!("expected a descriptor, found {}", value.kind())
            }),
        }
        self.visit_value(path, value, Context::Expecting(kind));
    }

    /// Adds a child for a digest in an object. `object` is `None` if the other fields of the object
    /// describe another digest.
    fn add_child(
        &mut self,
        path: &JsonPath<'_>,
        object: Option<&Json>,
        digest: Digest,
        place: Context,
    ) {
        let is_new = self.edges.insert(digest.clone());
        match place {
            Context::Expecting(kind) => self.add_descriptor(path, object, digest, kind),
            Context::Top | Context::Elsewhere if is_new => self.add_other(path, object, digest),
            Context::Top | Context::Elsewhere => (),
        }
        if self.edges.len().max(self.descriptor_count) > self.limit {
            self.is_over_limit = true;
        }
    }

    fn add_descriptor(
        &mut self,
        path: &JsonPath<'_>,
        object: Option<&Json>,
        digest: Digest,
        kind: ChildKind,
    ) {
        let descriptor = match object {
            Some(object) => parse_descriptor(path, object, digest, self.sink),
            None => Descriptor::from_digest(digest),
        };
        let foreign = descriptor
            .media_type
            .as_ref()
            .is_some_and(|media_type| media_type.role() == MediaTypeRole::ForeignLayer);
        self.descriptor_count += 1;
        self.children.push(Child {
            pointer: path.pointer(),
            kind,
            descriptor,
            required: !foreign,
        });
    }

    /// Adds an object of [`ChildKind::Other`]. The object may not be a descriptor, so invalid
    /// fields are not reported. Fields other than the digest are not copied: they may contain
    /// nested objects with digests, and copying the same values again for each level could use too
    /// much memory.
    fn add_other(&mut self, path: &JsonPath<'_>, object: Option<&Json>, digest: Digest) {
        let descriptor = match object {
            Some(object) => Descriptor::from_json_outline(object, digest),
            None => Descriptor::from_digest(digest),
        };
        let pointer = self.other_pointer(path);
        self.children.push(Child {
            pointer,
            kind: ChildKind::Other,
            descriptor,
            required: false,
        });
    }

    /// Returns the pointer to an object of [`ChildKind::Other`], or `…` if the pointers exceed
    /// [`MAX_OTHER_POINTER_BYTES`] in total.
    fn other_pointer(&mut self, path: &JsonPath<'_>) -> String {
        if self.pointer_bytes < MAX_OTHER_POINTER_BYTES {
            let pointer = path.pointer();
            self.pointer_bytes += pointer.len();
            if self.pointer_bytes <= MAX_OTHER_POINTER_BYTES {
                return pointer;
            }
        }
        "…".into()
    }

    fn report_malformed(&mut self, path: &JsonPath<'_>, message: impl FnOnce() -> String) {
        self.sink.add(Rule::MalformedField, |rule| {
            Finding::new(rule, path.pointer(), message())
        });
    }
}

/// Distinct digests of one object, in the order of their first occurrence.
#[derive(Default)]
struct ObjectDigests {
    /// Values of the earlier `digest` keys, if the key is repeated. They may include the value of
    /// the last key.
    earlier: Vec<Digest>,
    /// Digest that the other fields of the object describe.
    last: Option<Digest>,
    distinct: HashSet<Digest>,
}

impl ObjectDigests {
    fn push(&mut self, digest: Digest) {
        if let Some(previous) = self.last.replace(digest)
            && self.distinct.insert(previous.clone())
        {
            self.earlier.push(previous);
        }
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

/// Returns the JSON pointer to the value below `path` whose relative path is `names`.
fn pointer_below(path: &JsonPath<'_>, names: &[String]) -> String {
    match names {
        [] => path.pointer(),
        [first, rest @ ..] => pointer_below(&JsonPath::Member(path, first), rest),
    }
}

fn report_malformed_digest(path: &JsonPath<'_>, error: &DigestError, sink: &mut FindingSink) {
    let message = format!("invalid digest: {error}");
    sink.add(Rule::MalformedDigest, |rule| {
        Finding::new(rule, path.pointer(), message)
    });
}
