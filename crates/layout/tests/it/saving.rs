//! Layouts that are opened for copies: `index.json` is written only when they are saved.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use portolan_layout::LayoutRegistry;
use portolan_model::fixtures::{ImageFixture, image};

use crate::place::{entries, index, place};

async fn open(folder: &Path) -> Arc<LayoutRegistry> {
    Arc::new(LayoutRegistry::open_for_copies(folder).await.unwrap())
}

async fn push(registry: &Arc<LayoutRegistry>, image: &ImageFixture, tag: &str) {
    place(registry).push_image(image, &[tag]).await;
}

/// Each write of the file replaces it, so it gets another inode.
fn inode(folder: &Path) -> u64 {
    fs::metadata(folder.join("index.json")).unwrap().ino()
}

fn tags(folder: &Path) -> Vec<String> {
    let entries = entries(&index(folder)).into_iter();
    entries.filter_map(|(_, name)| name).collect()
}

#[tokio::test]
async fn one_save_writes_many_images() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let before = inode(folder.path());
    for number in 100..150 {
        push(&registry, &image(&number.to_string()), &number.to_string()).await;
    }
    assert_eq!(inode(folder.path()), before);
    let digest = place(&registry).resolve_tag("120").await;
    assert_eq!(
        digest,
        Some(image("120").digest()),
        "the writer sees its own changes"
    );

    registry.save().await.unwrap();
    let saved = inode(folder.path());
    assert_ne!(saved, before);
    let expected: Vec<_> = (100..150).map(|number| number.to_string()).collect();
    assert_eq!(tags(folder.path()), expected);
    registry.save().await.unwrap();
    assert_eq!(inode(folder.path()), saved, "nothing has changed");
}

#[tokio::test]
async fn other_processes_see_complete_images_only() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(folder.path()).await;
    let reader = Arc::new(LayoutRegistry::open(folder.path()).await.unwrap());
    push(&writer, &image("a"), "v1").await;
    assert_eq!(place(&reader).resolve_tag("v1").await, None);
    writer.save().await.unwrap();
    let digest = Some(image("a").digest());
    assert_eq!(place(&reader).resolve_tag("v1").await, digest);
}

#[tokio::test]
async fn a_save_preserves_the_changes_of_other_programs() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    push(&registry, &image("a"), "v1").await;
    registry.save().await.unwrap();
    push(&registry, &image("b"), "v2").await;
    let text = fs::read_to_string(folder.path().join("index.json")).unwrap();
    let text = text.replace("\"v1\"", "\"renamed\"");
    fs::write(folder.path().join("index.json"), text).unwrap();
    push(&registry, &image("c"), "v3").await;
    registry.save().await.unwrap();
    assert_eq!(tags(folder.path()), ["renamed", "v2", "v3"]);
}

#[tokio::test]
async fn a_failed_save_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    push(&registry, &image("a"), "v1").await;
    let path = folder.path().join("index.json");
    let empty = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    registry.save().await.unwrap_err();
    fs::remove_dir(&path).unwrap();
    fs::write(&path, empty).unwrap();
    registry.save().await.unwrap();
    assert_eq!(tags(folder.path()), ["v1"]);
}

#[tokio::test]
async fn dropping_the_layout_saves_it() {
    let folder = tempfile::tempdir().unwrap();
    push(&open(folder.path()).await, &image("a"), "v1").await;
    assert_eq!(tags(folder.path()), ["v1"]);
}

#[tokio::test]
async fn a_deletion_saves_earlier_pushes() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    push(&registry, &image("a"), "v1").await;
    push(&registry, &image("b"), "v2").await;
    place(&registry).delete_tag("v1").await.unwrap();
    assert_eq!(tags(folder.path()), ["v2"]);
}
