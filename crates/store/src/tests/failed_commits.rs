//! Uploads whose content is complete, but cannot be stored: their sessions continue.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use portolan_model::fixtures::repository;
use portolan_model::{Algorithm, Digest};
use portolan_registry::contract::expect_error;
use portolan_registry::{Body, Context, Kind, Reader, Result, UploadId, Uploads};

use super::{Store, reopen, subject};

const CONTENT: &str = "0123456789";

fn execute(folder: &Path, sql: &str) {
    let database = rusqlite::Connection::open(folder.join("portolan.db")).unwrap();
    database.execute_batch(sql).unwrap();
}

/// Makes every insertion into these tables fail.
fn reject_rows(folder: &Path, tables: &[&str]) {
    for table in tables {
        let trigger = format!(
            "CREATE TRIGGER reject_{table} BEFORE INSERT ON {table}
             BEGIN SELECT RAISE(ABORT, 'rejected'); END"
        );
        execute(folder, &trigger);
    }
}

fn accept_rows(folder: &Path, tables: &[&str]) {
    for table in tables {
        execute(folder, &format!("DROP TRIGGER reject_{table}"));
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(folder).unwrap();
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

/// Opens a session with the beginning of the content.
async fn begin(store: &Store) -> UploadId {
    let (context, name) = (Context::anonymous(), repository("a"));
    let opened = store.open_upload(&context, &name, &Algorithm::Sha256).await;
    let id = opened.unwrap().id;
    let begin = Bytes::from(&CONTENT[..4]).into();
    let appended = store.append_upload(&context, &name, &id, None, begin);
    appended.await.unwrap().id
}

async fn finish(store: &Store, id: &UploadId, rest: &'static str) -> Result<()> {
    let (context, name) = (Context::anonymous(), repository("a"));
    let (rest, digest) = (Bytes::from(rest), Digest::sha256(CONTENT.as_bytes()));
    let rest: Body = rest.into();
    store
        .finish_upload(&context, &name, id, None, rest, &digest)
        .await
}

async fn offset(store: &Store, id: &UploadId) -> Result<u64> {
    let (context, name) = (Context::anonymous(), repository("a"));
    let upload = store.upload_status(&context, &name, id).await?;
    Ok(upload.offset)
}

async fn expect_content(store: &Store, folder: &Path) {
    let digest = Digest::sha256(CONTENT.as_bytes());
    let (context, name) = (Context::anonymous(), repository("a"));
    let read = store.get_blob(&context, &name, &digest, None).await;
    let content = read.unwrap().body.collect(usize::MAX).await;
    assert_eq!(content.unwrap(), CONTENT);
    assert_eq!(files(&folder.join("uploads")), Vec::<PathBuf>::new());
    store.sweep_objects().await.unwrap();
    assert_eq!(files(&folder.join("blobs")).len(), 1);
}

#[tokio::test]
async fn the_session_continues_if_the_database_rejects_the_blob() {
    for tables in [&["blobs"][..], &["blobs", "unreferenced_objects"]] {
        for restarts in [false, true] {
            let subject = subject().await;
            let folder = subject.folder.path();
            let id = begin(&subject.store).await;
            reject_rows(folder, tables);
            let finished = finish(&subject.store, &id, &CONTENT[4..]).await;
            expect_error(finished, &Kind::Internal);
            assert_eq!(files(&folder.join("blobs")), Vec::<PathBuf>::new());
            accept_rows(folder, tables);
            let mut store = subject.store;
            if restarts {
                drop(store);
                store = reopen(&subject.folder).await;
            }
            assert_eq!(offset(&store, &id).await.unwrap(), 10);
            finish(&store, &id, "").await.unwrap();
            expect_error(offset(&store, &id).await, &Kind::UploadUnknown);
            expect_content(&store, folder).await;
        }
    }
}

#[tokio::test]
async fn the_session_continues_if_the_object_cannot_be_stored() {
    let subject = subject().await;
    let (store, folder) = (&subject.store, subject.folder.path());
    let id = begin(store).await;
    let blobs = folder.join("blobs");
    fs::remove_dir_all(&blobs).unwrap();
    fs::write(&blobs, "no folder").unwrap();
    let finished = finish(store, &id, &CONTENT[4..]).await;
    expect_error(finished, &Kind::Internal);
    assert_eq!(offset(store, &id).await.unwrap(), 10);
    fs::remove_file(&blobs).unwrap();
    fs::create_dir(&blobs).unwrap();
    // The client sends the last request again.
    finish(store, &id, &CONTENT[4..]).await.unwrap();
    expect_content(store, folder).await;
}
