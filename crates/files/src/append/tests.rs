//! Tests of content that is being written: full disks, damaged files, and files of an earlier
//! process.

use std::fs::{self, File};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use portolan_model::fixtures::sha512;
use portolan_model::{Algorithm, Digest};
use portolan_registry::contract::{expect_error, incomplete_body};
use portolan_registry::{Body, Kind};

use super::early_sync::INTERVAL;
use super::*;
use crate::durable::OnFailedSync;

fn new_file(path: &std::path::Path) -> OpenFile {
    let path = path.to_owned();
    Arc::new(move || {
        Ok(File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap())
    })
}

fn existing(path: &std::path::Path) -> OpenFile {
    let path = path.to_owned();
    Arc::new(move || Ok(File::options().read(true).write(true).open(&path).unwrap()))
}

#[tokio::test]
async fn no_file_exists_before_the_first_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let incoming = Incoming::create_on_write(new_file(&path), &Algorithm::Sha256);
    let empty = Body::from_stream(stream::iter([Ok(Bytes::new()), Ok(Bytes::new())]));
    let (incoming, appended) = incoming.append(empty).await;
    appended.unwrap();
    assert!(!path.exists());
    let (incoming, appended) = incoming.unwrap().append(Bytes::from("01").into()).await;
    appended.unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"01");
    incoming.unwrap().complete(&Digest::sha256(b"01")).unwrap();
}

#[tokio::test]
async fn content_without_bytes_gets_its_file_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let mut incoming = Incoming::create_on_write(new_file(&path), &Algorithm::Sha256);
    incoming.complete(&Digest::sha256(b"")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[tokio::test]
async fn bytes_before_an_error_count() {
    let file = Arc::new(tempfile::tempfile().unwrap());
    let incoming = Incoming::new(file, 0, &Algorithm::Sha256);
    let (incoming, appended) = incoming.append(incomplete_body(b"0123")).await;
    expect_error(appended, &Kind::BodyIncomplete);
    let (incoming, appended) = incoming.unwrap().append(Bytes::from("45").into()).await;
    appended.unwrap();
    let mut incoming = incoming.unwrap();
    assert_eq!(incoming.length(), 6);
    incoming.complete(&Digest::sha256(b"012345")).unwrap();
    incoming.complete(&sha512(b"012345")).unwrap();
    expect_error(
        incoming.complete(&Digest::sha256(b"other")).map(drop),
        &Kind::DigestInvalid,
    );
}

#[tokio::test]
async fn a_full_disk_is_reported_as_such() {
    let full = File::options()
        .read(true)
        .write(true)
        .open("/dev/full")
        .unwrap();
    let incoming = Incoming::new(Arc::new(full), 0, &Algorithm::Sha256);
    let (incoming, appended) = incoming.append(Bytes::from("x").into()).await;
    expect_error(appended, &Kind::StorageFull);
    assert_eq!(incoming.unwrap().length(), 0, "nothing of it counts");
}

#[tokio::test]
async fn completing_content_leaves_the_rest_of_its_file() {
    let file = Arc::new(tempfile::tempfile().unwrap());
    let first = Incoming::new(Arc::clone(&file), 0, &Algorithm::Sha256);
    let (first, appended) = first.append(Bytes::from("first").into()).await;
    appended.unwrap();
    std::os::unix::fs::FileExt::write_all_at(&*file, b"second", 5).unwrap();
    first.unwrap().complete(&Digest::sha256(b"first")).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 11);
}

#[tokio::test]
async fn large_content_arrives_in_order() {
    let content: Vec<u8> = (0..5_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let frames: Vec<_> = content
        .chunks(70_001)
        .map(|frame| Ok(Bytes::copy_from_slice(frame)))
        .collect();
    let file = Arc::new(tempfile::tempfile().unwrap());
    let incoming = Incoming::new(file, 0, &Algorithm::Sha256);
    let (incoming, appended) = incoming
        .append(Body::from_stream(stream::iter(frames)))
        .await;
    appended.unwrap();
    let mut incoming = incoming.unwrap();
    incoming.complete(&Digest::sha256(&content)).unwrap();
    let mut copy = incoming.copy_to(tempfile::tempfile().unwrap()).unwrap();
    copy.complete(&sha512(&content)).unwrap();
}

#[tokio::test]
async fn the_hash_of_an_earlier_process_is_rebuilt_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs::write(&path, "0123").unwrap();
    let incoming = Incoming::resume(existing(&path), 4, &Algorithm::Sha256);
    let (incoming, appended) = incoming.append(Bytes::from("45").into()).await;
    appended.unwrap();
    let mut incoming = incoming.unwrap();
    assert_eq!(incoming.digest(), Some(Digest::sha256(b"012345")));
    incoming.complete(&Digest::sha256(b"012345")).unwrap();
}

#[tokio::test]
async fn the_file_ends_where_the_content_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs::write(&path, "0123 left by a failed write").unwrap();
    let mut incoming = Incoming::resume(existing(&path), 4, &Algorithm::Sha256);
    incoming.complete(&Digest::sha256(b"0123")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"0123");
    fs::write(&path, "01").unwrap();
    expect_error(
        incoming.complete(&Digest::sha256(b"0123")).map(drop),
        &Kind::Internal,
    );
}

#[tokio::test]
async fn large_content_is_synced_while_it_arrives() {
    let file = Arc::new(tempfile::tempfile().unwrap());
    let durability = Arc::new(Durability::new(OnFailedSync::ReturnError));
    let incoming = Incoming::new(file, 0, &Algorithm::Sha256);
    let (incoming, appended) = incoming.append_and_sync(mebibytes(31), &durability).await;
    appended.unwrap();
    let incoming = incoming.unwrap();
    assert_eq!(incoming.synced, 0);
    // The bytes of earlier calls count, too.
    let (incoming, appended) = incoming.append_and_sync(mebibytes(40), &durability).await;
    appended.unwrap();
    let synced = incoming.unwrap().synced;
    assert!((INTERVAL..=71 << 20).contains(&synced), "{synced}");
}

#[tokio::test]
async fn a_failed_early_sync_ends_the_upload() {
    // A character device that accepts every write, but no sync.
    let null = Arc::new(
        File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .unwrap(),
    );
    let durability = Arc::new(Durability::new(OnFailedSync::ReturnError));
    let incoming = Incoming::new(null, 0, &Algorithm::Sha256);
    let (_, appended) = incoming.append_and_sync(mebibytes(33), &durability).await;
    assert_eq!(*appended.unwrap_err().kind(), Kind::Internal);
    let file = tempfile::tempfile().unwrap();
    let later = durability.sync_data(&file, std::path::Path::new("x"));
    assert!(later.is_err(), "nothing more is written");
}

/// Returns a body of `count` MiB.
fn mebibytes(count: usize) -> Body {
    let piece = Bytes::from(vec![7; 1 << 20]);
    Body::from_stream(stream::iter((0..count).map(move |_| Ok(piece.clone()))))
}
