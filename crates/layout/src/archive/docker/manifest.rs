//! Manifests of images in docker-archives. They are generated when reading, and split into files
//! when writing.

use bytes::Bytes;
use portolan_model::{
    Child, ChildKind, Descriptor, Digest, Manifest, MediaType, MediaTypeRole, Shape,
};
use portolan_registry::{Error, Kind, Result};
use serde::Serialize;

/// Media type of an uncompressed layer.
pub(super) const UNCOMPRESSED_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// Layer types that `docker load` accepts.
const LAYER_TYPES: [&str; 4] = [
    UNCOMPRESSED_LAYER,
    MediaType::DOCKER_LAYER_GZIP,
    "application/vnd.oci.image.layer.v1.tar",
    MediaType::OCI_LAYER_GZIP,
];

const CONFIG_TYPES: [&str; 2] = [MediaType::DOCKER_CONFIG, MediaType::OCI_CONFIG];

/// Manifest with a fixed order of fields, so that the same image always has the same digest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DockerManifest<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: &'a Descriptor,
    layers: &'a [Descriptor],
}

/// Serializes a Docker manifest (version 2, schema 2).
pub(super) fn render(config: &Descriptor, layers: &[Descriptor]) -> Result<Bytes> {
    let document = DockerManifest {
        schema_version: 2,
        media_type: MediaType::DOCKER_MANIFEST,
        config,
        layers,
    };
    let bytes = serde_json::to_vec(&document)
        .map_err(|error| Error::internal("failed to serialize a manifest", error))?;
    Ok(bytes.into())
}

/// Returns the digests of the config and of the layers, in order.
pub(super) fn parts(manifest: &Manifest) -> (Option<Digest>, Vec<Digest>) {
    let children = |kind| {
        manifest
            .children()
            .iter()
            .filter(move |child| child.kind == kind)
    };
    let digest = |child: &Child| child.descriptor.digest.clone();
    (
        children(ChildKind::Config).map(digest).next(),
        children(ChildKind::Layer).map(digest).collect(),
    )
}

/// Returns an error if a docker-archive cannot store a manifest.
pub(crate) fn check_manifest(manifest: &Manifest) -> Result<()> {
    let reject =
        |message: String, help: &str| Err(Error::new(Kind::Unsupported, message).with_help(help));
    let media_type = manifest.media_type();
    if media_type.role() == MediaTypeRole::Index || manifest.shape() == Shape::Index {
        let message =
            format!("a docker-archive stores single images, but this is an index ({media_type})");
        return reject(
            message,
            "add `--platform` to select an image, or write an oci-archive",
        );
    }
    if media_type.role() != MediaTypeRole::Manifest || manifest.shape() != Shape::Image {
        let message = format!("a docker-archive stores images, but this is {media_type}");
        return reject(message, "write an oci-archive");
    }
    for child in manifest.children() {
        let types: &[&str] = match child.kind {
            ChildKind::Config => &CONFIG_TYPES,
            ChildKind::Layer => &LAYER_TYPES,
            _ => continue,
        };
        let media_type = child
            .descriptor
            .media_type
            .as_ref()
            .map_or("no type", MediaType::as_str);
        if !types.contains(&media_type) {
            let message = format!(
                "docker load accepts images whose layers are tars, uncompressed or with gzip, \
                 but {} has type {media_type}",
                child.pointer
            );
            return reject(message, "write an oci-archive, or convert the image");
        }
    }
    Ok(())
}
