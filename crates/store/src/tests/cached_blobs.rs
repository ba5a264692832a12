//! Blobs in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use portolan_model::Digest;
use portolan_model::fixtures::{blob, repository};
use portolan_registry::{Context, Reader, Writer};

use super::{Subject, subject};

impl Subject {
    async fn read(&self, digest: &Digest) -> Bytes {
        let (context, name) = (Context::anonymous(), repository("a"));
        let read = self.store.get_blob(&context, &name, digest, None).await;
        read.unwrap().body.collect(1 << 20).await.unwrap()
    }
}

fn only_entry(folder: &Path) -> PathBuf {
    fs::read_dir(folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
}

#[tokio::test]
async fn a_small_blob_is_read_once() {
    let subject = subject().await;
    let (context, name, content) = (Context::anonymous(), repository("a"), blob("x"));
    let digest = Digest::sha256(&content);
    let put = subject
        .store
        .put_blob(&context, &name, &digest, content.clone().into());
    put.await.unwrap();
    let object = only_entry(&only_entry(&subject.folder.path().join("blobs")));
    let damaged = vec![0; content.len()];
    // The blob is cached by the first read.
    assert_eq!(subject.read(&digest).await, content);
    fs::write(&object, &damaged).unwrap();
    assert_eq!(subject.read(&digest).await, content);
}
