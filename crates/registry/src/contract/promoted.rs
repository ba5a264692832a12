//! Promotion of blobs to manifests.
//!
//! Clients may push a child of an index as a blob, although the index declares a known manifest
//! type for it. When they push the index, the registry checks such a child and stores it as a
//! manifest too. If a check fails, the registry rejects the index.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, image};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use super::{TestRepository, expect_error, rejected_documents, rejected_findings};
use crate::{Deletion, Error, Kind, MAX_PROMOTED_BYTES, Registry};

fn test_repository(registry: &Arc<dyn Registry>) -> TestRepository {
    TestRepository::new(registry, "team/app")
}

async fn push_as_blobs(repository: &TestRepository, image: &ImageFixture) -> Digest {
    for content in image.blobs() {
        repository.push_blob(content).await;
    }
    repository.push_blob(image.bytes()).await
}

/// Pushes an index that references the blob `content` as `media_type`, checks that the registry
/// rejects it, and returns the error.
async fn assert_rejects(
    repository: &TestRepository,
    media_type: &str,
    content: Bytes,
    kind: &Kind,
) -> Error {
    let digest = repository.push_blob(content.clone()).await;
    let index = IndexFixture::oci().child_of_type(media_type, &content, Some("linux/amd64"));
    let error = expect_error(
        repository
            .put_manifest(index.bytes(), &index.media_type(), &["v1"])
            .await,
        kind,
    );
    assert!(
        !rejected_findings(&error).is_empty(),
        "{error}: {}",
        error.detail()
    );
    expect_error(
        repository.get_manifest(index.digest()).await,
        &Kind::ManifestUnknown,
    );
    expect_error(repository.get_manifest("v1").await, &Kind::ManifestUnknown);
    expect_error(
        repository.get_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(
        repository
            .blob_size(&digest)
            .await
            .expect("the blob still exists"),
        content.len() as u64
    );
    error
}

/// Checks that an image that was pushed as a blob becomes a manifest when an index references it,
/// and remains a manifest.
pub async fn promotes_an_image(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    for image in [image("oci"), image("docker").docker()] {
        let digest = push_as_blobs(&repository, &image).await;
        expect_error(
            repository.get_manifest(&digest).await,
            &Kind::ManifestUnknown,
        );
        let index = IndexFixture::oci().image(&image, "linux/amd64");
        repository.push_index(&index, &["v1"]).await;
        repository
            .assert_serves(&digest, &digest, &image.media_type(), &image.bytes())
            .await;
        assert_eq!(
            repository
                .read_blob(&digest)
                .await
                .expect("the registry also serves it as a blob"),
            image.bytes()
        );

        repository
            .delete_manifest(&index.digest(), Deletion::Guarded)
            .await
            .expect("no manifest references the index");
        repository
            .assert_serves(&digest, &digest, &image.media_type(), &image.bytes())
            .await;
    }
}

/// Checks that a push promotes a full tree of documents that reference each other.
pub async fn promotes_a_tree(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let image = image("a");
    push_as_blobs(&repository, &image).await;
    let mut levels = vec![IndexFixture::oci().image(&image, "linux/amd64")];
    for _ in 1..15 {
        let inner = levels.last().expect("the tree has levels");
        let outer = IndexFixture::docker()
            .image(&image, "linux/amd64")
            .nested_index(inner, None)
            .nested_index(inner, None);
        levels.push(outer);
    }
    for index in &levels {
        repository.push_blob(index.bytes()).await;
    }
    repository
        .push_index(
            &IndexFixture::oci().nested_index(levels.last().expect("the tree has levels"), None),
            &["v1"],
        )
        .await;
    for index in &levels {
        repository
            .assert_serves(
                index.digest(),
                &index.digest(),
                &index.media_type(),
                &index.bytes(),
            )
            .await;
    }
    repository
        .assert_serves(
            image.digest(),
            &image.digest(),
            &image.media_type(),
            &image.bytes(),
        )
        .await;
}

/// Checks that a promoted manifest guards the content that it references, and appears among the
/// referrers of its subject.
pub async fn promoted_manifest_guards_and_refers(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let signature = image("signature")
        .layers(["x"])
        .subject(&image("subject").descriptor());
    push_as_blobs(&repository, &signature).await;
    let index = IndexFixture::oci().without_platform(&signature);
    repository.push_index(&index, &["v1"]).await;
    let layer = Digest::sha256(&blob("x"));
    expect_error(
        repository.delete_blob(&layer, Deletion::Guarded).await,
        &Kind::REFERENCED,
    );
    expect_error(
        repository
            .delete_manifest(&signature.digest(), Deletion::Guarded)
            .await,
        &Kind::REFERENCED,
    );
    let referrers = repository.referrers(&image("subject").digest()).await;
    assert_eq!(referrers.len(), 1);
    assert_eq!(referrers[0].digest, signature.digest());
}

/// Checks that the registry rejects an index if a child that was pushed as a blob references
/// missing layers.
pub async fn rejects_the_parent_of_an_incomplete_child(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let image = image("a").layers(["x", "y"]);
    repository.push_blob(blob("x")).await;
    let error = assert_rejects(
        &repository,
        MediaType::OCI_MANIFEST,
        image.bytes(),
        &Kind::CONTENT_MISSING,
    )
    .await;
    let missing =
        ["/config", "/layers/1"].map(|pointer| ("missing-child".to_owned(), pointer.to_owned()));
    assert_eq!(rejected_findings(&error), missing);
    assert_eq!(rejected_documents(&error), vec![json!(image.digest()); 2]);
}

/// Checks that the registry rejects an index if a child that was pushed as a blob is not a
/// manifest, or is a manifest of another type.
pub async fn rejects_the_parent_of_an_invalid_child(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    assert_rejects(
        &repository,
        MediaType::OCI_MANIFEST,
        blob("no manifest"),
        &Kind::MANIFEST_INVALID,
    )
    .await;
    assert_rejects(
        &repository,
        MediaType::OCI_INDEX,
        Bytes::from("[]"),
        &Kind::MANIFEST_INVALID,
    )
    .await;
    assert_rejects(
        &repository,
        MediaType::DOCKER_LIST,
        IndexFixture::oci().bytes(),
        &Kind::MANIFEST_INVALID,
    )
    .await;
    let two_shapes = IndexFixture::oci().field("layers", json!([])).bytes();
    assert_rejects(
        &repository,
        MediaType::OCI_INDEX,
        two_shapes,
        &Kind::MANIFEST_INVALID,
    )
    .await;
    let schema1 = Bytes::from(r#"{"schemaVersion":1,"fsLayers":[],"history":[]}"#);
    let error = assert_rejects(
        &repository,
        MediaType::DOCKER_MANIFEST,
        schema1,
        &Kind::MANIFEST_INVALID,
    )
    .await;
    assert!(
        error.message().contains("/manifests/0: ") && error.message().contains("schema 1"),
        "{error}"
    );
    assert_eq!(
        rejected_findings(&error),
        [("unreadable-child".to_owned(), "/manifests/0".to_owned())]
    );
}

/// Checks that the registry rejects an index if a child that was pushed as a blob exceeds the size
/// limit of manifests.
pub async fn rejects_the_parent_of_a_too_large_child(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let large = IndexFixture::oci().field("annotations", json!({"a": "x".repeat(4 << 20)}));
    assert_rejects(
        &repository,
        MediaType::OCI_INDEX,
        large.bytes(),
        &Kind::MANIFEST_INVALID,
    )
    .await;
}

/// Checks that the total size of the promoted blobs, at all levels of nesting, has a limit, and
/// that a rejected push promotes nothing.
pub async fn limits_the_bytes_of_a_tree(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let mut index = IndexFixture::oci();
    let mut levels = Vec::new();
    for level in 0..5 {
        let padding = format!("{level}{}", "x".repeat(1 << 20));
        let fields = json!({"padding": padding});
        let nested = IndexFixture::oci().field("annotations", fields);
        index = if level == 0 {
            nested
        } else {
            nested.nested_index(&index, None)
        };
        levels.push(repository.push_blob(index.bytes()).await);
    }
    let outer = IndexFixture::oci().nested_index(&index, None);
    let error = expect_error(
        repository
            .put_manifest(outer.bytes(), &outer.media_type(), &["v1"])
            .await,
        &Kind::MANIFEST_INVALID,
    );
    let expected = format!("more than {MAX_PROMOTED_BYTES} bytes in total");
    assert!(error.message().contains(&expected), "{error}");
    for digest in &levels {
        expect_error(
            repository.get_manifest(digest).await,
            &Kind::ManifestUnknown,
        );
    }
}

/// Checks that the registry rejects an index if the tree of blobs below it exceeds the depth limit.
pub async fn rejects_a_tree_that_is_too_deep(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let mut index = IndexFixture::oci();
    for _ in 0..16 {
        repository.push_blob(index.bytes()).await;
        index = IndexFixture::oci().nested_index(&index, None);
    }
    assert_rejects(
        &repository,
        MediaType::OCI_INDEX,
        index.bytes(),
        &Kind::MANIFEST_INVALID,
    )
    .await;
}

/// Checks that an invalid document deep in a tree prevents the promotion of the full tree.
pub async fn nested_rejection_stores_nothing(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let (good, bad) = (image("good"), image("bad"));
    push_as_blobs(&repository, &good).await;
    repository.push_blob(bad.bytes()).await;
    let inner = IndexFixture::oci()
        .image(&good, "linux/amd64")
        .image(&bad, "linux/arm64");
    let error = assert_rejects(
        &repository,
        MediaType::OCI_INDEX,
        inner.bytes(),
        &Kind::CONTENT_MISSING,
    )
    .await;
    assert!(
        rejected_documents(&error)
            .iter()
            .all(|document| *document == json!(bad.digest())),
        "{}",
        error.detail()
    );
    expect_error(
        repository.get_manifest(good.digest()).await,
        &Kind::ManifestUnknown,
    );
    expect_error(
        repository.get_manifest(bad.digest()).await,
        &Kind::ManifestUnknown,
    );
}

/// Checks that a blob with the content of a manifest remains a blob if no descriptor declares it as
/// a child with a known manifest type.
pub async fn promotes_only_declared_manifests(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let hollow = image("hollow").layers(["missing"]);
    let digest = repository.push_blob(hollow.bytes()).await;
    let layer = image("outer").layers([]).field(
        "layers",
        json!([{"mediaType": MediaType::OCI_MANIFEST, "digest": digest, "size": hollow.bytes().len()}]),
    );
    repository.push_image(&layer, &["v1"]).await;
    expect_error(
        repository.get_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
    let unknown = MediaType::new("application/vnd.example.unknown");
    repository
        .push_index(
            &IndexFixture::oci().child_of_type(unknown.as_str(), &hollow.bytes(), None),
            &["v2"],
        )
        .await;
    repository
        .assert_serves(&digest, &digest, &unknown, &hollow.bytes())
        .await;
}
