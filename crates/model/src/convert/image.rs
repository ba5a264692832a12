//! One manifest in another format: the types of its config and layers.

use super::remark::Remarks;
use super::{Effect, Format};
use crate::{ChildKind, Draft, Json, Manifest, MediaType};

/// Fields of a document that Docker's format does not have.
pub(super) const FIELDS_OF_OCI: [&str; 3] = ["annotations", "artifactType", "subject"];

/// Fields of a descriptor that Docker's format does not have.
const FIELDS_OF_OCI_DESCRIPTORS: [&str; 3] = ["annotations", "artifactType", "data"];

/// Annotations that Docker's own tools read in its lists: they tell an attestation from an image.
const DOCKER_ANNOTATIONS: &str = "vnd.docker.";

/// Why a document cannot be written in a format.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) pointer: String,
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            reason: reason.into(),
        }
    }
}

/// Why a manifest cannot be written in a format. OCI's holds everything that Docker's does.
pub(super) fn refusal(manifest: &Manifest, to: Format) -> Option<Refusal> {
    if to == Format::Oci {
        return None;
    }
    if to.counterpart(manifest.media_type()).is_none() {
        return Some(Refusal::new(
            "",
            format!("Docker's format has nothing like {}", manifest.media_type()),
        ));
    }
    let config = manifest
        .children()
        .iter()
        .find(|child| child.kind == ChildKind::Config);
    let config_type = config.and_then(|config| config.descriptor.media_type.as_ref());
    if config_type
        .and_then(|config_type| to.counterpart(config_type))
        .is_none()
    {
        let reason = format!(
            "Docker's format holds images alone, and no config of {}",
            said(config_type)
        );
        return Some(Refusal::new("/config", reason));
    }
    let mut layers = manifest
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Layer);
    layers.find_map(|layer| {
        let media_type = layer.descriptor.media_type.as_ref();
        let held = media_type.is_some_and(|media_type| to.counterpart(media_type).is_some());
        let reason = || format!("Docker's format holds no layer of {}", said(media_type));
        (!held).then(|| Refusal::new(&layer.pointer, reason()))
    })
}

fn said(media_type: Option<&MediaType>) -> String {
    media_type.map_or_else(
        || "no type".into(),
        |media_type| format!("the type {media_type}"),
    )
}

/// Gives the config and the layers the types of the format, also where they stand twice: readers differ in which they
/// take.
pub(super) fn rewrite(draft: &mut Draft, to: Format, remarks: &mut Remarks<'_>) {
    let document = draft.document_mut();
    for config in document.all_mut("config") {
        part(config, to, "/config", remarks);
    }
    for layers in document.all_mut("layers") {
        let Json::Array(layers) = layers else {
            continue;
        };
        for (position, layer) in layers.iter_mut().enumerate() {
            part(layer, to, &format!("/layers/{position}"), remarks);
        }
    }
}

fn part(descriptor: &mut Json, to: Format, pointer: &str, remarks: &mut Remarks<'_>) {
    let media_type = descriptor
        .get("mediaType")
        .and_then(Json::as_str)
        .map(MediaType::new);
    if let Some(media_type) = media_type {
        match to.counterpart(&media_type) {
            Some(other) => say_type(descriptor, &other),
            None if Format::Docker.has(&media_type) => {
                remarks.add(
                    Effect::Left,
                    pointer,
                    format!("{to} has no type for {media_type}, which stays"),
                );
            }
            None => (),
        }
    }
    if to == Format::Docker {
        strip_descriptor(descriptor, pointer, remarks);
    }
}

/// Gives an object the type, in its own words if it says just that.
pub(super) fn say_type(object: &mut Json, media_type: &MediaType) {
    let own = object
        .get("mediaType")
        .and_then(Json::as_str)
        .filter(|own| MediaType::new(own) == *media_type);
    let text = own.unwrap_or_else(|| media_type.as_str()).to_owned();
    object.set("mediaType", Json::String(text));
}

/// Takes out what Docker's format does not have.
pub(super) fn strip_document(draft: &mut Draft, remarks: &mut Remarks<'_>) {
    for field in FIELDS_OF_OCI {
        strip(draft.document_mut(), field, "", remarks);
    }
}

/// Takes out of a descriptor what Docker's format does not have.
pub(super) fn strip_descriptor(descriptor: &mut Json, pointer: &str, remarks: &mut Remarks<'_>) {
    for field in FIELDS_OF_OCI_DESCRIPTORS {
        match descriptor.get_mut(field) {
            Some(Json::Object(annotations))
                if field == "annotations" && annotations.iter().any(is_docker_s) =>
            {
                let before = annotations.len();
                annotations.retain(is_docker_s);
                if annotations.len() < before {
                    remarks.add(
                        Effect::Lost,
                        format!("{pointer}/{field}"),
                        lost("annotations but its own"),
                    );
                }
            }
            _ => strip(descriptor, field, pointer, remarks),
        }
    }
}

fn is_docker_s((key, _): &(String, Json)) -> bool {
    key.starts_with(DOCKER_ANNOTATIONS)
}

fn strip(object: &mut Json, field: &str, pointer: &str, remarks: &mut Remarks<'_>) {
    if object.get(field).is_some() {
        object.remove(field);
        remarks.add(Effect::Lost, format!("{pointer}/{field}"), lost(field));
    }
}

fn lost(field: &str) -> String {
    format!("Docker's format has no {field}; what stands here is left out")
}
