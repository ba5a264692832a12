//! Children of a known manifest type that were pushed as blobs: they become manifests, with every
//! check, when a manifest that names them is put, or that manifest is refused.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{Image, Index, blob, image};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use super::{Repository, documents, findings, refused};
use crate::{Deletion, Error, Kind, Registry};

fn place(registry: &Arc<dyn Registry>) -> Repository {
    Repository::of(registry, "team/app")
}

async fn push_as_blobs(repository: &Repository, image: &Image) -> Digest {
    for content in image.blobs() {
        repository.blob(content).await;
    }
    repository.blob(image.bytes()).await
}

/// An index that names `content` as `media_type`, where it is held as a blob, has to be refused.
async fn refuse(repository: &Repository, media_type: &str, content: Bytes, kind: &Kind) -> Error {
    let digest = repository.blob(content.clone()).await;
    let index = Index::oci().child_of_type(media_type, &content, Some("linux/amd64"));
    let error = refused(
        repository
            .put(index.bytes(), &index.media_type(), &["v1"])
            .await,
        kind,
    );
    assert!(!findings(&error).is_empty(), "{error}: {}", error.detail());
    refused(repository.get(index.digest()).await, &Kind::ManifestUnknown);
    refused(repository.get("v1").await, &Kind::ManifestUnknown);
    refused(repository.get(&digest).await, &Kind::ManifestUnknown);
    assert_eq!(
        repository.size(&digest).await.expect("the blob stays"),
        content.len() as u64
    );
    error
}

/// An image that was pushed as a blob is a manifest once an index names it, and stays one.
pub async fn an_image_is_taken_in(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    for image in [image("oci"), image("docker").docker()] {
        let digest = push_as_blobs(&repository, &image).await;
        refused(repository.get(&digest).await, &Kind::ManifestUnknown);
        let index = Index::oci().image(&image, "linux/amd64");
        repository.index(&index, &["v1"]).await;
        repository
            .serves(&digest, &digest, &image.media_type(), &image.bytes())
            .await;
        assert_eq!(
            repository
                .read(&digest)
                .await
                .expect("it is served as a blob too"),
            image.bytes()
        );

        repository
            .delete_manifest(&index.digest(), Deletion::Guarded)
            .await
            .expect("nothing names the index");
        repository
            .serves(&digest, &digest, &image.media_type(), &image.bytes())
            .await;
    }
}

/// So is a whole tree, whose parts name each other.
pub async fn a_tree_is_taken_in(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let image = image("a");
    push_as_blobs(&repository, &image).await;
    let mut levels = vec![Index::oci().image(&image, "linux/amd64")];
    for _ in 1..15 {
        let inner = levels.last().expect("there is one");
        let outer = Index::docker()
            .image(&image, "linux/amd64")
            .nested(inner, None)
            .nested(inner, None);
        levels.push(outer);
    }
    for index in &levels {
        repository.blob(index.bytes()).await;
    }
    repository
        .index(
            &Index::oci().nested(levels.last().expect("there is one"), None),
            &["v1"],
        )
        .await;
    for index in &levels {
        repository
            .serves(
                index.digest(),
                &index.digest(),
                &index.media_type(),
                &index.bytes(),
            )
            .await;
    }
    repository
        .serves(
            image.digest(),
            &image.digest(),
            &image.media_type(),
            &image.bytes(),
        )
        .await;
}

/// What a taken-in manifest names is guarded, and what it says about others is listed.
pub async fn what_it_names_counts(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let signature = image("signature")
        .layers(["x"])
        .subject(&image("subject").descriptor());
    push_as_blobs(&repository, &signature).await;
    let index = Index::oci().without_platform(&signature);
    repository.index(&index, &["v1"]).await;
    let layer = Digest::sha256(&blob("x"));
    refused(
        repository.delete_blob(&layer, Deletion::Guarded).await,
        &Kind::Referenced,
    );
    refused(
        repository
            .delete_manifest(&signature.digest(), Deletion::Guarded)
            .await,
        &Kind::Referenced,
    );
    let referrers = repository.referrers(&image("subject").digest()).await;
    assert_eq!(referrers.len(), 1);
    assert_eq!(referrers[0].digest, signature.digest());
}

