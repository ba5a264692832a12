//! Checks that need the document alone.

use std::collections::HashSet;

use crate::lint::Notes;
use crate::path::Path;
use crate::{Finding, Json, MediaType, Role, Rule};

/// Longest part of a key that a message repeats.
const SHOWN: usize = 80;

pub(super) fn document(document: &Json, media_type: &MediaType, notes: &mut Notes) {
    duplicate_keys(&Path::Root, document, notes);
    two_shapes(document, media_type, notes);
    own_type(document, media_type, notes);
}

fn duplicate_keys(path: &Path<'_>, value: &Json, notes: &mut Notes) {
    match value {
        Json::Object(members) => {
            let mut seen = HashSet::new();
            for (key, member) in members {
                let place = Path::Member(path, key);
                if !seen.insert(key) {
                    notes.add(Rule::DuplicateKey, |rule| duplicate_key(rule, &place, key));
                }
                duplicate_keys(&place, member, notes);
            }
        }
        Json::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                duplicate_keys(&Path::Item(path, position), item, notes);
            }
        }
        _ => (),
    }
}

fn duplicate_key(rule: Rule, place: &Path<'_>, key: &str) -> Finding {
    let shown: String = key.chars().take(SHOWN).collect();
    let message =
        format!("the key {shown:?} stands here more than once; readers differ in which they take");
    Finding::new(rule, place.pointer(), message)
}

/// The combinations that containerd and containers/image refuse, since one reader could be shown
/// an image and another an index under the same digest (CVE-2021-41190).
fn two_shapes(document: &Json, media_type: &MediaType, notes: &mut Notes) {
    for key in foreign_keys(media_type)
        .iter()
        .filter(|key| document.get(key).is_some())
    {
        let message = format!(
            "a document of type {media_type} must not have {key:?}, which makes it read as something else too"
        );
        notes.add(Rule::TwoShapes, |rule| {
            Finding::new(rule, format!("/{key}"), message)
        });
    }
}

/// The fields that make a document of this type read as one of another.
fn foreign_keys(media_type: &MediaType) -> &'static [&'static str] {
    match media_type.role() {
        Role::Index => &["config", "layers", "fsLayers", "history"],
        Role::Manifest => &["manifests", "fsLayers", "history"],
        _ => &[],
    }
}

fn own_type(document: &Json, media_type: &MediaType, notes: &mut Notes) {
    let own = match document.get("mediaType") {
        Some(Json::String(own)) => own,
        Some(other) => {
            let message = format!("mediaType must be a string, it is {}", other.kind());
            return notes.add(Rule::MalformedField, |rule| {
                Finding::new(rule, "/mediaType", message)
            });
        }
        None => return,
    };
    if !own.is_empty() && own != media_type.as_str() {
        let message =
            format!("the document says it is {own}, it was sent or described as {media_type}");
        notes.add(Rule::MediaTypeMismatch, |rule| Finding {
            media_type: Some(MediaType::new(own)),
            ..Finding::new(rule, "/mediaType", message)
        });
    }
}
