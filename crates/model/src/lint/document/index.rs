//! Rules about the types of what an index names.

use super::{are_of_two_families, child_name, kind_name};
use crate::lint::{Finding, Notes, Rule, mend};
use crate::{Child, ChildKind, Json, Manifest, MediaType, Role};

pub(super) fn note(index: &Manifest, notes: &mut Notes) {
    let children = index
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest);
    for child in children {
        if let Some(media_type) = &child.descriptor.media_type {
            note_type(index.media_type(), child, media_type, notes);
        }
    }
    if is_empty(index) {
        let pointer = if index.document().get("manifests").is_some() {
            "/manifests"
        } else {
            ""
        };
        notes.add(Rule::IndexEmpty, |rule| {
            Finding::new(rule, pointer, "the index names no manifests")
        });
    }
}

/// A document of a type that is not known here.
pub(super) fn unknown_document(manifest: &Manifest, notes: &mut Notes) {
    let media_type = manifest.media_type();
    let message = format!(
        "the type {media_type} is not known here, so nothing is said about what the document holds"
    );
    notes.add(Rule::UnknownMediaType, |rule| Finding {
        media_type: Some(media_type.clone()),
        mend: mend::AS_ARTIFACT,
        ..Finding::new(rule, "", message)
    });
}

fn is_empty(index: &Manifest) -> bool {
    let manifests = index.document().get("manifests");
    manifests
        .is_none_or(|value| *value == Json::Null || value.as_array().is_some_and(<[_]>::is_empty))
}

fn note_type(own: &MediaType, child: &Child, media_type: &MediaType, notes: &mut Notes) {
    let mut add = |rule, what: &str| {
        notes.add(rule, |rule| {
            Finding::of(
                rule,
                child,
                format!("{} {what}", child_name(&child.descriptor)),
            )
        });
    };
    match media_type.role() {
        Role::Manifest | Role::Index if are_of_two_families(own, media_type) => {
            add(
                Rule::IndexMixedFamilies,
                &format!("is {} in {}", kind_name(media_type), kind_name(own)),
            );
        }
        Role::Schema1 => add(
            Rule::DockerSchema1,
            "is a Docker manifest of schema 1, which has been withdrawn",
        ),
        _ if media_type.is_part() => {
            add(
                Rule::IndexBlobChild,
                &format!("is a layer or a config ({media_type}), no manifest"),
            );
        }
        Role::ForeignLayer | Role::Other if !media_type.as_str().is_empty() => {
            add(
                Rule::UnknownMediaType,
                &format!("is of type {media_type}, which is not known here"),
            );
        }
        _ => (),
    }
    if media_type.role() == Role::Index {
        add(
            Rule::IndexNested,
            &format!("is itself an index ({media_type})"),
        );
    }
}
