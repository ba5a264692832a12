//! States of the disk that are not damage: the content may be there again later.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use bytes::Bytes;
use portolan_model::Digest;
use portolan_model::fixtures::repository;
use portolan_registry::contract::expect_error;
use portolan_registry::{Context, Kind, Writer};

use super::super::Store;
use super::{contents, objects, stored};

/// Requires that every request fails, and that no request marks the blob.
async fn expect_failures(store: &Store, content: &Bytes) {
    let (context, name, digest) = (
        Context::anonymous(),
        repository("a"),
        Digest::sha256(content),
    );
    for _ in 0..2 {
        expect_error(store.get("a", &digest).await, &Kind::Internal);
        expect_error(store.head("b", &digest).await, &Kind::Internal);
        let put = store.put_blob(&context, &name, &digest, content.clone().into());
        expect_error(put.await, &Kind::Internal);
        let target = repository("c");
        let mount = store.mount(&context, &target, &digest, Some(&name));
        expect_error(mount.await, &Kind::Internal);
    }
}

/// Moves a path away, puts something in its place, and requires that the blob is served once the
/// path is back.
async fn require_no_mark(find: fn(&Path) -> &Path, replace: fn(&Path)) {
    for content in contents() {
        let (subject, object) = stored(&content).await;
        let path = find(&object);
        let moved = path.with_extension("moved");
        fs::rename(path, &moved).unwrap();
        replace(path);
        expect_failures(&subject.store, &content).await;
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else if path.is_symlink() {
            fs::remove_file(path).unwrap();
        }
        fs::rename(&moved, path).unwrap();
        subject.store.expect_whole(&content).await;
        assert_eq!(objects(subject.folder.path()), [object]);
    }
}

fn folder(object: &Path) -> &Path {
    object.parent().unwrap()
}

fn root(object: &Path) -> &Path {
    folder(folder(object))
}

#[tokio::test]
async fn a_missing_folder_marks_nothing() {
    require_no_mark(folder, |_| ()).await;
    require_no_mark(root, |_| ()).await;
}

/// The folder is empty below the mount point of a disk that is not mounted.
#[tokio::test]
async fn an_empty_root_marks_nothing() {
    require_no_mark(root, |path| fs::create_dir(path).unwrap()).await;
}

#[tokio::test]
async fn another_data_folder_marks_nothing() {
    let replace = |path: &Path| {
        for number in 0..=255 {
            fs::create_dir_all(path.join(format!("blobs/{number:02x}"))).unwrap();
        }
    };
    require_no_mark(|object| folder(root(object)), replace).await;
}

/// Opening a link to itself fails with ELOOP.
#[tokio::test]
async fn a_file_that_cannot_be_opened_marks_nothing() {
    require_no_mark(|object| object, |path| symlink(path, path).unwrap()).await;
}
