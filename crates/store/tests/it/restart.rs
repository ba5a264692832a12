//! What is there after the process has ended in whatever way and another one opens the folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use portolan_model::fixtures::{blob, image, repository, sha512, tag};
use portolan_model::{Algorithm, Digest};
use portolan_registry::{Context, Error, Kind, PutManifest, Reader, TagUpdate, Writer};
use portolan_store::{Settings, Sqlite, Store};

async fn open(folder: &Path) -> Store<Sqlite> {
    try_open(folder).await.unwrap()
}

async fn try_open(folder: &Path) -> Result<Store<Sqlite>, Error> {
    Store::open(&Settings {
        folder: folder.to_owned(),
        upload_expiry: Duration::ZERO,
    })
    .await
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found
}

async fn read(store: &Store<Sqlite>, digest: &Digest) -> Result<Bytes, Error> {
    let read = store
        .get_blob(&Context::anonymous(), &repository("a"), digest, None)
        .await?;
    read.body.collect(usize::MAX).await
}

#[tokio::test]
async fn content_tags_and_sessions_survive() {
    let folder = tempfile::tempdir().unwrap();
    let (context, name, image) = (Context::anonymous(), repository("a"), image("x"));
    let store = open(folder.path()).await;
    for content in image.blobs() {
        store
            .put_blob(&context, &name, &Digest::sha256(&content), content.into())
            .await
            .unwrap();
    }
    let options = PutManifest {
        tags: vec![TagUpdate::always(tag("v1"))],
        ..PutManifest::default()
    };
    store
        .put_manifest(&context, &name, image.bytes(), options)
        .await
        .unwrap();
    let started = store
        .start_upload(&context, &name, &Algorithm::Sha256)
        .await
        .unwrap();
    let half = store
        .write_upload(
            &context,
            &name,
            &started.id,
            None,
            Bytes::from("half").into(),
        )
        .await
        .unwrap();
    drop(store);

    let store = open(folder.path()).await;
    let manifest = store
        .get_manifest(&context, &name, &tag("v1").into())
        .await
        .unwrap();
    assert_eq!(
        manifest.body.collect(usize::MAX).await.unwrap(),
        image.bytes()
    );
    assert_eq!(
        store
            .upload_status(&context, &name, &half.id)
            .await
            .unwrap()
            .offset,
        4
    );
    let whole = Digest::sha256(b"half and half");
    let rest = Bytes::from(" and half").into();
    store
        .finish_upload(&context, &name, &half.id, Some(4), rest, &whole)
        .await
        .unwrap();
    assert_eq!(read(&store, &whole).await.unwrap(), "half and half");
    assert!(files(&folder.path().join("uploads")).is_empty());
}

#[tokio::test]
async fn a_session_of_another_algorithm_is_hashed_again() {
    let folder = tempfile::tempdir().unwrap();
    let (context, name, content) = (Context::anonymous(), repository("a"), blob("x"));
    let store = open(folder.path()).await;
    let started = store
        .start_upload(&context, &name, &Algorithm::Sha256)
        .await
        .unwrap();
    store
        .write_upload(&context, &name, &started.id, None, content.clone().into())
        .await
        .unwrap();
    drop(store);
    let store = open(folder.path()).await;
    let digest = sha512(&content);
    store
        .finish_upload(
            &context,
            &name,
            &started.id,
            None,
            Bytes::new().into(),
            &digest,
        )
        .await
        .unwrap();
    assert_eq!(read(&store, &digest).await.unwrap(), content);
}

#[tokio::test]
async fn what_no_session_owns_is_removed_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (context, name) = (Context::anonymous(), repository("a"));
    let store = open(folder.path()).await;
    let kept = store
        .start_upload(&context, &name, &Algorithm::Sha256)
        .await
        .unwrap();
    drop(store);
    let uploads = folder.path().join("uploads");
    fs::write(
        uploads.join("0123456789abcdef0123456789abcdef"),
        "no sidecar",
    )
    .unwrap();
    fs::write(
        uploads.join("00000000000000000000000000000000"),
        "torn sidecar",
    )
    .unwrap();
    fs::write(
        uploads.join("00000000000000000000000000000000.json"),
        "{\"reposi",
    )
    .unwrap();
    let store = open(folder.path()).await;
    assert_eq!(files(&uploads).len(), 2);
    assert!(store.upload_status(&context, &name, &kept.id).await.is_ok());
}

