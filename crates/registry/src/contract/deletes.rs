//! Tests of the deletion of tags, manifests and blobs that no manifest references.

use std::sync::Arc;

use portolan_model::fixtures::{IndexFixture, blob, image};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use super::{TestRepository, expect_error, unknown_digest};
use crate::{Deletion, Kind, Registry};

const BOTH: [Deletion; 2] = [Deletion::Guarded, Deletion::Forced];

/// Checks that the deletion of a tag retains the manifest and its other tags.
pub async fn deletes_only_the_tag(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let one = image("one");
    repository.push_image(&one, &["v1", "v2"]).await;
    repository.delete_tag("v1").await.expect("the tag exists");
    expect_error(repository.get_manifest("v1").await, &Kind::ManifestUnknown);
    expect_error(repository.delete_tag("v1").await, &Kind::ManifestUnknown);
    repository
        .assert_serves("v2", &one.digest(), &one.media_type(), &one.bytes())
        .await;
    repository.delete_tag("v2").await.expect("the tag exists");
    repository
        .assert_serves(one.digest(), &one.digest(), &one.media_type(), &one.bytes())
        .await;
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        Vec::<String>::new()
    );
}

/// Checks that content that was read before its deletion is unknown afterwards, and that a tag of a
/// deleted manifest does not return when the manifest is pushed again.
pub async fn deleted_content_that_was_read_is_unknown(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let one = image("one");
    let digest = repository.push_image(&one, &["v1"]).await;
    let layer = repository.push_blob(blob("unreferenced")).await;
    for _ in 0..2 {
        repository
            .assert_serves("v1", &digest, &one.media_type(), &one.bytes())
            .await;
        let read = repository.read_blob(&layer).await;
        assert_eq!(read.expect("the blob exists"), blob("unreferenced"));
        let read = repository.read_blob(&digest).await;
        assert_eq!(read.expect("a manifest is also a blob"), one.bytes());
    }
    repository
        .delete_manifest(&digest, Deletion::Guarded)
        .await
        .expect("no manifest references it");
    for reference in ["v1".to_owned(), digest.to_string()] {
        expect_error(
            repository.get_manifest(&reference).await,
            &Kind::ManifestUnknown,
        );
        expect_error(
            repository.head_manifest(&reference).await,
            &Kind::ManifestUnknown,
        );
    }
    expect_error(repository.read_blob(&digest).await, &Kind::BlobUnknown);
    repository
        .delete_blob(&layer, Deletion::Guarded)
        .await
        .expect("no manifest references it");
    expect_error(repository.read_blob(&layer).await, &Kind::BlobUnknown);
    expect_error(repository.blob_size(&layer).await, &Kind::BlobUnknown);
    repository.push_image(&one, &[]).await;
    repository
        .assert_serves(&digest, &digest, &one.media_type(), &one.bytes())
        .await;
    assert_eq!(repository.resolve_tag("v1").await, None);
}

/// Checks that the deletion of a manifest removes all its tags, and retains other manifests and all
/// blobs.
pub async fn deletes_a_manifest_with_its_tags(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    for deletion in BOTH {
        let one = image("one").layers(["x"]);
        let digest = repository.push_image(&one, &["v1", "v2"]).await;
        repository.push_image(&image("two"), &["v3"]).await;
        repository
            .delete_manifest(&digest, deletion)
            .await
            .expect("no manifest references it");
        for reference in ["v1".to_owned(), "v2".into(), digest.to_string()] {
            expect_error(
                repository.get_manifest(&reference).await,
                &Kind::ManifestUnknown,
            );
            expect_error(
                repository.head_manifest(&reference).await,
                &Kind::ManifestUnknown,
            );
        }
        expect_error(repository.read_blob(&digest).await, &Kind::BlobUnknown);
        expect_error(
            repository.delete_manifest(&digest, deletion).await,
            &Kind::ManifestUnknown,
        );
        assert_eq!(
            repository.tags().await.expect("the repository exists"),
            ["v3"]
        );
        assert_eq!(
            repository
                .read_blob(&Digest::sha256(&blob("x")))
                .await
                .expect("the layer still exists"),
            blob("x")
        );
    }
}

