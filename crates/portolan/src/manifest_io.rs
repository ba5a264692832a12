//! Functions that read manifests, by reference or by platform. Their failures contain the name of
//! the manifest and suggestions for the user.

use futures_util::{StreamExt, stream};
use portolan_model::{
    Digest, Manifest, MediaType, Platform, Reference, Shape, Tag, format_platforms,
};
use portolan_registry::{Error, Kind, ManifestInfo, PageRequest, Repository, StoredManifest};

use crate::failure::{Failure, Outcome};

/// Smallest similarity of a tag that is suggested: that of `v1` and `v2`.
const MIN_SIMILARITY: f64 = 0.66;

/// Number of items requested per page of a list.
const PAGE_SIZE: usize = 1000;

/// Maximum number of tags that are resolved concurrently.
const CONCURRENT_LOOKUPS: usize = 8;

/// Reads a manifest. A failure contains the full name of the manifest, and suggests similar tags.
pub(crate) async fn read(
    repository: &Repository,
    reference: &Reference,
) -> Outcome<StoredManifest> {
    match repository.manifest(reference).await {
        Ok(manifest) => Ok(manifest),
        Err(error) => Err(explain(repository, reference, error).await),
    }
}

/// Parses a manifest. A failure contains the digest of the manifest.
pub(crate) fn parse(manifest: &StoredManifest) -> Outcome<Manifest> {
    let parsed = manifest.parse();
    Ok(parsed.map_err(|error| error.with_prefix(&manifest.info.digest))?)
}

/// Returns the digest, media type and size of a manifest without reading it.
pub(crate) async fn head(repository: &Repository, reference: &Reference) -> Outcome<ManifestInfo> {
    match repository.head_manifest(reference).await {
        Ok(info) => Ok(info),
        Err(error) => Err(explain(repository, reference, error).await),
    }
}

/// Resolves a reference to a digest. Returns a digest unchanged, without a check that the manifest
/// exists.
pub(crate) async fn resolve_digest(
    repository: &Repository,
    reference: &Reference,
) -> Outcome<Digest> {
    match repository.resolve(reference).await {
        Ok(digest) => Ok(digest),
        Err(error) => Err(explain(repository, reference, error).await),
    }
}

/// Returns the tags that point to a manifest. Resolves every tag of the repository, because the
/// distribution-spec defines no request for this.
pub(crate) async fn tags_of(repository: &Repository, digest: &Digest) -> Outcome<Vec<Tag>> {
    let (mut found, mut page) = (Vec::new(), PageRequest::first(PAGE_SIZE));
    loop {
        let listed = repository.tags_page(&page).await?;
        let resolving = listed.items.into_iter().map(async |tag| {
            match repository.resolve(&tag.clone().into()).await {
                Ok(target) => Ok((target == *digest).then_some(tag)),
                // The tag was deleted after it was listed.
                Err(error) if *error.kind() == Kind::ManifestUnknown => Ok(None),
                Err(error) => Err(error),
            }
        });
        let mut resolved = stream::iter(resolving).buffered(CONCURRENT_LOOKUPS);
        while let Some(tag) = resolved.next().await {
            found.extend(tag?);
        }
        drop(resolved);
        match listed.next {
            Some(after) => page.after = Some(after),
            None => return Ok(found),
        }
    }
}

/// Returns the image for `platform` in an index and its nested indexes, or `manifest` itself if it
/// is not an index.
pub(crate) async fn select_platform(
    repository: &Repository,
    manifest: StoredManifest,
    platform: &Platform,
) -> Outcome<StoredManifest> {
    let index = manifest.clone();
    if let Some(image) = repository.select_platform(manifest, platform).await? {
        return Ok(image);
    }
    let name = repository.full_name(&index.info.digest);
    let children = repository.read_children(&parse(&index)?).await?;
    let failure = Failure::not_found(format!("the index has no image for {platform}"))
        .context(format_args!("failed to look up {name}"))
        .with_hint(format!("the platforms are {}", format_platforms(&children)));
    Err(failure)
}

/// Adds the full name of the manifest to an error, and suggests similar tags.
pub(crate) async fn explain(
    repository: &Repository,
    reference: &Reference,
    error: Error,
) -> Failure {
    let error = without_response(repository, reference, error);
    let host = error
        .origin()
        .filter(|host| repository.is_at(host))
        .cloned();
    let failure = suggest_tags(repository, reference, error.into()).await;
    let operation = failure.operation("read");
    let name = repository.full_name(reference);
    let failure = failure.context(format_args!("failed to {operation} {name}"));
    match host {
        Some(host) => failure.with_role(host.as_str(), "the registry"),
        None => failure,
    }
}

/// Replaces a registry's response that a manifest is unknown: its text depends on the registry, and
/// the response to a HEAD request has none.
pub(crate) fn without_response(
    repository: &Repository,
    reference: &Reference,
    error: Error,
) -> Error {
    if *error.kind() == Kind::ManifestUnknown && error.origin().is_some() {
        Error::manifest_unknown(&repository.name, reference)
    } else {
        error
    }
}

/// Suggests similar tags if the failure reports an unknown tag.
pub(crate) async fn suggest_tags(
    repository: &Repository,
    reference: &Reference,
    failure: Failure,
) -> Failure {
    match reference {
        Reference::Tag(tag) if failure.kind() == Some(&Kind::ManifestUnknown) => {
            match nearest_tags(repository, tag.as_str()).await {
                tags if tags.is_empty() => failure,
                tags => failure.with_hint(format!("similar tags: {}", tags.join(", "))),
            }
        }
        _ => failure,
    }
}

/// Returns up to five tags that are similar to `requested`, from the first page of tags. Returns no
/// tags if `requested` itself exists.
async fn nearest_tags(repository: &Repository, requested: &str) -> Vec<String> {
    let Ok(page) = repository.tags_page(&PageRequest::first(PAGE_SIZE)).await else {
        return Vec::new();
    };
    similar_tags(
        page.items.iter().map(ToString::to_string).collect(),
        requested,
    )
}

/// Returns up to five of the tags that are similar to `requested`, the most similar first; none if
/// `requested` is among them.
fn similar_tags(mut tags: Vec<String>, requested: &str) -> Vec<String> {
    let similarity = |tag: &str| strsim::jaro_winkler(requested, tag);
    if tags.iter().any(|tag| tag == requested) {
        return Vec::new();
    }
    tags.retain(|tag| similarity(tag) >= MIN_SIMILARITY);
    tags.sort_by(|one, other| similarity(other).total_cmp(&similarity(one)));
    tags.truncate(5);
    tags
}

/// Returns the kind of a manifest as human-readable text, such as `OCI index`.
pub(crate) fn kind_name(manifest: &Manifest) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_similar_tags() {
        let tags = [
            "v1",
            "v2",
            "amd64",
            "arm64",
            "nested",
            "latest",
            "signature",
        ];
        let similar =
            |requested: &str| similar_tags(tags.map(str::to_owned).to_vec(), requested).join(" ");
        assert_eq!(similar("v9"), "v1 v2");
        assert_eq!(similar("laetst"), "latest");
        assert_eq!(similar("amd46"), "amd64 arm64");
        assert_eq!(similar("missing"), "");
        assert_eq!(similar("v1"), "", "it exists");
    }
}