#[tokio::test]
async fn objects_without_a_blob_are_removed_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let content = blob("x");
    let digest = Digest::sha256(&content);
    store
        .put_blob(
            &Context::anonymous(),
            &repository("a"),
            &digest,
            content.clone().into(),
        )
        .await
        .unwrap();
    drop(store);
    let blobs = folder.path().join("blobs");
    // A crash between the rename and the commit leaves an object under a reserved key.
    let reserved: String = rusqlite::Connection::open(folder.path().join("portolan.db"))
        .unwrap()
        .query_row("SELECT object_key FROM doomed_objects LIMIT 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    let shard = blobs.join(&reserved[..2]);
    fs::create_dir_all(&shard).unwrap();
    fs::write(shard.join(&reserved), "orphan").unwrap();
    assert_eq!(files(&blobs).len(), 2);
    let store = open(folder.path()).await;
    assert_eq!(files(&blobs).len(), 1);
    assert_eq!(read(&store, &digest).await.unwrap(), content);
}

#[tokio::test]
async fn the_same_content_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let (context, content) = (Context::anonymous(), blob("x"));
    let digest = Digest::sha256(&content);
    let names = ["a", "b", "c", "d"].map(repository);
    let puts = names
        .iter()
        .map(|name| store.put_blob(&context, name, &digest, content.clone().into()));
    for put in futures_util::future::join_all(puts).await {
        put.unwrap();
    }
    assert_eq!(files(&folder.path().join("blobs")).len(), 1);
    assert!(files(&folder.path().join("uploads")).is_empty());
}

#[tokio::test]
async fn what_cannot_be_put_in_place_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (context, name, content) = (Context::anonymous(), repository("a"), blob("x"));
    let digest = Digest::sha256(&content);
    let store = open(folder.path()).await;
    fs::remove_dir_all(folder.path().join("blobs")).unwrap();
    fs::write(folder.path().join("blobs"), "no folder").unwrap();
    let put = store.put_blob(&context, &name, &digest, content.into());
    assert_eq!(*put.await.unwrap_err().kind(), Kind::Internal);
    assert!(files(&folder.path().join("uploads")).is_empty());
}

#[tokio::test]
async fn a_session_is_cancelled_even_if_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (context, name) = (Context::anonymous(), repository("a"));
    let store = open(folder.path()).await;
    let started = store
        .start_upload(&context, &name, &Algorithm::Sha256)
        .await
        .unwrap();
    assert!(
        store
            .cancel_upload(&context, &name, &started.id)
            .now_or_never()
            .is_none()
    );
    let cancelled = async {
        while !files(&folder.path().join("uploads")).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), cancelled)
        .await
        .unwrap();
}

#[tokio::test]
async fn idle_sessions_expire() {
    let folder = tempfile::tempdir().unwrap();
    let (context, name) = (Context::anonymous(), repository("a"));
    let store = open(folder.path()).await;
    let known = store
        .start_upload(&context, &name, &Algorithm::Sha256)
        .await
        .unwrap();
    drop(store);
    let store = open(folder.path()).await;
    let fresh = store
        .start_upload(&context, &name, &Algorithm::Sha256)
        .await
        .unwrap();
    assert_eq!(store.expire_uploads().await.unwrap(), 2);
    for id in [known.id, fresh.id] {
        let error = store.upload_status(&context, &name, &id).await.unwrap_err();
        assert_eq!(*error.kind(), Kind::UploadUnknown);
    }
    assert!(files(&folder.path().join("uploads")).is_empty());
}

#[tokio::test]
async fn a_folder_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.announce(([127, 0, 0, 1], 5000).into()).unwrap();
    let error = try_open(folder.path()).await.err().unwrap();
    assert!(
        error
            .message()
            .contains("in use by another portolan at http://127.0.0.1:5000"),
        "{error}"
    );
    drop(store);
    assert!(try_open(folder.path()).await.is_ok());
}
