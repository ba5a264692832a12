//! Reading manifests: the one that a reference names, or the one for a platform below it.

use bytes::Bytes;
use portolan_model::{
    Digest, Manifest, MediaType, Platform, PlatformSearch, Reference, Role, Shape, Step,
};
use portolan_registry::copy::Place;
use portolan_registry::{Error, Kind, ManifestInfo, PageRequest, Result};

use crate::failure::{Failure, Outcome};

/// Items of a list that are asked for at a time.
const PAGE: usize = 1000;

/// A manifest as a registry holds it, whatever it is.
pub(crate) struct Document {
    pub(crate) info: ManifestInfo,
    pub(crate) bytes: Bytes,
}

impl Document {
    /// What can be read of it.
    pub(crate) fn manifest(&self) -> Outcome<Manifest> {
        let claimed = Some(&self.info.media_type);
        let manifest = Manifest::parse(self.bytes.clone(), claimed);
        Ok(manifest.map_err(|error| {
            Error::manifest_unreadable(claimed, &error).while_doing(&self.info.digest)
        })?)
    }
}

/// What a place and a reference are called together.
pub(crate) fn called(place: &Place, reference: &Reference) -> String {
    match reference {
        Reference::Tag(tag) => format!("{}:{tag}", place.name),
        Reference::Digest(digest) => format!("{}@{digest}", place.name),
    }
}

/// Reads a manifest, held against its digest.
pub(crate) async fn read(place: &Place, reference: &Reference) -> Outcome<Document> {
    match try_read(place, reference).await {
        Ok(document) => Ok(document),
        Err(error) => Err(explained(place, reference, error.into()).await),
    }
}

/// Looks at a manifest without reading it.
pub(crate) async fn head(place: &Place, reference: &Reference) -> Outcome<ManifestInfo> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = place;
    match registry.head_manifest(context, repository, reference).await {
        Ok(info) => Ok(info),
        Err(error) => Err(explained(place, reference, error.into()).await),
    }
}

/// Reads a manifest that need not be there.
pub(crate) async fn read_if_there(
    place: &Place,
    reference: &Reference,
) -> Outcome<Option<Document>> {
    match try_read(place, reference).await {
        Ok(document) => Ok(Some(document)),
        Err(error) if matches!(error.kind(), Kind::ManifestUnknown | Kind::BlobUnknown) => Ok(None),
        Err(error) => Err(Failure::from(error).about(called(place, reference))),
    }
}

async fn try_read(place: &Place, reference: &Reference) -> Result<Document> {
    let (info, bytes) = place.manifest(reference).await?;
    Ok(Document { info, bytes })
}

/// The digest that a reference stands for. A digest need not be there.
pub(crate) async fn digest(place: &Place, reference: &Reference) -> Outcome<Digest> {
    match reference {
        Reference::Digest(digest) => Ok(digest.clone()),
        tag @ Reference::Tag(_) => Ok(head(place, tag).await?.digest),
    }
}

/// Whether a repository holds a blob.
pub(crate) async fn has_blob(place: &Place, digest: &Digest) -> Outcome<bool> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = place;
    match registry.head_blob(context, repository, digest).await {
        Ok(_) => Ok(true),
        Err(error) if *error.kind() == Kind::BlobUnknown => Ok(false),
        Err(error) => Err(Failure::from(error).about(format!("{}@{digest}", place.name))),
    }
}

/// The image for a platform: `document` itself if it is no index.
pub(crate) async fn for_platform(
    place: &Place,
    document: Document,
    platform: &Platform,
) -> Outcome<Document> {
    if document.info.media_type.role() != Role::Index {
        return Ok(document);
    }
    let index = document.manifest()?;
    let mut search = PlatformSearch::new(&index, platform.clone());
    loop {
        match search.next() {
            Step::Found(image) => return read(place, &image.digest.into()).await,
            Step::Open(nested) => {
                if let Some(nested) = read_if_there(place, &nested.digest.into()).await? {
                    search.supply(&nested.manifest()?);
                }
            }
            Step::NotFound => return Err(no_such_platform(place, &document, &index, platform)),
        }
    }
}

fn no_such_platform(
    place: &Place,
    document: &Document,
    index: &Manifest,
    platform: &Platform,
) -> Failure {
    let name = called(place, &document.info.digest.clone().into());
    Failure::not_found(format!(
        "{name} has no image for {platform}, but for: {}",
        platforms(index)
    ))
}

/// The platforms of an index's children, for a message.
pub(crate) fn platforms(index: &Manifest) -> String {
    let platforms = index
        .children()
        .iter()
        .filter_map(|child| child.descriptor.platform.as_ref());
    let mut platforms: Vec<_> = platforms
        .filter(|platform| platform.os != "unknown")
        .map(ToString::to_string)
        .collect();
    platforms.dedup();
    if platforms.is_empty() {
        "none that it says".into()
    } else {
        platforms.join(", ")
    }
}

/// The failure with the name of what was read, and the tags that were perhaps meant.
async fn explained(place: &Place, reference: &Reference, failure: Failure) -> Failure {
    suggesting(place, reference, failure)
        .await
        .about(called(place, reference))
}

/// The failure with the tags that were perhaps meant, if it is that there is no such tag.
pub(crate) async fn suggesting(place: &Place, reference: &Reference, failure: Failure) -> Failure {
    match reference {
        Reference::Tag(tag) if failure.kind() == Some(&Kind::ManifestUnknown) => {
            match nearest_tags(place, tag.as_str()).await {
                tags if tags.is_empty() => failure,
                tags => failure.with_hint(format!("the nearest tags are: {}", tags.join(", "))),
            }
        }
        _ => failure,
    }
}

/// Up to five tags that read most like `wanted`, among the first of the repository; none if it is there.
async fn nearest_tags(place: &Place, wanted: &str) -> Vec<String> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = place;
    let Ok(page) = registry
        .tags(context, repository, &PageRequest::first(PAGE))
        .await
    else {
        return Vec::new();
    };
    let similarity = |tag: &String| strsim::jaro_winkler(wanted, tag);
    let mut tags: Vec<_> = page.items.iter().map(ToString::to_string).collect();
    if tags.iter().any(|tag| tag == wanted) {
        return Vec::new();
    }
    tags.sort_by(|one, other| similarity(other).total_cmp(&similarity(one)));
    tags.truncate(5);
    tags
}

/// What people call a manifest.
pub(crate) fn kind(manifest: &Manifest) -> &'static str {
    let artifact = manifest
        .artifact_type()
        .is_some_and(|artifact_type| !artifact_type.is_image_config());
    match (manifest.media_type().as_str(), manifest.shape()) {
        (MediaType::OCI_INDEX, _) => "OCI index",
        (MediaType::DOCKER_LIST, _) => "Docker manifest list",
        (MediaType::OCI_MANIFEST, _) if artifact => "OCI artifact",
        (MediaType::OCI_MANIFEST, _) => "OCI image",
        (MediaType::DOCKER_MANIFEST, _) => "Docker image",
        (MediaType::OCI_ARTIFACT, _) => "OCI artifact (withdrawn manifest)",
        (_, Shape::Index) => "index of an unknown type",
        (_, Shape::Image) => "manifest of an unknown type",
        (_, Shape::Opaque) => "document of an unknown type",
    }
}
