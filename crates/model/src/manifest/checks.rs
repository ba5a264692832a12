//! Checks that run when a manifest is parsed.

use std::collections::HashSet;

use crate::lint::FindingSink;
use crate::path::JsonPath;
use crate::{Finding, Json, MediaType, MediaTypeRole, Rule};

/// Maximum number of characters of a JSON key that a message shows.
const MAX_SHOWN: usize = 80;

pub(super) fn check_document(document: &Json, media_type: &MediaType, sink: &mut FindingSink) {
    check_duplicate_keys(&JsonPath::Root, document, sink);
    check_two_shapes(document, media_type, sink);
    check_media_type(document, media_type, sink);
}

fn check_duplicate_keys(path: &JsonPath<'_>, value: &Json, sink: &mut FindingSink) {
    match value {
        Json::Object(members) => {
            let mut seen = HashSet::new();
            for (key, member) in members {
                let member_path = JsonPath::Member(path, key);
                if !seen.insert(key) {
                    sink.add(Rule::DuplicateKey, |rule| {
                        duplicate_key_finding(rule, &member_path, key)
                    });
                }
                check_duplicate_keys(&member_path, member, sink);
            }
        }
        Json::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                check_duplicate_keys(&JsonPath::Item(path, position), item, sink);
            }
        }
        _ => (),
    }
}

fn duplicate_key_finding(rule: Rule, path: &JsonPath<'_>, key: &str) -> Finding {
    let shown: String = key.chars().take(MAX_SHOWN).collect();
    let message = format!("duplicate key {shown:?}; parsers differ in which value they use");
    Finding::new(rule, path.pointer(), message)
}

/// Reports fields that do not belong to a document of this type and that containerd and
/// containers/image reject.
///
/// For such a document, one client could read an image, and another client an index, although the
/// digest is the same (CVE-2021-41190).
fn check_two_shapes(document: &Json, media_type: &MediaType, sink: &mut FindingSink) {
    for key in foreign_keys(media_type)
        .iter()
        .filter(|key| document.get(key).is_some())
    {
        let message = format!(
            "a document of type {media_type} must not have the field {key:?}, because some clients then parse it as another type"
        );
        sink.add(Rule::TwoShapes, |rule| {
            Finding::new(rule, format!("/{key}"), message)
        });
    }
}

/// Returns the fields that a document of this type must not have, because clients may parse a
/// document with such a field as another type.
fn foreign_keys(media_type: &MediaType) -> &'static [&'static str] {
    match media_type.role() {
        MediaTypeRole::Index => &["config", "layers", "fsLayers", "history"],
        MediaTypeRole::Manifest => &["manifests", "fsLayers", "history"],
        _ => &[],
    }
}

fn check_media_type(document: &Json, media_type: &MediaType, sink: &mut FindingSink) {
    let own = match document.get("mediaType") {
        Some(Json::String(own)) => own,
        Some(other) => {
            let message = format!("mediaType must be a string, found {}", other.kind());
            return sink.add(Rule::MalformedField, |rule| {
                Finding::new(rule, "/mediaType", message)
            });
        }
        None => return,
    };
    if !own.is_empty() && !own.eq_ignore_ascii_case(media_type.as_str()) {
        let message = format!(
            "the document's mediaType is {own}, but it was pushed or described as {media_type}"
        );
        sink.add(Rule::MediaTypeMismatch, |rule| Finding {
            media_type: Some(MediaType::new(own)),
            ..Finding::new(rule, "/mediaType", message)
        });
    }
}