/// Checks that a client can store a deleted manifest again, and that its tags are not restored.
pub async fn stores_a_deleted_manifest_again(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let one = image("one");
    let digest = repository.push_image(&one, &["v1"]).await;
    repository
        .delete_manifest(&digest, Deletion::Guarded)
        .await
        .expect("no manifest references it");
    repository
        .push_manifest(one.bytes(), &one.media_type(), &["v2"])
        .await;
    repository
        .assert_serves("v2", &digest, &one.media_type(), &one.bytes())
        .await;
    repository
        .assert_serves(&digest, &digest, &one.media_type(), &one.bytes())
        .await;
    expect_error(repository.get_manifest("v1").await, &Kind::ManifestUnknown);
}

/// Checks that the deletion of a blob removes it, and that a client can store it again.
pub async fn deletes_a_blob(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    for deletion in BOTH {
        let digest = repository.push_blob(blob("x")).await;
        repository
            .delete_blob(&digest, deletion)
            .await
            .expect("no manifest references it");
        expect_error(repository.read_blob(&digest).await, &Kind::BlobUnknown);
        expect_error(repository.blob_size(&digest).await, &Kind::BlobUnknown);
        expect_error(
            repository.delete_blob(&digest, deletion).await,
            &Kind::BlobUnknown,
        );
    }
    let digest = repository.push_blob(blob("x")).await;
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob exists again"),
        blob("x")
    );
}

/// Checks that the registry rejects a manifest that references a deleted blob.
pub async fn deleted_blob_is_missing(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let one = image("one").layers(["x"]);
    for content in one.blobs() {
        repository.push_blob(content).await;
    }
    repository
        .delete_blob(&Digest::sha256(&blob("x")), Deletion::Guarded)
        .await
        .expect("no manifest references it");
    expect_error(
        repository
            .put_manifest(one.bytes(), &one.media_type(), &["v1"])
            .await,
        &Kind::CONTENT_MISSING,
    );
}

/// Checks that the deletion of unknown content is an error.
pub async fn rejects_deleting_unknown_content(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    for _ in 0..2 {
        expect_error(repository.delete_tag("v1").await, &Kind::ManifestUnknown);
        for deletion in BOTH {
            expect_error(
                repository
                    .delete_manifest(&unknown_digest(), deletion)
                    .await,
                &Kind::ManifestUnknown,
            );
            expect_error(
                repository.delete_blob(&unknown_digest(), deletion).await,
                &Kind::BlobUnknown,
            );
        }
        repository.push_image(&image("a"), &["v2"]).await;
    }
}

/// Checks that a manifest cannot be deleted as a blob, and a blob cannot be deleted as a manifest.
pub async fn distinguishes_manifests_from_blobs(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let one = image("one");
    let digest = repository.push_image(&one, &["v1"]).await;
    let layer = repository.push_blob(blob("unused")).await;
    for deletion in BOTH {
        expect_error(
            repository.delete_blob(&digest, deletion).await,
            &Kind::BlobUnknown,
        );
        expect_error(
            repository.delete_manifest(&layer, deletion).await,
            &Kind::ManifestUnknown,
        );
    }
    repository
        .assert_serves("v1", &digest, &one.media_type(), &one.bytes())
        .await;
    assert_eq!(
        repository
            .read_blob(&layer)
            .await
            .expect("the blob still exists"),
        blob("unused")
    );
}

