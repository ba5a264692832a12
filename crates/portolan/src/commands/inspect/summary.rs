//! Summary of a manifest, for `portolan inspect` without `--tree`.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use portolan_model::{
    ChildKind, Descriptor, Digest, Manifest, MediaType, MediaTypeRole, Platform, lint,
};
use portolan_registry::{Repository, StoredManifest};
use serde::Serialize;

use super::super::lint::Counts;
use crate::failure::{Failure, Outcome};
use crate::image_config::{self, ConfigSummary};
use crate::manifest_io;

/// Number of child manifests to read concurrently.
const CONCURRENCY: usize = 8;

/// Summary of a manifest and the content that it references. Scripts parse the JSON form, so its
/// fields are stable.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) reference: String,
    pub(super) kind: &'static str,
    pub(super) media_type: MediaType,
    pub(super) digest: Digest,
    /// Size of the manifest itself, in bytes.
    pub(super) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<MediaType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<Digest>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
    /// Children, if the manifest is an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) children: Option<Vec<ChildSummary>>,
    /// Config and layers, if the manifest is not an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<ImageSummary>,
    /// Number of referrers, or `None` if the registry cannot list them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) referrers: Option<usize>,
    /// Number of lint findings about the manifest itself, without the content that it references.
    pub(super) findings: Counts,
}

/// Summary of a child of an index.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChildSummary {
    pub(super) digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<MediaType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<MediaType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Platform>,
    /// Size of the manifest itself, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
    /// Total size of the config and layers of the child, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_size: Option<u64>,
    /// True if the repository has the child.
    pub(super) present: bool,
}

/// Summary of the config and layers of an image or artifact.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageSummary {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) config: Option<BlobSummary>,
    #[serde(flatten)]
    pub(super) config_fields: ConfigSummary,
    pub(super) layers: Vec<BlobSummary>,
    /// Total size of config and layers, in bytes.
    pub(super) content_size: u64,
}

/// Config or layer of an image or artifact.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlobSummary {
    pub(super) digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<MediaType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
}

impl Summary {
    /// Builds the summary of a manifest.
    pub(super) async fn load(
        repository: &Repository,
        reference: String,
        document: &StoredManifest,
    ) -> Outcome<Self> {
        let manifest = manifest_io::parse(document)?;
        let is_index = manifest.media_type().role() == MediaTypeRole::Index;
        let children = if is_index {
            Some(summarize_children(repository, &manifest).await?)
        } else {
            None
        };
        let artifact_type = manifest
            .document()
            .get("artifactType")
            .and_then(portolan_model::Json::as_str);
        Ok(Self {
            reference,
            kind: manifest_io::kind_name(&manifest),
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
                Some(summarize_image(repository, &manifest).await?)
            },
            // A registry may fail to list referrers. The rest of the summary is still useful.
            referrers: repository
                .referrers(&document.info.digest, None)
                .await
                .ok()
                .map(|all| all.len()),
            findings: Counts::from_findings(&lint::check_document(&manifest)),
        })
    }
}

/// Summarizes the children of an index.
async fn summarize_children(
    repository: &Repository,
    index: &Manifest,
) -> Outcome<Vec<ChildSummary>> {
    let children = index
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest);
    let children = children.map(|listed| summarize_child(repository, &listed.descriptor));
    stream::iter(children.collect::<Vec<_>>())
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}

/// Summarizes a child of an index. Reads its manifest, to compute the size of its content.
async fn summarize_child(
    repository: &Repository,
    descriptor: &Descriptor,
) -> Outcome<ChildSummary> {
    let digest = &descriptor.digest;
    let with_name = |error| Failure::from(error).context(repository.full_name(digest));
    let document = repository.try_manifest(&digest.clone().into()).await;
    let document = document.map_err(with_name)?;
    let present = document.is_some() || repository.has_blob(digest).await.map_err(with_name)?;
    let is_image = descriptor
        .media_type
        .as_ref()
        .is_some_and(|media_type| media_type.role() == MediaTypeRole::Manifest);
    let manifest = document
        .filter(|_| is_image)
        .and_then(|document| document.parse().ok());
    Ok(ChildSummary {
        digest: descriptor.digest.clone(),
        media_type: descriptor.media_type.clone(),
        artifact_type: descriptor.artifact_type.clone(),
        platform: descriptor.platform.clone(),
        size: descriptor.size,
        content_size: manifest.as_ref().map(content_size),
        present,
    })
}

/// Summarizes an image or artifact.
async fn summarize_image(repository: &Repository, manifest: &Manifest) -> Outcome<ImageSummary> {
    let config = image_config::descriptor(manifest).map(BlobSummary::from_descriptor);
    let config_fields = image_config::read(repository, manifest)
        .await?
        .unwrap_or_default();
    let layers = manifest
        .children()
        .iter()
        .filter(|child| matches!(child.kind, ChildKind::Layer | ChildKind::Blob));
    let layers = layers
        .map(|child| BlobSummary::from_descriptor(&child.descriptor))
        .collect();
    Ok(ImageSummary {
        config,
        config_fields,
        layers,
        content_size: content_size(manifest),
    })
}

/// Returns the total size of the config, layers and children of a manifest, as stated in their
/// descriptors.
fn content_size(manifest: &Manifest) -> u64 {
    let parts = manifest
        .children()
        .iter()
        .filter(|child| child.kind != ChildKind::Other);
    parts
        .filter_map(|child| child.descriptor.size)
        .fold(0, u64::saturating_add)
}

impl BlobSummary {
    fn from_descriptor(descriptor: &Descriptor) -> Self {
        Self {
            digest: descriptor.digest.clone(),
            media_type: descriptor.media_type.clone(),
            size: descriptor.size,
        }
    }
}
