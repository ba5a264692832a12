//! What a person wants to know of a manifest first.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use portolan_model::{ChildKind, Descriptor, Digest, Manifest, MediaType, Platform, Role, lint};
use portolan_registry::copy::Place;
use serde::Serialize;

use super::super::lint::Counts;
use crate::documents::{self, Document};
use crate::failure::Outcome;
use crate::image_config::{self, ImageConfig};

/// Children that are looked at at the same time.
const AT_ONCE: usize = 8;

/// A manifest, its parts, and what refers to it. Its JSON has stable names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) reference: String,
    pub(super) kind: &'static str,
    pub(super) media_type: MediaType,
    pub(super) digest: Digest,
    /// Of the manifest itself, in bytes.
    pub(super) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<MediaType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<Digest>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) children: Option<Vec<Child>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<Image>,
    /// Unknown where the registry does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) referrers: Option<usize>,
    /// What is remarkable about the document by itself.
    pub(super) findings: Counts,
}

/// A child of an index.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Child {
    pub(super) digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<MediaType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<MediaType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Platform>,
    /// Of the manifest itself, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
    /// Of its config and layers, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_size: Option<u64>,
    /// Whether the repository holds it.
    pub(super) there: bool,
}

/// What an image or artifact is made of.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) config: Option<Part>,
    #[serde(flatten)]
    pub(super) says: ImageConfig,
    pub(super) layers: Vec<Part>,
    /// Of config and layers, in bytes.
    pub(super) content_size: u64,
}

/// A blob of an image.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    pub(super) digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<MediaType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
}

impl Summary {
    pub(super) async fn of(place: &Place, reference: String, document: &Document) -> Outcome<Self> {
        let manifest = document.manifest()?;
        let is_index = manifest.media_type().role() == Role::Index;
        let children = if is_index {
            Some(children(place, &manifest).await?)
        } else {
            None
        };
        let artifact_type = manifest
            .document()
            .get("artifactType")
            .and_then(portolan_model::Json::as_str);
        Ok(Self {
            reference,
            kind: documents::kind(&manifest),
            media_type: manifest.media_type().clone(),
            digest: document.info.digest.clone(),
            size: document.bytes.len() as u64,
            artifact_type: artifact_type.map(MediaType::new),
            subject: manifest.subject().map(|subject| subject.digest.clone()),
            annotations: manifest
                .annotations()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
            children,
            image: if is_index {
                None
            } else {
                Some(image(place, &manifest).await?)
            },
            // A registry that fails at this alone is worth a summary without it.
            referrers: place
                .referrers(&document.info.digest, None)
                .await
                .ok()
                .map(|all| all.len()),
            findings: Counts::of(&lint::document(&manifest)),
        })
    }
}

async fn children(place: &Place, index: &Manifest) -> Outcome<Vec<Child>> {
    let children = index
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest);
    let children = children.map(|listed| child(place, &listed.descriptor));
    stream::iter(children.collect::<Vec<_>>())
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

async fn child(place: &Place, descriptor: &Descriptor) -> Outcome<Child> {
    let document = documents::read_if_there(place, &descriptor.digest.clone().into()).await?;
    let there = document.is_some() || documents::has_blob(place, &descriptor.digest).await?;
    let is_image = descriptor
        .media_type
        .as_ref()
        .is_some_and(|media_type| media_type.role() == Role::Manifest);
    let manifest = document
        .filter(|_| is_image)
        .and_then(|document| document.manifest().ok());
    Ok(Child {
        digest: descriptor.digest.clone(),
        media_type: descriptor.media_type.clone(),
        artifact_type: descriptor.artifact_type.clone(),
        platform: descriptor.platform.clone(),
        size: descriptor.size,
        content_size: manifest.as_ref().map(content_size),
        there,
    })
}

async fn image(place: &Place, manifest: &Manifest) -> Outcome<Image> {
    let config = image_config::descriptor(manifest).map(Part::of);
    let says = image_config::read(place, manifest)
        .await?
        .unwrap_or_default();
    let layers = manifest
        .children()
        .iter()
        .filter(|child| matches!(child.kind, ChildKind::Layer | ChildKind::Blob));
    let layers = layers.map(|child| Part::of(&child.descriptor)).collect();
    Ok(Image {
        config,
        says,
        layers,
        content_size: content_size(manifest),
    })
}

/// The size of everything that a manifest names.
fn content_size(manifest: &Manifest) -> u64 {
    let parts = manifest
        .children()
        .iter()
        .filter(|child| child.kind != ChildKind::Other);
    parts
        .filter_map(|child| child.descriptor.size)
        .fold(0, u64::saturating_add)
}

impl Part {
    fn of(descriptor: &Descriptor) -> Self {
        Self {
            digest: descriptor.digest.clone(),
            media_type: descriptor.media_type.clone(),
            size: descriptor.size,
        }
    }
}
