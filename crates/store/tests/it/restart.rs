//! State of a store after a process has ended, in any way, and another one has opened its folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use portolan_model::fixtures::{blob, image, repository, sha512, tag};
use portolan_model::{Algorithm, Digest};
use portolan_registry::{
    AllowAll, Caller, Context, Error, Kind, PutManifest, Reader, TagUpdate, UploadId, Uploads,
    Writer,
};
use portolan_store::{Settings, Store, SystemRuntime, UploadSettings};

async fn open(folder: &Path) -> Store {
    try_open(folder).await.unwrap()
}

async fn try_open(folder: &Path) -> Result<Store, Error> {
    let settings = Settings {
        folder: folder.to_owned(),
        uploads: UploadSettings {
            expire: Duration::ZERO,
            ..UploadSettings::default()
        },
        ..Settings::default()
    };
    Store::open(&settings, Arc::new(SystemRuntime)).await
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Opens a session in the repository `a` and appends some bytes.
async fn started(store: &Store, content: &'static str) -> UploadId {
    let (context, name) = (Context::anonymous(), repository("a"));
    let upload = store
        .open_upload(&context, &name, &Algorithm::Sha256)
        .await
        .unwrap();
    let body = Bytes::from(content).into();
    let written = store.append_upload(&context, &name, &upload.id, Some(0), body);
    written.await.unwrap().id
}

async fn read(store: &Store, digest: &Digest) -> Result<Bytes, Error> {
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
        tags: vec![TagUpdate::unconditional(tag("v1"))],
        ..PutManifest::default()
    };
    store
        .put_manifest(&context, &name, image.bytes(), options)
        .await
        .unwrap();
    let started = store
        .open_upload(&context, &name, &Algorithm::Sha256)
        .await
        .unwrap();
    let half = store
        .append_upload(
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
        .open_upload(&context, &name, &Algorithm::Sha256)
        .await
        .unwrap();
    store
        .append_upload(&context, &name, &started.id, None, content.clone().into())
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
async fn a_session_answers_only_under_its_repository_and_to_its_caller() {
    let folder = tempfile::tempdir().unwrap();
    let (context, name) = (Context::anonymous(), repository("a"));
    let somebody = Caller::Named("somebody".into());
    let somebody = Context::new(somebody, Arc::new(AllowAll));
    let mut store = open(folder.path()).await;
    let session = started(&store, "half").await;
    for _ in 0..2 {
        for (context, name) in [(&context, repository("b")), (&somebody, name.clone())] {
            let error = store.upload_status(context, &name, &session).await;
            assert_eq!(*error.unwrap_err().kind(), Kind::UploadUnknown);
        }
        let upload = store.upload_status(&context, &name, &session).await;
        assert_eq!(upload.unwrap().offset, 4);
        drop(store);
        store = open(folder.path()).await;
    }
}

#[tokio::test]
async fn strays_do_not_prevent_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (context, name) = (Context::anonymous(), repository("a"));
    let store = open(folder.path()).await;
    let session = started(&store, "half").await;
    drop(store);
    let uploads = folder.path().join("uploads");
    fs::create_dir(uploads.join("a folder")).unwrap();
    fs::write(uploads.join("a file"), "stray").unwrap();
    fs::write(uploads.join("a folder/a file"), "stray").unwrap();
    // A file that is left if a process is killed while it receives content in one call.
    let shard = uploads.join("0");
    fs::create_dir_all(&shard).unwrap();
    fs::write(shard.join("part-0123456789abcdef-0"), "cut off").unwrap();

    let store = open(folder.path()).await;
    let upload = store.upload_status(&context, &name, &session).await;
    assert_eq!(upload.unwrap().offset, 4);
    assert_eq!(store.expire_uploads().await.unwrap(), 1);
    let mut left = files(&uploads);
    left.sort_unstable();
    assert_eq!(
        left,
        [uploads.join("a file"), uploads.join("a folder/a file")]
    );
}

#[tokio::test]
async fn files_and_folders_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let store = open(&data).await;
    started(&store, "half").await;
    let digest = Digest::sha256(b"x");
    let (context, name) = (Context::anonymous(), repository("a"));
    store
        .put_blob(&context, &name, &digest, Bytes::from("x").into())
        .await
        .unwrap();
    store.announce(([127, 0, 0, 1], 5000).into()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for path in [&data, &data.join("uploads"), &data.join("blobs")] {
        assert_eq!(mode(path), 0o700, "{}", path.display());
    }
    let files = files(&data);
    let own = [
        "uploads.key",
        "address",
        "portolan.db",
        "portolan.db-wal",
        "portolan.db-shm",
    ];
    for name in own {
        assert!(files.contains(&data.join(name)), "{name}");
    }
    for path in &files {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
}

/// Waits until a folder has only `count` files, because background jobs delete the others.
async fn settle(folder: &Path, count: usize) {
    let settled = async {
        while files(folder).len() != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), settled)
        .await
        .unwrap();
}

#[tokio::test]
async fn objects_without_a_blob_are_removed_after_the_start() {
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
    // A crash between the rename and the commit leaves an object under the next key of the range.
    let stored = files(&blobs).pop().unwrap();
    let name = stored.file_name().unwrap().to_str().unwrap();
    let next = format!("{:032x}", u128::from_str_radix(name, 16).unwrap() + 1);
    let folder_of_next = blobs.join(&next[30..]);
    fs::create_dir_all(&folder_of_next).unwrap();
    fs::write(folder_of_next.join(&next), "orphan").unwrap();
    assert_eq!(files(&blobs).len(), 2);
    let store = open(folder.path()).await;
    let jobs = store.start_jobs();
    settle(&blobs, 1).await;
    assert_eq!(read(&store, &digest).await.unwrap(), content);
    jobs.stop().await;
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
    let session = started(&store, "half").await;
    assert_eq!(files(&folder.path().join("uploads")).len(), 1);
    assert!(
        store
            .cancel_upload(&context, &name, &session)
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
    let known = started(&store, "half").await;
    drop(store);
    let store = open(folder.path()).await;
    let fresh = started(&store, "half").await;
    assert_eq!(store.expire_uploads().await.unwrap(), 2);
    for id in [known, fresh] {
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
    // Users remove files that look like a left-over lock. This must not unlock the folder.
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().contains("portolan.db") && path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    let error = try_open(folder.path()).await.err().unwrap();
    assert!(error.message().ends_with("in use by another portolan"));
    drop(store);
    assert!(try_open(folder.path()).await.is_ok());
}
