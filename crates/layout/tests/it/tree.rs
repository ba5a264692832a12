//! A tree of layouts: each repository is a folder that any tool reads by itself.

use std::sync::Arc;

use portolan_layout::{LayoutRegistry, LayoutTree};
use portolan_model::fixtures::image;
use portolan_registry::contract::{Repository, refused};
use portolan_registry::{Kind, Registry};

use crate::place::place;

#[tokio::test]
async fn a_repository_is_the_layout_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let tree: Arc<dyn Registry> = Arc::new(LayoutTree::tree_for_writing(folder.path()));
    let digest = Repository::of(&tree, "team/app")
        .image(&image("a"), &["v1"])
        .await;
    let single = Arc::new(
        LayoutRegistry::open(folder.path().join("team/app"))
            .await
            .unwrap(),
    );
    assert_eq!(place(&single).tagged("v1").await, Some(digest.clone()));
    let reader: Arc<dyn Registry> = Arc::new(LayoutTree::tree(folder.path()));
    assert_eq!(
        Repository::of(&reader, "team/app").tagged("v1").await,
        Some(digest)
    );
    let image = image("a");
    let put = Repository::of(&reader, "team/new")
        .put(image.bytes(), &image.media_type(), &["v1"])
        .await;
    refused(put, &Kind::Unsupported);
}

#[tokio::test]
async fn a_name_is_refused_whose_folder_is_another_layouts() {
    let folder = tempfile::tempdir().unwrap();
    let tree: Arc<dyn Registry> = Arc::new(LayoutTree::tree_for_writing(folder.path()));
    let image = image("a").layers([]);
    let put = async |name: &str| {
        let repository = Repository::of(&tree, &format!("sparse/{name}"));
        repository
            .put(image.bytes(), &image.media_type(), &["v1"])
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
        let error = refused(put(name).await, &Kind::Unsupported);
        assert!(error.message().contains("use another name"), "{error}");
        let repository = Repository::of(&tree, &format!("sparse/{name}"));
        refused(repository.get("v1").await, &Kind::ManifestUnknown);
    }
}

#[tokio::test]
async fn a_layout_is_locked_while_something_comes_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let one: Arc<dyn Registry> = Arc::new(LayoutTree::tree_for_writing(folder.path()));
    let other: Arc<dyn Registry> = Arc::new(LayoutTree::tree_for_writing(folder.path()));
    Repository::of(&one, "a").image(&image("a"), &["v1"]).await;
    Repository::of(&other, "b")
        .image(&image("b"), &["v1"])
        .await;
    let image = image("a");
    let put = Repository::of(&other, "a")
        .put(image.bytes(), &image.media_type(), &["v2"])
        .await;
    refused(put, &Kind::Denied);
    drop(one);
    Repository::of(&other, "a")
        .put(image.bytes(), &image.media_type(), &["v2"])
        .await
        .unwrap();
}
