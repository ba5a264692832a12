//! Rules about a manifest and the types of what it names.

use super::{are_of_two_families, kind_name};
use crate::convert::Format;
use crate::lint::{Finding, Notes, Rule};
use crate::{Child, ChildKind, Json, Manifest, MediaType, Role};

pub(super) fn note(manifest: &Manifest, notes: &mut Notes) {
    for child in manifest.children() {
        match child.kind {
            ChildKind::Config | ChildKind::Layer => note_part(manifest.media_type(), child, notes),
            ChildKind::Manifest | ChildKind::Blob | ChildKind::Other => (),
        }
    }
    if manifest.media_type().as_str() != MediaType::OCI_ARTIFACT {
        artifact_without_type(manifest, notes);
        no_layers(manifest, notes);
    }
}

fn note_part(own: &MediaType, child: &Child, notes: &mut Notes) {
    let Some(media_type) = &child.descriptor.media_type else {
        return;
    };
    let part = child.kind.as_str();
    if media_type.is_part()
        && are_of_two_families(own, media_type)
        && Format::Oci.counterpart(media_type).is_some()
    {
        notes.add(Rule::ManifestMixedFamilies, |rule| {
            Finding::of(
                rule,
                child,
                format!("the {part} is of type {media_type} in {}", kind_name(own)),
            )
        });
    }
    if child.kind == ChildKind::Layer && media_type.role() == Role::ForeignLayer {
        notes.add(Rule::NonDistributableLayer, |rule| {
            Finding::of(
                rule,
                child,
                format!(
                    "the layer is of type {media_type}, whose content need not be in a registry"
                ),
            )
        });
    }
}

/// The specification knows the empty config in OCI's manifests alone.
fn artifact_without_type(manifest: &Manifest, notes: &mut Notes) {
    let typed = manifest
        .document()
        .get("artifactType")
        .and_then(Json::as_str)
        .is_some_and(|text| !text.is_empty());
    let empty = |child: &&Child| {
        let media_type = child.descriptor.media_type.as_ref();
        child.kind == ChildKind::Config
            && media_type.is_some_and(|own| own.as_str() == MediaType::OCI_EMPTY)
    };
    if let Some(config) = manifest.children().iter().find(empty).filter(|_| !typed) {
        notes.add(Rule::ArtifactWithoutType, |rule| {
            Finding::of(
                rule,
                config,
                "the config is empty, and no artifactType says what this is",
            )
        });
    }
}

fn no_layers(manifest: &Manifest, notes: &mut Notes) {
    let layers = manifest.document().get("layers");
    if layers
        .is_none_or(|value| *value == Json::Null || value.as_array().is_some_and(<[_]>::is_empty))
    {
        let pointer = if layers.is_some() { "/layers" } else { "" };
        notes.add(Rule::NoLayers, |rule| {
            Finding::new(rule, pointer, "the manifest names no layers")
        });
    }
}
