//! Data folders that somebody changes: parts that are missing or of another store, and folders that
//! are moved while they are in use.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use portolan_files::SystemRuntime;
use portolan_model::Digest;
use portolan_model::fixtures::{blob, image, repository};
use portolan_registry::contract::expect_error;
use portolan_registry::{Context, Kind, Reader, Result, Writer};

use super::{Settings, Store, Subject, reopen, settings, subject};

/// Returns a folder of a store that was closed. It contains an image.
async fn used() -> tempfile::TempDir {
    let Subject { store, folder } = subject().await;
    store.push("a", &image("x"), "v1").await;
    folder
}

async fn open(folder: &tempfile::TempDir) -> Result<Store> {
    Store::open(&settings(folder), Arc::new(SystemRuntime)).await
}

/// Checks that the store cannot be opened, and returns the message.
async fn expect_mismatch(folder: &tempfile::TempDir) -> String {
    let error = open(folder).await.err().expect("the store was opened");
    assert_eq!(*error.kind(), Kind::Denied, "{error}");
    assert!(error.help().is_some());
    error.message().to_owned()
}

fn remove_database(folder: &Path) {
    for name in ["portolan.db", "portolan.db-wal", "portolan.db-shm"] {
        let _ = fs::remove_file(folder.join(name));
    }
}

#[tokio::test]
async fn a_lost_database_is_not_an_empty_registry() {
    let folder = used().await;
    remove_database(folder.path());
    let message = expect_mismatch(&folder).await;
    assert!(message.contains("portolan.db is missing"), "{message}");
    fs::write(folder.path().join("portolan.db"), "").unwrap();
    expect_mismatch(&folder).await;
    fs::remove_file(folder.path().join("store.id")).unwrap();
    expect_mismatch(&folder).await;

    fs::remove_dir_all(folder.path().join("blobs")).unwrap();
    reopen(&folder).await;
}

#[tokio::test]
async fn the_database_of_another_store_is_rejected() {
    let (folder, other) = (used().await, used().await);
    remove_database(folder.path());
    let database = |folder: &tempfile::TempDir| folder.path().join("portolan.db");
    fs::copy(database(&other), database(&folder)).unwrap();
    let message = expect_mismatch(&folder).await;
    assert!(message.contains("belongs to another store"), "{message}");
}

#[tokio::test]
async fn lost_blobs_are_noticed() {
    let folder = used().await;
    fs::remove_dir_all(folder.path().join("blobs")).unwrap();
    for _ in 0..2 {
        let message = expect_mismatch(&folder).await;
        assert!(message.contains("blobs that are not in"), "{message}");
        let _ = fs::remove_file(folder.path().join("store.id"));
    }
}

#[tokio::test]
async fn a_folder_of_an_earlier_version_gets_an_identity() {
    let folder = used().await;
    let file = folder.path().join("store.id");
    let first = || {
        fs::read_to_string(&file)
            .unwrap()
            .lines()
            .next()
            .map(str::to_owned)
    };
    let identity = first();
    fs::remove_file(&file).unwrap();
    drop(reopen(&folder).await);
    assert_eq!(first(), identity);
}

#[tokio::test]
async fn an_older_database_deletes_nothing() {
    let Subject { store, folder } = subject().await;
    let database = folder.path().join("portolan.db");
    let copies = ["old.db", "new.db"].map(|name| folder.path().join(name));
    let copy = |to: &Path| {
        let source = rusqlite::Connection::open(&database).unwrap();
        source.execute("VACUUM INTO ?1", [to.to_str()]).unwrap();
    };
    store.push("a", &image("x"), "v1").await;
    copy(&copies[0]);
    // The ranges of keys in the copy are still in use.
    store.push("a", &image("y"), "v2").await;
    copy(&copies[1]);
    drop(store);
    drop(reopen(&folder).await);
    for copy in copies {
        remove_database(folder.path());
        fs::copy(copy, &database).unwrap();
        for _ in 0..2 {
            let store = reopen(&folder).await;
            assert!(store.parts.is_rolled_back);
            store.sweep_objects().await.unwrap();
        }
    }
    let store = reopen(&folder).await;
    let (context, name) = (Context::anonymous(), repository("a"));
    for blob in image("y").blobs() {
        let digest = Digest::sha256(&blob);
        let read = store.get_blob(&context, &name, &digest, None);
        read.await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_stored_in_a_folder_that_took_the_place_of_the_own_one() {
    let above = tempfile::tempdir().unwrap();
    let (path, moved) = (above.path().join("data"), above.path().join("moved"));
    let open = || {
        let settings = Settings {
            folder: path.clone(),
            ..Settings::default()
        };
        async move {
            Store::open(&settings, Arc::new(SystemRuntime))
                .await
                .unwrap()
        }
    };
    let first = open().await;
    first.push("a", &image("x"), "v1").await;
    first.check_ready().await.unwrap();

    fs::rename(&path, &moved).unwrap();
    let second = open().await;
    let (context, name, content) = (Context::anonymous(), repository("a"), blob("new"));
    let digest = Digest::sha256(&content);
    let put = first.put_blob(&context, &name, &digest, content.clone().into());
    expect_error(put.await, &Kind::Internal);
    let head = second.head_blob(&context, &name, &digest).await;
    expect_error(head, &Kind::BlobUnknown);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    expect_error(first.check_ready().await, &Kind::Internal);
    second.check_ready().await.unwrap();
}