/// An image whose layers are missing is not taken in.
pub async fn a_child_without_its_content_refuses_its_parent(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let image = image("a").layers(["x", "y"]);
    repository.blob(blob("x")).await;
    let error = refuse(
        &repository,
        MediaType::OCI_MANIFEST,
        image.bytes(),
        &Kind::ContentMissing,
    )
    .await;
    let missing =
        ["/config", "/layers/1"].map(|pointer| ("missing-child".to_owned(), pointer.to_owned()));
    assert_eq!(findings(&error), missing);
    assert_eq!(documents(&error), [&json!(image.digest()); 2]);
}

/// Neither is what is no manifest at all, or one of another type.
pub async fn a_child_that_is_no_manifest_refuses_its_parent(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    refuse(
        &repository,
        MediaType::OCI_MANIFEST,
        blob("no manifest"),
        &Kind::ManifestInvalid,
    )
    .await;
    refuse(
        &repository,
        MediaType::OCI_INDEX,
        Bytes::from("[]"),
        &Kind::ManifestInvalid,
    )
    .await;
    refuse(
        &repository,
        MediaType::DOCKER_LIST,
        Index::oci().bytes(),
        &Kind::ManifestInvalid,
    )
    .await;
    let two_shapes = Index::oci().field("layers", json!([])).bytes();
    refuse(
        &repository,
        MediaType::OCI_INDEX,
        two_shapes,
        &Kind::ManifestInvalid,
    )
    .await;
    let schema1 = Bytes::from(r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#);
    let error = refuse(
        &repository,
        MediaType::DOCKER_MANIFEST,
        schema1,
        &Kind::ManifestInvalid,
    )
    .await;
    assert!(
        error.message().contains("/manifests/0: ") && error.message().contains("schema 1"),
        "{error}"
    );
    assert_eq!(
        findings(&error),
        [("unreadable-child".to_owned(), "/manifests/0".to_owned())]
    );
}

/// Nor what is larger than a manifest may be.
pub async fn a_child_that_is_too_large_refuses_its_parent(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let large = Index::oci().field("annotations", json!({"a": "x".repeat(4 << 20)}));
    refuse(
        &repository,
        MediaType::OCI_INDEX,
        large.bytes(),
        &Kind::ManifestInvalid,
    )
    .await;
}

/// Nor a tree of blobs that goes deeper than anybody nests indexes.
pub async fn a_tree_that_is_too_deep_refuses_its_parent(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let mut index = Index::oci();
    for _ in 0..16 {
        repository.blob(index.bytes()).await;
        index = Index::oci().nested(&index, None);
    }
    refuse(
        &repository,
        MediaType::OCI_INDEX,
        index.bytes(),
        &Kind::ManifestInvalid,
    )
    .await;
}

/// A child that is deep down refuses all that is above it, and nothing of it is stored.
pub async fn a_refusal_deep_down_leaves_nothing(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let (good, bad) = (image("good"), image("bad"));
    push_as_blobs(&repository, &good).await;
    repository.blob(bad.bytes()).await;
    let inner = Index::oci()
        .image(&good, "linux/amd64")
        .image(&bad, "linux/arm64");
    let error = refuse(
        &repository,
        MediaType::OCI_INDEX,
        inner.bytes(),
        &Kind::ContentMissing,
    )
    .await;
    assert!(
        documents(&error)
            .iter()
            .all(|document| **document == json!(bad.digest())),
        "{}",
        error.detail()
    );
    refused(repository.get(good.digest()).await, &Kind::ManifestUnknown);
    refused(repository.get(bad.digest()).await, &Kind::ManifestUnknown);
}

/// What the descriptor gives no known type is a blob and stays one, whatever it looks like.
pub async fn what_is_not_said_to_be_a_manifest_is_not_taken_in(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let hollow = image("hollow").layers(["missing"]);
    let digest = repository.blob(hollow.bytes()).await;
    let layer = image("outer").layers([]).field(
        "layers",
        json!([{"mediaType": MediaType::OCI_MANIFEST, "digest": digest, "size": hollow.bytes().len()}]),
    );
    repository.image(&layer, &["v1"]).await;
    refused(repository.get(&digest).await, &Kind::ManifestUnknown);
    let unknown = MediaType::new("application/vnd.example.unknown");
    repository
        .index(
            &Index::oci().child_of_type(unknown.as_str(), &hollow.bytes(), None),
            &["v2"],
        )
        .await;
    repository
        .serves(&digest, &digest, &unknown, &hollow.bytes())
        .await;
}
