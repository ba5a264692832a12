//! Repositories: they exist while they hold something.

use std::sync::Arc;

use portolan_model::fixtures::{blob, image};

use super::{Repository, refused};
use crate::{Context, Deletion, Kind, PageRequest, Registry};

async fn names(registry: &Arc<dyn Registry>) -> Vec<String> {
    let page = registry
        .repositories(&Context::anonymous(), &PageRequest::first(1000))
        .await;
    page.expect("repositories are listed")
        .items
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// A registry begins without repositories.
pub async fn there_is_none_at_first(registry: Arc<dyn Registry>) {
    assert_eq!(names(&registry).await, Vec::<String>::new());
}

/// A repository exists from its first blob or manifest on, and not for having been asked about.
pub async fn a_repository_exists_with_its_first_content(registry: Arc<dyn Registry>) {
    let (blobs, manifests, asked) = (
        Repository::of(&registry, "only/blobs"),
        Repository::of(&registry, "sparse/manifests"),
        Repository::of(&registry, "only/asked"),
    );
    blobs.blob(blob("x")).await;
    manifests
        .manifest(image("a").bytes(), &image("a").media_type(), &[])
        .await;
    refused(asked.get("v1").await, &Kind::ManifestUnknown);
    refused(asked.size(&image("a").digest()).await, &Kind::BlobUnknown);
    assert_eq!(asked.referrers(&image("a").digest()).await, []);
    asked.start().await;
    assert_eq!(names(&registry).await, ["only/blobs", "sparse/manifests"]);
    assert_eq!(
        blobs.tags().await.expect("the repository exists"),
        Vec::<String>::new()
    );
    assert_eq!(
        manifests.tags().await.expect("the repository exists"),
        Vec::<String>::new()
    );
    refused(asked.tags().await, &Kind::RepositoryUnknown);
}

/// A repository that lost its tags still exists.
pub async fn a_repository_outlives_its_tags(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = repository.image(&image("a"), &["v1"]).await;
    repository.delete_tag("v1").await.expect("the tag is there");
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        Vec::<String>::new()
    );
    repository
        .delete_manifest(&digest, Deletion::Guarded)
        .await
        .expect("the manifest is there");
    assert_eq!(
        repository.tags().await.expect("it still holds blobs"),
        Vec::<String>::new()
    );
    assert_eq!(names(&registry).await, ["team/app"]);
}
