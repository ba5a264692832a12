//! Tests of the existence of repositories: a repository exists while it contains something, and its
//! content can be listed and deleted as a whole.

use std::sync::Arc;

use portolan_model::Digest;
use portolan_model::fixtures::{IndexFixture, blob, image};

use super::{TestRepository, expect_error};
use crate::{Context, Deletion, Kind, PageRequest, Registry};

async fn list_names(registry: &Arc<dyn Registry>) -> Vec<String> {
    let page = registry
        .repositories(&Context::anonymous(), &PageRequest::first(1000))
        .await;
    page.expect("the registry lists its repositories")
        .items
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// Checks that a new registry has no repositories.
pub async fn new_registry_has_no_repositories(registry: Arc<dyn Registry>) {
    assert_eq!(list_names(&registry).await, Vec::<String>::new());
}

/// Checks that the first blob or manifest creates a repository, and that a read or an upload
/// session does not.
pub async fn first_content_creates_the_repository(registry: Arc<dyn Registry>) {
    let (blobs, manifests, empty) = (
        TestRepository::new(&registry, "only/blobs"),
        TestRepository::new(&registry, "sparse/manifests"),
        TestRepository::new(&registry, "only/asked"),
    );
    blobs.push_blob(blob("x")).await;
    manifests
        .push_manifest(image("a").bytes(), &image("a").media_type(), &[])
        .await;
    expect_error(empty.get_manifest("v1").await, &Kind::ManifestUnknown);
    expect_error(
        empty.blob_size(&image("a").digest()).await,
        &Kind::BlobUnknown,
    );
    assert_eq!(empty.referrers(&image("a").digest()).await, []);
    empty.open_upload().await;
    assert_eq!(
        list_names(&registry).await,
        ["only/blobs", "sparse/manifests"]
    );
    assert_eq!(
        blobs.tags().await.expect("the repository exists"),
        Vec::<String>::new()
    );
    assert_eq!(
        manifests.tags().await.expect("the repository exists"),
        Vec::<String>::new()
    );
    expect_error(empty.tags().await, &Kind::RepositoryUnknown);
}

/// Checks that a repository without tags still exists.
pub async fn repository_outlives_its_tags(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = repository.push_image(&image("a"), &["v1"]).await;
    repository.delete_tag("v1").await.expect("the tag exists");
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        Vec::<String>::new()
    );
    repository
        .delete_manifest(&digest, Deletion::Guarded)
        .await
        .expect("the manifest exists");
    assert_eq!(
        repository
            .tags()
            .await
            .expect("the repository still contains blobs"),
        Vec::<String>::new()
    );
    assert_eq!(list_names(&registry).await, ["team/app"]);
}

/// Checks that a deleted repository has no content left and is no longer listed, that other
/// repositories keep theirs, and that it can be pushed to again.
pub async fn deletes_a_repository(registry: Arc<dyn Registry>) {
    let (deleted, other) = (
        TestRepository::new(&registry, "team/app"),
        TestRepository::new(&registry, "team/app2"),
    );
    let one = image("one");
    let index = IndexFixture::oci().image(&one, "linux/amd64");
    for repository in [&deleted, &other] {
        repository.push_image(&one, &["v1"]).await;
        repository.push_index(&index, &["v2", "v3"]).await;
        repository
            .push_image(&image("signature").subject(&one.descriptor()), &[])
            .await;
        repository.push_blob(blob("unreferenced")).await;
    }
    deleted.delete().await.expect("the repository exists");
    assert_eq!(list_names(&registry).await, ["team/app2"]);
    expect_error(deleted.tags().await, &Kind::RepositoryUnknown);
    expect_error(deleted.manifests(10).await, &Kind::RepositoryUnknown);
    expect_error(deleted.get_manifest("v1").await, &Kind::ManifestUnknown);
    expect_error(
        deleted.get_manifest(one.digest()).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(deleted.referrers(&one.digest()).await, []);
    for content in [blob("unreferenced"), one.blobs().remove(0)] {
        let digest = Digest::sha256(&content);
        expect_error(deleted.read_blob(&digest).await, &Kind::BlobUnknown);
        assert_eq!(other.read_blob(&digest).await.expect("it is kept"), content);
    }
    expect_error(deleted.delete().await, &Kind::RepositoryUnknown);
    other
        .assert_serves("v2", &index.digest(), &index.media_type(), &index.bytes())
        .await;
    deleted.push_image(&one, &["v1"]).await;
    assert_eq!(deleted.tags().await.expect("it exists again"), ["v1"]);
}

/// Checks that all manifests of a repository are listed, tagged or not, with any page size.
pub async fn lists_manifests(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    TestRepository::new(&registry, "team/other")
        .push_image(&image("other"), &["v1"])
        .await;
    expect_error(repository.manifests(10).await, &Kind::RepositoryUnknown);
    repository.push_blob(blob("x")).await;
    assert_eq!(repository.manifests(10).await.expect("it exists"), []);
    let (tagged, child) = (image("tagged"), image("child").layers(["x"]));
    let index = IndexFixture::oci().image(&child, "linux/amd64");
    repository.push_image(&tagged, &["v1", "v2"]).await;
    repository.push_image(&child, &[]).await;
    repository.push_index(&index, &[]).await;
    let gone = repository.push_image(&image("gone"), &["v3"]).await;
    repository
        .delete_manifest(&gone, Deletion::Guarded)
        .await
        .expect("no manifest references it");
    let mut expected = [tagged.descriptor(), child.descriptor(), index.descriptor()];
    expected.sort_by(|one, other| one.digest.cmp(&other.digest));
    for limit in 1..=4 {
        let mut listed = repository.manifests(limit).await.expect("it exists");
        listed.sort_by(|one, other| one.digest.cmp(&other.digest));
        assert_eq!(listed, expected, "with limit {limit}");
    }
}
