//! Checks that need the document alone.

use std::collections::HashSet;

use crate::lint::note;
use crate::path::Path;
use crate::{Finding, Json, MediaType, Role, Rule};

/// Longest part of a key that a message repeats.
const SHOWN: usize = 80;

pub(super) fn document(document: &Json, media_type: &MediaType) -> Vec<Finding> {
    let mut findings = Vec::new();
    duplicate_keys(&Path::Root, document, &mut findings);
    findings.extend(two_shapes(document, media_type));
    findings.extend(own_type(document, media_type));
    findings
}

fn duplicate_keys(path: &Path<'_>, value: &Json, findings: &mut Vec<Finding>) {
    match value {
        Json::Object(members) => {
            let mut seen = HashSet::new();
            for (key, member) in members {
                let place = Path::Member(path, key);
                if !seen.insert(key) {
                    note(findings, || duplicate_key(&place, key));
                }
                duplicate_keys(&place, member, findings);
            }
        }
        Json::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                duplicate_keys(&Path::Item(path, position), item, findings);
            }
        }
        _ => (),
    }
}

fn duplicate_key(place: &Path<'_>, key: &str) -> Finding {
    let shown: String = key.chars().take(SHOWN).collect();
    let message = format!("the key {shown:?} stands here more than once; readers differ in which they take");
    Finding::new(Rule::DuplicateKey, place.pointer(), message)
}

/// The combinations that containerd and containers/image refuse, since one reader could be shown
/// an image and another an index under the same digest (CVE-2021-41190).
fn two_shapes(document: &Json, media_type: &MediaType) -> Option<Finding> {
    let foreign: &[&str] = match media_type.role() {
        Role::Index => &["config", "layers", "fsLayers", "history"],
        Role::Manifest => &["manifests", "fsLayers", "history"],
        _ => return None,
    };
    let found = foreign.iter().find(|key| document.get(key).is_some())?;
    let message =
        format!("a document of type {media_type} must not have {found:?}, which makes it read as something else too");
    Some(Finding::new(Rule::TwoShapes, format!("/{found}"), message))
}

fn own_type(document: &Json, media_type: &MediaType) -> Option<Finding> {
    let own = match document.get("mediaType")? {
        Json::String(own) => own,
        other => {
            let message = format!("mediaType must be a string, it is {}", other.kind());
            return Some(Finding::new(Rule::MalformedField, "/mediaType", message));
        }
    };
    if own.is_empty() || own == media_type.as_str() {
        return None;
    }
    let message = format!("the document says it is {own}, it was sent or described as {media_type}");
    let finding = Finding::new(Rule::MediaTypeMismatch, "/mediaType", message);
    Some(Finding { media_type: Some(MediaType::new(own)), ..finding })
}