/// Checks that if content exists both as a blob and as a manifest, a deletion removes only one of
/// them.
pub async fn deletes_one_of_a_blob_and_a_manifest_with_equal_content(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let one = image("one");
    let digest = repository.push_image(&one, &["v1"]).await;
    repository.push_blob(one.bytes()).await;
    repository
        .delete_blob(&digest, Deletion::Guarded)
        .await
        .expect("the blob exists");
    repository
        .assert_serves("v1", &digest, &one.media_type(), &one.bytes())
        .await;

    repository.push_blob(one.bytes()).await;
    repository
        .delete_manifest(&digest, Deletion::Guarded)
        .await
        .expect("the manifest exists");
    expect_error(
        repository.get_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob still exists"),
        one.bytes()
    );
}

/// Checks that a deletion does not affect other repositories.
pub async fn does_not_affect_other_repositories(registry: Arc<dyn Registry>) {
    let (one, other) = (
        TestRepository::new(&registry, "team/app"),
        TestRepository::new(&registry, "team/other"),
    );
    let image = image("a").layers(["x"]);
    let (digest, layer) = (image.digest(), Digest::sha256(&blob("x")));
    one.push_image(&image, &["v1"]).await;
    other.push_image(&image, &["v1"]).await;
    one.delete_manifest(&digest, Deletion::Guarded)
        .await
        .expect("no manifest references it");
    one.delete_blob(&layer, Deletion::Guarded)
        .await
        .expect("no manifest of this repository references it");
    expect_error(one.read_blob(&layer).await, &Kind::BlobUnknown);
    other
        .assert_serves("v1", &digest, &image.media_type(), &image.bytes())
        .await;
    assert_eq!(
        other
            .read_blob(&layer)
            .await
            .expect("the layer still exists"),
        blob("x")
    );
    expect_error(
        one.delete_blob(&layer, Deletion::Forced).await,
        &Kind::BlobUnknown,
    );
}

/// Checks the deletion of a blob that is also served as a manifest, because an index lists it with
/// an unknown media type. A forced deletion as a manifest leaves only the blob. Pushing the index
/// again makes it a manifest again.
pub async fn deleted_child_is_no_longer_a_manifest(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let unknown = MediaType::new("application/vnd.example.unknown");
    let digest = repository.push_blob(blob("thing")).await;
    let index = IndexFixture::oci().child_of_type(unknown.as_str(), &blob("thing"), None);
    repository.push_index(&index, &["v1"]).await;
    expect_error(
        repository.delete_manifest(&digest, Deletion::Guarded).await,
        &Kind::REFERENCED,
    );
    repository
        .assert_serves(&digest, &digest, &unknown, &blob("thing"))
        .await;

    repository
        .delete_manifest(&digest, Deletion::Forced)
        .await
        .expect("a forced deletion succeeds");
    expect_error(
        repository.get_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
    expect_error(
        repository.head_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
    expect_error(
        repository.delete_manifest(&digest, Deletion::Forced).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob still exists"),
        blob("thing")
    );

    repository.push_index(&index, &["v1"]).await;
    repository
        .assert_serves(&digest, &digest, &unknown, &blob("thing"))
        .await;
}

/// Checks that the registry does not serve a blob in place of a deleted manifest with the same
/// digest, even if an index references it.
pub async fn blob_does_not_replace_a_deleted_manifest(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let unknown = MediaType::new("application/vnd.example.unknown");
    let thing = json!({"mediaType": unknown}).to_string();
    let digest = repository
        .push_manifest(thing.clone().into(), &unknown, &["thing"])
        .await;
    repository.push_blob(thing.clone()).await;
    repository
        .push_index(
            &IndexFixture::oci().child_of_type(unknown.as_str(), thing.as_bytes(), None),
            &["v1"],
        )
        .await;
    repository
        .delete_manifest(&digest, Deletion::Forced)
        .await
        .expect("a forced deletion succeeds");
    expect_error(
        repository.get_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
    expect_error(
        repository.get_manifest("thing").await,
        &Kind::ManifestUnknown,
    );
    repository
        .push_manifest(thing.clone().into(), &unknown, &[])
        .await;
    repository
        .assert_serves(&digest, &digest, &unknown, thing.as_bytes())
        .await;
}
