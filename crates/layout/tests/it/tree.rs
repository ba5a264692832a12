//! Trees of layouts: each repository is a folder that other tools can read as a layout.

use std::sync::Arc;

use portolan_layout::{LayoutRegistry, LayoutTree};
use portolan_model::fixtures::image;
use portolan_registry::contract::{TestRepository, expect_error, test_admission};
use portolan_registry::{Kind, LocalRegistry, Registry};

use crate::place::place;

#[tokio::test]
async fn a_repository_is_the_layout_in_its_subfolder() {
    let folder = tempfile::tempdir().unwrap();
    let tree: Arc<dyn Registry> = Arc::new(LayoutTree::tree_for_writing(folder.path()));
    let digest = TestRepository::new(&tree, "team/app")
        .push_image(&image("a"), &["v1"])
        .await;
    let single = Arc::new(
        LayoutRegistry::open(folder.path().join("team/app"))
            .await
            .unwrap(),
    );
    assert_eq!(place(&single).resolve_tag("v1").await, Some(digest.clone()));
    let reader: Arc<dyn Registry> = Arc::new(LayoutTree::tree(folder.path()));
    assert_eq!(
        TestRepository::new(&reader, "team/app")
            .resolve_tag("v1")
            .await,
        Some(digest)
    );
    let image = image("a");
    let put = TestRepository::new(&reader, "team/new")
        .put_manifest(image.bytes(), &image.media_type(), &["v1"])
        .await;
    expect_error(put, &Kind::Unsupported);
}

#[tokio::test]
async fn rejects_names_that_collide_with_the_files_of_a_layout() {
    let folder = tempfile::tempdir().unwrap();
    let tree = LayoutTree::tree_for_writing(folder.path()).handle(test_admission());
    let image = image("a").layers([]);
    let put = async |name: &str| {
        let repository = TestRepository::new(&tree, &format!("sparse/{name}"));
        repository
            .put_manifest(image.bytes(), &image.media_type(), &["v1"])
            .await
    };
    put("a").await.unwrap();
    put("b/blobs").await.unwrap();
    for name in [
        "a/blobs",
        "a/blobs/sha256",
        "a/index.json",
        "a/oci-layout",
        "b",
    ] {
        let error = expect_error(put(name).await, &Kind::Unsupported);
        assert!(error.message().contains("use another name"), "{error}");
        let repository = TestRepository::new(&tree, &format!("sparse/{name}"));
        expect_error(repository.get_manifest("v1").await, &Kind::ManifestUnknown);
    }
}

#[tokio::test]
async fn a_layout_is_locked_by_its_first_write() {
    let folder = tempfile::tempdir().unwrap();
    let one: Arc<dyn Registry> = Arc::new(LayoutTree::tree_for_writing(folder.path()));
    let other: Arc<dyn Registry> = Arc::new(LayoutTree::tree_for_writing(folder.path()));
    TestRepository::new(&one, "a")
        .push_image(&image("a"), &["v1"])
        .await;
    TestRepository::new(&other, "b")
        .push_image(&image("b"), &["v1"])
        .await;
    let image = image("a");
    let put = TestRepository::new(&other, "a")
        .put_manifest(image.bytes(), &image.media_type(), &["v2"])
        .await;
    expect_error(put, &Kind::Denied);
    drop(one);
    TestRepository::new(&other, "a")
        .put_manifest(image.bytes(), &image.media_type(), &["v2"])
        .await
        .unwrap();
}
