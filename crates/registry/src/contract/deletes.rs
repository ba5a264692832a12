//! Deleting tags, manifests and blobs that nothing names.

use std::sync::Arc;

use portolan_model::fixtures::{Index, blob, image};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use super::{Repository, refused, unknown_digest};
use crate::{Deletion, Kind, Registry};

const BOTH: [Deletion; 2] = [Deletion::Guarded, Deletion::Forced];

/// A deleted tag is gone; the manifest and its other tags stay.
pub async fn a_tag_is_deleted_alone(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let one = image("one");
    repository.image(&one, &["v1", "v2"]).await;
    repository.delete_tag("v1").await.expect("the tag is there");
    refused(repository.get("v1").await, &Kind::ManifestUnknown);
    refused(repository.delete_tag("v1").await, &Kind::ManifestUnknown);
    repository
        .serves("v2", &one.digest(), &one.media_type(), &one.bytes())
        .await;
    repository.delete_tag("v2").await.expect("the tag is there");
    repository
        .serves(one.digest(), &one.digest(), &one.media_type(), &one.bytes())
        .await;
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        Vec::<String>::new()
    );
}

/// A deleted manifest is gone with each of its tags; other manifests and all blobs stay.
pub async fn a_manifest_is_deleted_with_its_tags(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    for deletion in BOTH {
        let one = image("one").layers(["x"]);
        let digest = repository.image(&one, &["v1", "v2"]).await;
        repository.image(&image("two"), &["v3"]).await;
        repository
            .delete_manifest(&digest, deletion)
            .await
            .expect("nothing names it");
        for reference in ["v1".to_owned(), "v2".into(), digest.to_string()] {
            refused(repository.get(&reference).await, &Kind::ManifestUnknown);
            refused(repository.head(&reference).await, &Kind::ManifestUnknown);
        }
        refused(repository.read(&digest).await, &Kind::BlobUnknown);
        refused(
            repository.delete_manifest(&digest, deletion).await,
            &Kind::ManifestUnknown,
        );
        assert_eq!(
            repository.tags().await.expect("the repository exists"),
            ["v3"]
        );
        assert_eq!(
            repository
                .read(&Digest::sha256(&blob("x")))
                .await
                .expect("the layer stays"),
            blob("x")
        );
    }
}

/// What was deleted can be stored again, and is as it was but for its tags.
pub async fn a_deleted_manifest_is_stored_again(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let one = image("one");
    let digest = repository.image(&one, &["v1"]).await;
    repository
        .delete_manifest(&digest, Deletion::Guarded)
        .await
        .expect("nothing names it");
    repository
        .manifest(one.bytes(), &one.media_type(), &["v2"])
        .await;
    repository
        .serves("v2", &digest, &one.media_type(), &one.bytes())
        .await;
    repository
        .serves(&digest, &digest, &one.media_type(), &one.bytes())
        .await;
    refused(repository.get("v1").await, &Kind::ManifestUnknown);
}

/// A deleted blob is gone, and can be stored again.
pub async fn a_blob_is_deleted(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    for deletion in BOTH {
        let digest = repository.blob(blob("x")).await;
        repository
            .delete_blob(&digest, deletion)
            .await
            .expect("nothing names it");
        refused(repository.read(&digest).await, &Kind::BlobUnknown);
        refused(repository.size(&digest).await, &Kind::BlobUnknown);
        refused(
            repository.delete_blob(&digest, deletion).await,
            &Kind::BlobUnknown,
        );
    }
    let digest = repository.blob(blob("x")).await;
    assert_eq!(
        repository
            .read(&digest)
            .await
            .expect("the blob is there again"),
        blob("x")
    );
}

/// A manifest that names a deleted blob is refused again.
pub async fn a_deleted_blob_is_missing(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let one = image("one").layers(["x"]);
    for content in one.blobs() {
        repository.blob(content).await;
    }
    repository
        .delete_blob(&Digest::sha256(&blob("x")), Deletion::Guarded)
        .await
        .expect("nothing names it");
    refused(
        repository
            .put(one.bytes(), &one.media_type(), &["v1"])
            .await,
        &Kind::ContentMissing,
    );
}

/// What was never there cannot be deleted.
pub async fn what_is_unknown_is_not_deleted(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    for _ in 0..2 {
        refused(repository.delete_tag("v1").await, &Kind::ManifestUnknown);
        for deletion in BOTH {
            refused(
                repository
                    .delete_manifest(&unknown_digest(), deletion)
                    .await,
                &Kind::ManifestUnknown,
            );
            refused(
                repository.delete_blob(&unknown_digest(), deletion).await,
                &Kind::BlobUnknown,
            );
        }
        repository.image(&image("a"), &["v2"]).await;
    }
}

