//! Manifests of images in docker-archives: made where they are read, taken apart where they are written.

use bytes::Bytes;
use portolan_model::{Child, ChildKind, Descriptor, Digest, Manifest, MediaType, Role, Shape};
use portolan_registry::{Error, Kind, Result};
use serde::Serialize;

/// The type of a layer that is not compressed.
pub(super) const PLAIN_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// Types of layers that `docker load` takes.
const LAYERS: [&str; 4] = [
    PLAIN_LAYER,
    MediaType::DOCKER_LAYER_GZIP,
    "application/vnd.oci.image.layer.v1.tar",
    MediaType::OCI_LAYER_GZIP,
];

const CONFIGS: [&str; 2] = [MediaType::DOCKER_CONFIG, MediaType::OCI_CONFIG];

/// A manifest whose fields are always in this order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: &'a Descriptor,
    layers: &'a [Descriptor],
}

/// A Docker manifest (version 2, schema 2).
pub(super) fn bytes(config: &Descriptor, layers: &[Descriptor]) -> Result<Bytes> {
    let document = Document {
        schema_version: 2,
        media_type: MediaType::DOCKER_MANIFEST,
        config,
        layers,
    };
    let bytes = serde_json::to_vec(&document)
        .map_err(|error| Error::internal("making a manifest", error))?;
    Ok(bytes.into())
}

/// The digests of the config and of the layers, in order.
pub(super) fn parts(manifest: &Manifest) -> (Option<Digest>, Vec<Digest>) {
    let of = |kind| {
        manifest
            .children()
            .iter()
            .filter(move |child| child.kind == kind)
    };
    let digest = |child: &Child| child.descriptor.digest.clone();
    (
        of(ChildKind::Config).map(digest).next(),
        of(ChildKind::Layer).map(digest).collect(),
    )
}

/// Says why a docker-archive cannot hold a manifest.
pub(crate) fn accepts(manifest: &Manifest) -> Result<()> {
    let refused = |message: String| Err(Error::new(Kind::Unsupported, message));
    let media_type = manifest.media_type();
    if media_type.role() == Role::Index || manifest.shape() == Shape::Index {
        return refused(format!(
            "a docker-archive holds single images, and this is an index ({media_type}); choose one with --platform, or write an \
             oci-archive"
        ));
    }
    if media_type.role() != Role::Manifest || manifest.shape() != Shape::Image {
        return refused(format!(
            "a docker-archive holds images, and this is {media_type}; write an oci-archive"
        ));
    }
    for child in manifest.children() {
        let types: &[&str] = match child.kind {
            ChildKind::Config => &CONFIGS,
            ChildKind::Layer => &LAYERS,
            _ => continue,
        };
        let media_type = child
            .descriptor
            .media_type
            .as_ref()
            .map_or("no type", MediaType::as_str);
        if !types.contains(&media_type) {
            return refused(format!(
                "docker load takes images with layers that are tars, plain or with gzip, and {} of this one is of type \
                 {media_type}; write an oci-archive, or convert the image",
                child.pointer
            ));
        }
    }
    Ok(())
}
