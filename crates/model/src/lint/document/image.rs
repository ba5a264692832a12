//! Rules about a manifest and the media types of its config and layers.

use super::{is_other_family, kind_name};
use crate::convert::ImageFormat;
use crate::lint::{Finding, FindingSink, Rule, fix};
use crate::{Child, ChildKind, Family, Json, Manifest, MediaType, MediaTypeRole};

pub(super) fn check(manifest: &Manifest, sink: &mut FindingSink) {
    for child in manifest.children() {
        match child.kind {
            ChildKind::Config | ChildKind::Layer => check_part(manifest.media_type(), child, sink),
            ChildKind::Manifest | ChildKind::Blob | ChildKind::Other => (),
        }
    }
    if manifest.media_type().as_str() != MediaType::OCI_ARTIFACT {
        check_artifact_type(manifest, sink);
        check_layers(manifest, sink);
    }
}

fn check_part(own: &MediaType, child: &Child, sink: &mut FindingSink) {
    let Some(media_type) = &child.descriptor.media_type else {
        return;
    };
    let part = child.kind.as_str();
    if media_type.is_config_or_layer()
        && is_other_family(own, media_type)
        && ImageFormat::Oci.counterpart(media_type).is_some()
    {
        let message = format!(
            "the {part} has the type {media_type}, but the manifest is {}",
            kind_name(own)
        );
        let can_be_docker = ImageFormat::Docker.counterpart(media_type).is_some();
        sink.add(Rule::ManifestMixedFamilies, |rule| Finding {
            fix: if own.family() == Family::Docker && can_be_docker {
                fix::TO_DOCKER
            } else {
                fix::TO_OCI
            },
            ..Finding::for_child(rule, child, message)
        });
    }
    if child.kind == ChildKind::Layer && media_type.role() == MediaTypeRole::ForeignLayer {
        sink.add(Rule::NonDistributableLayer, |rule| {
            Finding::for_child(
                rule,
                child,
                format!(
                    "the layer has the type {media_type}, so its content may be missing from the registry"
                ),
            )
        });
    }
}

/// Checks that a manifest with the empty config has an `artifactType`. Only OCI defines the empty
/// config.
fn check_artifact_type(manifest: &Manifest, sink: &mut FindingSink) {
    let has_type = manifest
        .document()
        .get("artifactType")
        .and_then(Json::as_str)
        .is_some_and(|text| !text.is_empty());
    let is_empty_config = |child: &&Child| {
        let media_type = child.descriptor.media_type.as_ref();
        child.kind == ChildKind::Config
            && media_type.is_some_and(|own| own.as_str() == MediaType::OCI_EMPTY)
    };
    if let Some(config) = manifest
        .children()
        .iter()
        .find(is_empty_config)
        .filter(|_| !has_type)
    {
        sink.add(Rule::ArtifactWithoutType, |rule| {
            Finding::for_child(
                rule,
                config,
                "the config is empty and the manifest has no artifactType",
            )
        });
    }
}

fn check_layers(manifest: &Manifest, sink: &mut FindingSink) {
    let layers = manifest.document().get("layers");
    if layers
        .is_none_or(|value| *value == Json::Null || value.as_array().is_some_and(<[_]>::is_empty))
    {
        let pointer = if layers.is_some() { "/layers" } else { "" };
        sink.add(Rule::NoLayers, |rule| {
            Finding::new(rule, pointer, "the manifest has no layers")
        });
    }
}