/// A manifest is not deleted as a blob, nor a blob as a manifest.
pub async fn manifests_and_blobs_are_not_mistaken(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let one = image("one");
    let digest = repository.image(&one, &["v1"]).await;
    let layer = repository.blob(blob("unused")).await;
    for deletion in BOTH {
        refused(
            repository.delete_blob(&digest, deletion).await,
            &Kind::BlobUnknown,
        );
        refused(
            repository.delete_manifest(&layer, deletion).await,
            &Kind::ManifestUnknown,
        );
    }
    repository
        .serves("v1", &digest, &one.media_type(), &one.bytes())
        .await;
    assert_eq!(
        repository.read(&layer).await.expect("the blob stays"),
        blob("unused")
    );
}

/// Content that is there as a blob and as a manifest is deleted as the one that was asked for.
pub async fn the_same_content_as_blob_and_as_manifest(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let one = image("one");
    let digest = repository.image(&one, &["v1"]).await;
    repository.blob(one.bytes()).await;
    repository
        .delete_blob(&digest, Deletion::Guarded)
        .await
        .expect("the blob is there");
    repository
        .serves("v1", &digest, &one.media_type(), &one.bytes())
        .await;

    repository.blob(one.bytes()).await;
    repository
        .delete_manifest(&digest, Deletion::Guarded)
        .await
        .expect("the manifest is there");
    refused(repository.get(&digest).await, &Kind::ManifestUnknown);
    assert_eq!(
        repository.read(&digest).await.expect("the blob stays"),
        one.bytes()
    );
}

/// What another repository holds is never touched.
pub async fn other_repositories_are_not_touched(registry: Arc<dyn Registry>) {
    let (one, other) = (
        Repository::of(&registry, "team/app"),
        Repository::of(&registry, "team/other"),
    );
    let image = image("a").layers(["x"]);
    let (digest, layer) = (image.digest(), Digest::sha256(&blob("x")));
    one.image(&image, &["v1"]).await;
    other.image(&image, &["v1"]).await;
    one.delete_manifest(&digest, Deletion::Guarded)
        .await
        .expect("nothing names it");
    one.delete_blob(&layer, Deletion::Guarded)
        .await
        .expect("nothing here names it");
    refused(one.read(&layer).await, &Kind::BlobUnknown);
    other
        .serves("v1", &digest, &image.media_type(), &image.bytes())
        .await;
    assert_eq!(
        other.read(&layer).await.expect("the layer stays"),
        blob("x")
    );
    refused(
        one.delete_blob(&layer, Deletion::Forced).await,
        &Kind::BlobUnknown,
    );
}

/// A child that was pushed as a blob and deleted as a manifest is a blob alone, until a manifest
/// that names it is put again.
pub async fn a_deleted_child_is_no_manifest(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let unknown = MediaType::new("application/vnd.example.unknown");
    let digest = repository.blob(blob("thing")).await;
    let index = Index::oci().child_of_type(unknown.as_str(), &blob("thing"), None);
    repository.index(&index, &["v1"]).await;
    refused(
        repository.delete_manifest(&digest, Deletion::Guarded).await,
        &Kind::Referenced,
    );
    repository
        .serves(&digest, &digest, &unknown, &blob("thing"))
        .await;

    repository
        .delete_manifest(&digest, Deletion::Forced)
        .await
        .expect("by force");
    refused(repository.get(&digest).await, &Kind::ManifestUnknown);
    refused(repository.head(&digest).await, &Kind::ManifestUnknown);
    refused(
        repository.delete_manifest(&digest, Deletion::Forced).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(
        repository.read(&digest).await.expect("the blob stays"),
        blob("thing")
    );

    repository.index(&index, &["v1"]).await;
    repository
        .serves(&digest, &digest, &unknown, &blob("thing"))
        .await;
}

/// The blob under a deleted manifest's digest does not stand in for it, though an index names it.
pub async fn a_blob_does_not_stand_in_for_a_deleted_manifest(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let unknown = MediaType::new("application/vnd.example.unknown");
    let thing = json!({"mediaType": unknown}).to_string();
    let digest = repository
        .manifest(thing.clone().into(), &unknown, &["thing"])
        .await;
    repository.blob(thing.clone()).await;
    repository
        .index(
            &Index::oci().child_of_type(unknown.as_str(), thing.as_bytes(), None),
            &["v1"],
        )
        .await;
    repository
        .delete_manifest(&digest, Deletion::Forced)
        .await
        .expect("by force");
    refused(repository.get(&digest).await, &Kind::ManifestUnknown);
    refused(repository.get("thing").await, &Kind::ManifestUnknown);
    repository
        .manifest(thing.clone().into(), &unknown, &[])
        .await;
    repository
        .serves(&digest, &digest, &unknown, thing.as_bytes())
        .await;
}
