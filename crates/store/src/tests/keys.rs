//! Tests of the object keys of a full store: restarts, restored copies of the database, and a
//! folder that two processes use.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use portolan_model::Digest;
use portolan_model::fixtures::{blob, repository};
use portolan_registry::{Context, Kind, Reader, Result, Writer};

use super::{Store, reopen, settings, subject};
use crate::runtime::ManualRuntime;

async fn put(store: &Store, content: &'static str) -> Result<Digest> {
    let digest = Digest::sha256(&blob(content));
    let (context, name) = (Context::anonymous(), repository("a"));
    let put = store.put_blob(&context, &name, &digest, blob(content).into());
    put.await.map(|()| digest)
}

async fn read(store: &Store, digest: &Digest) -> bytes::Bytes {
    let (context, name) = (Context::anonymous(), repository("a"));
    let read = store.get_blob(&context, &name, digest, None).await.unwrap();
    read.body.collect(usize::MAX).await.unwrap()
}

fn objects(folder: &Path) -> Vec<String> {
    let folders = fs::read_dir(folder.join("blobs")).unwrap();
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

fn execute(folder: &Path, sql: &str) {
    let database = rusqlite::Connection::open(folder.join("portolan.db")).unwrap();
    database.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn an_older_copy_of_the_database_brings_no_key_back() {
    let subject = subject().await;
    let folder = subject.folder.path();
    put(&subject.store, "before the copy").await.unwrap();
    drop(subject.store);
    fs::copy(folder.join("portolan.db"), folder.join("copy")).unwrap();
    let store = reopen(&subject.folder).await;
    put(&store, "after the copy").await.unwrap();
    drop(store);
    let before = objects(folder);
    fs::copy(folder.join("copy"), folder.join("portolan.db")).unwrap();
    let store = reopen(&subject.folder).await;
    let digest = put(&store, "after the restore").await.unwrap();
    let after = objects(folder);
    assert_eq!(after.len(), 3);
    assert!(before.iter().all(|key| after.contains(key)));
    assert_eq!(read(&store, &digest).await, blob("after the restore"));
}

#[tokio::test]
async fn an_epoch_that_was_drawn_before_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Arc::new(ManualRuntime::new(1_000_000));
    let mut epochs = Vec::new();
    for _ in 0..3 {
        runtime.rewind_random(0);
        let opened = Store::open(&settings(&folder), runtime.clone()).await;
        epochs.push(opened.unwrap().parts.keys.epoch());
    }
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), 3);
}

#[tokio::test]
async fn a_process_whose_epoch_was_closed_stores_nothing() {
    let subject = subject().await;
    let folder = subject.folder.path();
    let kept = put(&subject.store, "kept").await.unwrap();
    // Simulate a second process that does not see the lock.
    execute(folder, "UPDATE key_epochs SET closed_at = 1");
    // This would end the process. In a test, the task panics.
    let error = put(&subject.store, "late").await.unwrap_err();
    assert_eq!(*error.kind(), Kind::Internal);
    drop(subject.store);
    let store = reopen(&subject.folder).await;
    let late = Digest::sha256(&blob("late"));
    let (context, name) = (Context::anonymous(), repository("a"));
    let error = store.head_blob(&context, &name, &late).await.unwrap_err();
    assert_eq!(*error.kind(), Kind::BlobUnknown);
    store.sweep_objects().await.unwrap();
    assert_eq!(objects(folder).len(), 1);
    assert_eq!(read(&store, &kept).await, blob("kept"));
}

#[tokio::test]
async fn ranges_are_released_once_their_keys_are_resolved() {
    let subject = subject().await;
    let keys = &subject.store.parts.keys;
    let database = &subject.store.parts.database;
    for _ in 0..300 {
        let key = keys.next(database).await.unwrap();
        keys.resolve(&key);
    }
    for _ in 0..300 {
        keys.next(database).await.unwrap();
    }
    drop(subject.store);
    let path = subject.folder.path().join("portolan.db");
    let database = rusqlite::Connection::open(path).unwrap();
    let ranges: i64 = database
        .query_row("SELECT count(*) FROM key_ranges", [], |row| row.get(0))
        .unwrap();
    // The first range is complete. The second and the third have keys that nobody has resolved.
    assert_eq!(ranges, 2);
}

#[tokio::test]
async fn swept_objects_are_deleted_and_others_stay() {
    let subject = subject().await;
    let folder = subject.folder.path();
    let digest = put(&subject.store, "kept").await.unwrap();
    let key = subject
        .store
        .parts
        .keys
        .next(&subject.store.parts.database)
        .await
        .unwrap();
    drop(subject.store);
    let orphan = folder.join("blobs").join(key.folder());
    fs::create_dir_all(&orphan).unwrap();
    fs::write(orphan.join(key.to_string()), "a crash left this").unwrap();
    assert_eq!(objects(folder).len(), 2);
    let store = reopen(&subject.folder).await;
    store.sweep_objects().await.unwrap();
    store.sweep_objects().await.unwrap();
    assert_eq!(objects(folder).len(), 1);
    assert_eq!(read(&store, &digest).await, blob("kept"));
}
