//! Conversion of one image manifest: the media types of its config and layers.

use super::remark::RemarkCollector;
use super::{Effect, ImageFormat};
use crate::{ChildKind, Json, Manifest, ManifestDraft, MediaType};

/// Fields of a document that Docker's format does not support.
pub(super) const OCI_ONLY_FIELDS: [&str; 3] = ["annotations", "artifactType", "subject"];

/// Fields of a descriptor that Docker's format does not support.
const OCI_ONLY_DESCRIPTOR_FIELDS: [&str; 3] = ["annotations", "artifactType", "data"];

/// Prefix of the annotations that Docker's own tools read in manifest lists.
///
/// They distinguish an attestation from an image, so a conversion to Docker's format preserves
/// them.
pub(crate) const DOCKER_ANNOTATION_PREFIX: &str = "vnd.docker.";

/// Reason why a format does not support a document.
#[derive(Clone, Debug)]
pub(super) struct Rejection {
    /// JSON pointer to the unsupported value.
    pub(super) pointer: String,
    pub(super) reason: String,
}

impl Rejection {
    pub(super) fn new(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            reason: reason.into(),
        }
    }
}

/// Returns the reason why the format `to` does not support a manifest, or `None` if it does.
///
/// OCI's format supports everything that Docker's format supports.
pub(super) fn rejection(manifest: &Manifest, to: ImageFormat) -> Option<Rejection> {
    if to == ImageFormat::Oci {
        return None;
    }
    if to.counterpart(manifest.media_type()).is_none() {
        return Some(Rejection::new(
            "",
            format!(
                "Docker's format has no equivalent of {}",
                manifest.media_type()
            ),
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
            "Docker's format supports only images, not configs {}",
            describe_type(config_type)
        );
        return Some(Rejection::new("/config", reason));
    }
    let mut layers = manifest
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Layer);
    layers.find_map(|layer| {
        let media_type = layer.descriptor.media_type.as_ref();
        let supported = media_type.is_some_and(|media_type| to.counterpart(media_type).is_some());
        let reason = || {
            format!(
                "Docker's format does not support layers {}",
                describe_type(media_type)
            )
        };
        (!supported).then(|| Rejection::new(&layer.pointer, reason()))
    })
}

/// Describes a media type in an error message.
fn describe_type(media_type: Option<&MediaType>) -> String {
    media_type.map_or_else(
        || "without a media type".into(),
        |media_type| format!("with the media type {media_type}"),
    )
}

/// Converts the media types of the config and the layers to the format `to`.
///
/// If the JSON object repeats the key `config` or `layers`, each value is converted, because
/// parsers differ in the choice of the value.
pub(super) fn rewrite(
    draft: &mut ManifestDraft,
    to: ImageFormat,
    remarks: &mut RemarkCollector<'_>,
) {
    let document = draft.document_mut();
    for config in document.all_mut("config") {
        rewrite_descriptor(config, to, "/config", remarks);
    }
    for layers in document.all_mut("layers") {
        let Json::Array(layers) = layers else {
            continue;
        };
        for (position, layer) in layers.iter_mut().enumerate() {
            rewrite_descriptor(layer, to, &format!("/layers/{position}"), remarks);
        }
    }
}

/// Converts the descriptor of a config or layer. `pointer` is its location.
fn rewrite_descriptor(
    descriptor: &mut Json,
    to: ImageFormat,
    pointer: &str,
    remarks: &mut RemarkCollector<'_>,
) {
    let media_type = descriptor
        .get("mediaType")
        .and_then(Json::as_str)
        .map(MediaType::new);
    if let Some(media_type) = media_type {
        match to.counterpart(&media_type) {
            Some(other) => set_media_type(descriptor, &other),
            None if ImageFormat::Docker.has_type(&media_type) => {
                remarks.add(
                    Effect::Left,
                    pointer,
                    format!("{to} has no equivalent of {media_type}, which is not changed"),
                );
            }
            None => (),
        }
    }
    if to == ImageFormat::Docker {
        strip_descriptor(descriptor, pointer, remarks);
    }
}

/// Sets the `mediaType` of an object. Leaves an equivalent spelling unchanged.
pub(super) fn set_media_type(object: &mut Json, media_type: &MediaType) {
    let own = object
        .get("mediaType")
        .and_then(Json::as_str)
        .filter(|own| MediaType::new(own) == *media_type);
    let text = own.unwrap_or_else(|| media_type.as_str()).to_owned();
    object.set("mediaType", Json::String(text));
}

/// Removes the fields of a document that Docker's format does not support, with a remark for each.
pub(super) fn strip_document(draft: &mut ManifestDraft, remarks: &mut RemarkCollector<'_>) {
    for field in OCI_ONLY_FIELDS {
        strip_field(draft.document_mut(), field, "", remarks);
    }
}

/// Removes the fields of a descriptor that Docker's format does not support, with a remark for
/// each.
pub(super) fn strip_descriptor(
    descriptor: &mut Json,
    pointer: &str,
    remarks: &mut RemarkCollector<'_>,
) {
    for field in OCI_ONLY_DESCRIPTOR_FIELDS {
        match descriptor.get_mut(field) {
            Some(Json::Object(annotations))
                if field == "annotations" && annotations.iter().any(is_docker_annotation) =>
            {
                let before = annotations.len();
                annotations.retain(is_docker_annotation);
                if annotations.len() < before {
                    remarks.add(
                        Effect::Lost,
                        format!("{pointer}/{field}"),
                        lost_message("annotations other than its own"),
                    );
                }
            }
            _ => strip_field(descriptor, field, pointer, remarks),
        }
    }
}

fn is_docker_annotation((key, _): &(String, Json)) -> bool {
    key.starts_with(DOCKER_ANNOTATION_PREFIX)
}

fn strip_field(object: &mut Json, field: &str, pointer: &str, remarks: &mut RemarkCollector<'_>) {
    if object.get(field).is_some() {
        object.remove(field);
        remarks.add(
            Effect::Lost,
            format!("{pointer}/{field}"),
            lost_message(field),
        );
    }
}

fn lost_message(field: &str) -> String {
    format!("Docker's format does not support {field}; removed")
}
