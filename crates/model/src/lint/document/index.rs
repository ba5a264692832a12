//! Rules about an index and the media types of its children.

use super::{child_name, is_other_family, kind_name};
use crate::lint::{Finding, FindingSink, Fix, Rule, fix};
use crate::{
    Child, ChildKind, Descriptor, Family, Json, Manifest, MediaType, MediaTypeRole, Severity,
    child_descriptors,
};

pub(super) fn check(index: &Manifest, sink: &mut FindingSink) {
    let children = index
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest);
    for child in children {
        if let Some(media_type) = &child.descriptor.media_type {
            check_child_type(index.media_type(), child, media_type, sink);
        }
    }
    check_nested(index, sink);
    if is_empty(index) {
        let pointer = if index.document().get("manifests").is_some() {
            "/manifests"
        } else {
            ""
        };
        sink.add(Rule::IndexEmpty, |rule| {
            Finding::new(rule, pointer, "the index has no children")
        });
    }
}

/// Reports a document that has an unknown media type.
pub(super) fn report_unknown_type(manifest: &Manifest, sink: &mut FindingSink) {
    let media_type = manifest.media_type();
    let message = format!(
        "the document has the unknown media type {media_type}; its content was not checked"
    );
    sink.add(Rule::UnknownMediaType, |rule| Finding {
        media_type: Some(media_type.clone()),
        fix: fix::AS_ARTIFACT,
        ..Finding::new(rule, "", message)
    });
}

fn is_empty(index: &Manifest) -> bool {
    let manifests = index.document().get("manifests");
    manifests
        .is_none_or(|value| *value == Json::Null || value.as_array().is_some_and(<[_]>::is_empty))
}

fn check_child_type(
    own: &MediaType,
    child: &Child,
    media_type: &MediaType,
    sink: &mut FindingSink,
) {
    let add = |sink: &mut FindingSink, rule, predicate: &str| {
        sink.add(rule, |rule| {
            Finding::for_child(
                rule,
                child,
                format!("{} {predicate}", child_name(&child.descriptor)),
            )
        });
    };
    match media_type.role() {
        MediaTypeRole::Manifest | MediaTypeRole::Index if is_other_family(own, media_type) => {
            let name = child_name(&child.descriptor);
            let message = format!("{name} is {} in {}", kind_name(media_type), kind_name(own));
            sink.add(Rule::IndexMixedFamilies, |rule| Finding {
                fix: fix_for_mixed_families(own, &child.descriptor),
                ..Finding::for_child(rule, child, message)
            });
        }
        MediaTypeRole::Schema1 => add(
            sink,
            Rule::DockerSchema1,
            "is a Docker schema 1 manifest, a withdrawn format",
        ),
        _ if media_type.is_config_or_layer() => {
            add(
                sink,
                Rule::IndexBlobChild,
                &format!("is a layer or a config ({media_type}) instead of a manifest"),
            );
        }
        MediaTypeRole::ForeignLayer | MediaTypeRole::Other if !media_type.as_str().is_empty() => {
            add(
                sink,
                Rule::UnknownMediaType,
                &format!("has the unknown media type {media_type}"),
            );
        }
        _ => (),
    }
}

/// Returns the command that converts a child to the family of its index. Docker's format has no
/// attestations, so they are dropped from a list.
fn fix_for_mixed_families(own: &MediaType, child: &Descriptor) -> Fix {
    match own.family() {
        Family::Docker if child.is_attestation() => fix::TO_DOCKER_WITHOUT_OTHERS,
        Family::Docker => fix::TO_DOCKER,
        _ => fix::TO_OCI,
    }
}

/// Reports the children that are indexes. If no child of the index has a platform, clients that
/// select by platform find no image, so the finding is a warning.
fn check_nested(index: &Manifest, sink: &mut FindingSink) {
    let has_platform = child_descriptors(index).any(|child| child.platform.is_some());
    let children = index.children().iter();
    for child in children.filter(|child| child.kind == ChildKind::Manifest) {
        let media_type = child.descriptor.media_type.as_ref();
        let Some(media_type) = media_type.filter(|own| own.role() == MediaTypeRole::Index) else {
            continue;
        };
        let name = child_name(&child.descriptor);
        sink.add(Rule::IndexNested, |rule| {
            if has_platform {
                let message = format!("{name} is itself an index ({media_type})");
                return Finding::for_child(rule, child, message);
            }
            let message = format!(
                "{name} is itself an index ({media_type}), and no child has a platform, so clients that do not follow nested indexes find no image"
            );
            Finding {
                severity: Severity::Warning,
                ..Finding::for_child(rule, child, message)
            }
        });
    }
}
