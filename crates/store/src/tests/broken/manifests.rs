//! Manifests that reference broken blobs, and broken blobs that are served as manifests.

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use portolan_model::Digest;
use portolan_model::fixtures::{IndexFixture, image, repository};
use portolan_registry::contract::expect_error;
use portolan_registry::{
    Context, Deleter, Deletion, Error, Kind, Policy, Preset, PutManifest, PutOutcome, Reader,
    Result, Writer,
};

use super::super::{Store, subject};
use super::{Damage, VISIBLE, object};

async fn put_manifest(store: &Store, bytes: Bytes) -> Result<PutOutcome> {
    let (context, name) = (Context::anonymous(), repository("a"));
    let options = PutManifest::default();
    store.put_manifest(&context, &name, bytes, options).await
}

fn is_missing_content(error: &Error) -> bool {
    matches!(error.kind(), Kind::ContentMissing { .. })
}

#[tokio::test]
async fn a_manifest_cannot_reference_a_broken_blob() {
    let (subject, image) = (subject().await, image("x"));
    let store = &subject.store;
    for blob in image.blobs() {
        store.put("a", &blob).await;
    }
    let config = &image.blobs()[0];
    let object = object(subject.folder.path(), config);
    fs::remove_file(&object).unwrap();
    let head = store.head("a", &Digest::sha256(config)).await;
    expect_error(head, &Kind::BlobUnknown);
    fs::write(&object, config).unwrap();
    let error = put_manifest(store, image.bytes()).await.unwrap_err();
    assert!(is_missing_content(&error), "{error}");
    store.put("b", config).await;
    put_manifest(store, image.bytes()).await.unwrap();
}

#[tokio::test]
async fn a_manifest_that_was_stored_without_a_broken_blob_holds_it() {
    let (subject, image) = (subject().await, image("x"));
    for blob in image.blobs() {
        subject.store.put("a", &blob).await;
    }
    let config = &image.blobs()[0];
    let digest = Digest::sha256(config);
    fs::remove_file(object(subject.folder.path(), config)).unwrap();
    expect_error(subject.store.head("a", &digest).await, &Kind::BlobUnknown);
    let sparse = Store {
        admission: Arc::new(Policy::from(Preset::Sparse)),
        ..subject.store.clone()
    };
    put_manifest(&sparse, image.bytes()).await.unwrap();
    subject.store.put("b", config).await;
    let (context, name) = (Context::anonymous(), repository("a"));
    let store = &subject.store;
    let deleted = store.delete_blob(&context, &name, &digest, Deletion::Guarded);
    let error = deleted.await.unwrap_err();
    assert!(error.detail().to_string().contains("/config"), "{error:?}");
}

/// A child that was pushed as a blob is read when its index is pushed.
#[tokio::test]
async fn a_push_of_an_index_marks_a_broken_child() {
    for damage in VISIBLE.into_iter().chain([Damage::Flipped]) {
        let (subject, child) = (subject().await, image("x"));
        let store = &subject.store;
        for blob in child.blobs().iter().chain([&child.bytes()]) {
            store.put("a", blob).await;
        }
        let object = object(subject.folder.path(), &child.bytes());
        damage.apply(&object, &child.bytes());
        let index = IndexFixture::oci().image(&child, "linux/amd64").bytes();
        for _ in 0..2 {
            let error = put_manifest(store, index.clone()).await.unwrap_err();
            assert!(is_missing_content(&error), "{error}");
            fs::write(&object, child.bytes()).unwrap();
        }
        store.put("b", &child.bytes()).await;
        put_manifest(store, index).await.unwrap();
        store.head("a", &child.digest()).await.unwrap();
    }
}

/// A promoted child is stored as a manifest, so it does not depend on the file of the blob.
#[tokio::test]
async fn a_promoted_child_is_served_after_its_blob_is_broken() {
    let (subject, child) = (subject().await, image("x"));
    let store = &subject.store;
    for blob in child.blobs().iter().chain([&child.bytes()]) {
        store.put("a", blob).await;
    }
    let index = IndexFixture::oci().image(&child, "linux/amd64").bytes();
    put_manifest(store, index).await.unwrap();
    fs::remove_file(object(subject.folder.path(), &child.bytes())).unwrap();
    for _ in 0..2 {
        let blob = store.get("a", &child.digest()).await.unwrap();
        assert_eq!(blob, child.bytes());
        store.head("a", &child.digest()).await.unwrap();
    }
    let (context, name, reference) = (Context::anonymous(), repository("a"), child.digest().into());
    let read = store.get_manifest(&context, &name, &reference);
    let bytes = read.await.unwrap().body.collect(usize::MAX).await.unwrap();
    assert_eq!(bytes, child.bytes());
}

/// A child of an unknown type is served as a manifest from the file of its blob.
#[tokio::test]
async fn a_blob_that_is_served_as_a_manifest_is_not_served_while_it_is_broken() {
    for damage in VISIBLE.into_iter().chain([Damage::Flipped]) {
        let subject = subject().await;
        let (store, content) = (&subject.store, Bytes::from_static(b"a thing"));
        let digest = store.put("a", &content).await;
        let index = IndexFixture::oci().child_of_type("text/thing", &content, None);
        put_manifest(store, index.bytes()).await.unwrap();
        let object = object(subject.folder.path(), &content);
        damage.apply(&object, &content);
        let (context, name, reference) =
            (Context::anonymous(), repository("a"), digest.clone().into());
        for _ in 0..2 {
            let read = store.get_manifest(&context, &name, &reference).await;
            expect_error(read, &Kind::ManifestUnknown);
            let head = store.head_manifest(&context, &name, &reference).await;
            expect_error(head, &Kind::ManifestUnknown);
            fs::write(&object, &content).unwrap();
        }
        store.put("b", &content).await;
        store
            .head_manifest(&context, &name, &reference)
            .await
            .unwrap();
        let read = store.get_manifest(&context, &name, &reference).await;
        let bytes = read.unwrap().body.collect(usize::MAX).await.unwrap();
        assert_eq!(bytes, content);
    }
}
