//! Tests of repositories below `sparse/`. Their policy allows missing content.

use std::sync::Arc;

use portolan_model::fixtures::{IndexFixture, blob, descriptor_json, image};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use super::{TestRepository, expect_error, rejected_findings};
use crate::{Deletion, Kind, Registry};

/// Checks that the registry accepts an index without its children, and an image without config and
/// layers.
pub async fn allows_missing_content(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "sparse/app");
    let image = image("a").layers(["x", "y"]);
    repository
        .push_manifest(image.bytes(), &image.media_type(), &["image"])
        .await;
    repository
        .assert_serves(
            "image",
            &image.digest(),
            &image.media_type(),
            &image.bytes(),
        )
        .await;
    let index = IndexFixture::oci()
        .image(&image.docker(), "linux/amd64")
        .nested_index(&IndexFixture::docker(), None);
    repository.push_index(&index, &["index"]).await;
    repository
        .assert_serves(
            "index",
            &index.digest(),
            &index.media_type(),
            &index.bytes(),
        )
        .await;
}

/// Checks that the registry does not serve missing content, even if another repository contains it.
pub async fn does_not_borrow_missing_content(registry: Arc<dyn Registry>) {
    let (owner, borrower) = (
        TestRepository::new(&registry, "team/app"),
        TestRepository::new(&registry, "sparse/app"),
    );
    let (one, other) = (image("one"), image("other"));
    owner.push_image(&one, &["v1"]).await;
    owner.push_image(&other, &[]).await;
    borrower
        .push_manifest(one.bytes(), &one.media_type(), &["v1"])
        .await;
    borrower
        .push_index(
            &IndexFixture::oci().image(&other, "linux/amd64"),
            &["index"],
        )
        .await;
    for content in one.blobs() {
        expect_error(
            borrower.read_blob(&Digest::sha256(&content)).await,
            &Kind::BlobUnknown,
        );
        expect_error(
            borrower.blob_size(&Digest::sha256(&content)).await,
            &Kind::BlobUnknown,
        );
    }
    expect_error(
        borrower.get_manifest(other.digest()).await,
        &Kind::ManifestUnknown,
    );
    expect_error(
        borrower.read_blob(&other.digest()).await,
        &Kind::BlobUnknown,
    );
}

/// Checks that the registry compares the size of content that exists.
pub async fn checks_the_sizes_of_stored_content(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "sparse/app");
    repository.push_blob(blob("x")).await;
    let mut stored = descriptor_json(MediaType::OCI_LAYER_GZIP, &blob("x"));
    stored["size"] = json!(1);
    let image = image("a").field(
        "layers",
        json!([
            stored,
            descriptor_json(MediaType::OCI_LAYER_GZIP, b"absent")
        ]),
    );
    let error = expect_error(
        repository
            .put_manifest(image.bytes(), &image.media_type(), &["v1"])
            .await,
        &Kind::MANIFEST_INVALID,
    );
    assert_eq!(
        rejected_findings(&error),
        [("size-mismatch".to_owned(), "/layers/0".to_owned())]
    );
}

/// Checks that an index guards a child that follows in a later push.
pub async fn guards_a_child_pushed_later(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "sparse/app");
    let image = image("a").layers(["x"]);
    let index = IndexFixture::oci().image(&image, "linux/amd64");
    repository.push_index(&index, &["index"]).await;
    expect_error(
        repository.get_manifest(image.digest()).await,
        &Kind::ManifestUnknown,
    );
    expect_error(
        repository
            .delete_manifest(&image.digest(), Deletion::Guarded)
            .await,
        &Kind::ManifestUnknown,
    );

    repository
        .push_manifest(image.bytes(), &image.media_type(), &[])
        .await;
    repository
        .assert_serves(
            image.digest(),
            &image.digest(),
            &image.media_type(),
            &image.bytes(),
        )
        .await;
    expect_error(
        repository
            .delete_manifest(&image.digest(), Deletion::Guarded)
            .await,
        &Kind::REFERENCED,
    );

    let layer = repository.push_blob(blob("x")).await;
    assert_eq!(
        repository.read_blob(&layer).await.expect("the blob exists"),
        blob("x")
    );
    expect_error(
        repository.delete_blob(&layer, Deletion::Guarded).await,
        &Kind::REFERENCED,
    );
}

/// Checks that the registry also serves a child of unknown type as a manifest if a client pushes it
/// later as a blob.
pub async fn serves_an_unknown_child_pushed_later(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "sparse/app");
    let unknown = MediaType::new("application/vnd.example.unknown");
    let index = IndexFixture::oci().child_of_type(unknown.as_str(), &blob("thing"), None);
    repository.push_index(&index, &["index"]).await;
    let digest = repository.push_blob(blob("thing")).await;
    repository
        .assert_serves(&digest, &digest, &unknown, &blob("thing"))
        .await;
    expect_error(
        repository.delete_blob(&digest, Deletion::Guarded).await,
        &Kind::REFERENCED,
    );
}

/// Checks that a child of known type does not become a manifest if a client pushes it later as a
/// blob.
///
/// The blob was not checked as a manifest. It becomes a manifest when a client pushes it as a
/// manifest, or pushes its parent again.
pub async fn blob_pushed_later_is_not_yet_a_manifest(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "sparse/app");
    let image = image("a").layers(["x"]);
    let index = IndexFixture::oci().image(&image, "linux/amd64");
    repository.push_index(&index, &["index"]).await;
    let digest = repository.push_blob(image.bytes()).await;
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob exists"),
        image.bytes()
    );
    expect_error(
        repository.get_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
    repository.push_index(&index, &["index"]).await;
    repository
        .assert_serves(&digest, &digest, &image.media_type(), &image.bytes())
        .await;
}
