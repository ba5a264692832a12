//! Repositories whose policy lets content be absent: those under `sparse/`.

use std::sync::Arc;

use portolan_model::fixtures::{Index, blob, describe, image};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use super::{Repository, findings, refused};
use crate::{Deletion, Kind, Registry};

/// An index is taken without its children, an image without config and layers.
pub async fn content_may_be_absent(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "sparse/app");
    let image = image("a").layers(["x", "y"]);
    repository
        .manifest(image.bytes(), &image.media_type(), &["image"])
        .await;
    repository
        .serves(
            "image",
            &image.digest(),
            &image.media_type(),
            &image.bytes(),
        )
        .await;
    let index = Index::oci()
        .image(&image.docker(), "linux/amd64")
        .nested(&Index::docker(), None);
    repository.index(&index, &["index"]).await;
    repository
        .serves(
            "index",
            &index.digest(),
            &index.media_type(),
            &index.bytes(),
        )
        .await;
}

/// What is absent is served neither as manifest nor as blob, though another repository holds it.
pub async fn absent_content_is_not_borrowed(registry: Arc<dyn Registry>) {
    let (owner, thief) = (
        Repository::of(&registry, "team/app"),
        Repository::of(&registry, "sparse/app"),
    );
    let (one, other) = (image("one"), image("other"));
    owner.image(&one, &["v1"]).await;
    owner.image(&other, &[]).await;
    thief
        .manifest(one.bytes(), &one.media_type(), &["v1"])
        .await;
    thief
        .index(&Index::oci().image(&other, "linux/amd64"), &["index"])
        .await;
    for content in one.blobs() {
        refused(
            thief.read(&Digest::sha256(&content)).await,
            &Kind::BlobUnknown,
        );
        refused(
            thief.size(&Digest::sha256(&content)).await,
            &Kind::BlobUnknown,
        );
    }
    refused(thief.get(other.digest()).await, &Kind::ManifestUnknown);
    refused(thief.read(&other.digest()).await, &Kind::BlobUnknown);
}

/// A size is checked where there is something to hold it against.
pub async fn sizes_of_what_is_there_are_checked(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "sparse/app");
    repository.blob(blob("x")).await;
    let mut there = describe(MediaType::OCI_LAYER_GZIP, &blob("x"));
    there["size"] = json!(1);
    let image = image("a").field(
        "layers",
        json!([there, describe(MediaType::OCI_LAYER_GZIP, b"absent")]),
    );
    let error = refused(
        repository
            .put(image.bytes(), &image.media_type(), &["v1"])
            .await,
        &Kind::ManifestInvalid,
    );
    assert_eq!(
        findings(&error),
        [("size-mismatch".to_owned(), "/layers/0".to_owned())]
    );
}

/// A child that comes later is held by the index that named it before.
pub async fn a_child_that_comes_later_is_held(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "sparse/app");
    let image = image("a").layers(["x"]);
    let index = Index::oci().image(&image, "linux/amd64");
    repository.index(&index, &["index"]).await;
    refused(repository.get(image.digest()).await, &Kind::ManifestUnknown);
    refused(
        repository
            .delete_manifest(&image.digest(), Deletion::Guarded)
            .await,
        &Kind::ManifestUnknown,
    );

    repository
        .manifest(image.bytes(), &image.media_type(), &[])
        .await;
    repository
        .serves(
            image.digest(),
            &image.digest(),
            &image.media_type(),
            &image.bytes(),
        )
        .await;
    refused(
        repository
            .delete_manifest(&image.digest(), Deletion::Guarded)
            .await,
        &Kind::Referenced,
    );

    let layer = repository.blob(blob("x")).await;
    assert_eq!(
        repository.read(&layer).await.expect("the blob is there"),
        blob("x")
    );
    refused(
        repository.delete_blob(&layer, Deletion::Guarded).await,
        &Kind::Referenced,
    );
}

/// A child of unknown type that comes later, as a blob, is served as a manifest too.
pub async fn an_unknown_child_that_comes_later_is_served(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "sparse/app");
    let unknown = MediaType::new("application/vnd.example.unknown");
    let index = Index::oci().child_of_type(unknown.as_str(), &blob("thing"), None);
    repository.index(&index, &["index"]).await;
    let digest = repository.blob(blob("thing")).await;
    repository
        .serves(&digest, &digest, &unknown, &blob("thing"))
        .await;
    refused(
        repository.delete_blob(&digest, Deletion::Guarded).await,
        &Kind::Referenced,
    );
}

/// A child of known type that comes later as a blob has passed no check: it is a manifest once it
/// is pushed as one, or its parent is pushed again.
pub async fn a_blob_that_comes_later_is_no_manifest_yet(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "sparse/app");
    let image = image("a").layers(["x"]);
    let index = Index::oci().image(&image, "linux/amd64");
    repository.index(&index, &["index"]).await;
    let digest = repository.blob(image.bytes()).await;
    assert_eq!(
        repository.read(&digest).await.expect("the blob is there"),
        image.bytes()
    );
    refused(repository.get(&digest).await, &Kind::ManifestUnknown);
    repository.index(&index, &["index"]).await;
    repository
        .serves(&digest, &digest, &image.media_type(), &image.bytes())
        .await;
}
