//! Marks of broken blobs, and repairs.

use std::fs;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use portolan_model::fixtures::repository;
use portolan_model::{Algorithm, ByteRange, Digest};
use portolan_registry::contract::expect_error;
use portolan_registry::{Body, Context, Kind, MountOutcome, Reader, Uploads, Writer};

use super::super::{Subject, reopen};
use super::{Damage, VISIBLE, contents, objects, shorten, stored};

/// Requires that the blob stays broken after a restart, although its file is right again, until it
/// is pushed. After that, all repositories serve it, and the old object is deleted.
async fn expect_mark_and_repair(subject: Subject, content: &Bytes) {
    let digest = Digest::sha256(content);
    subject.store.expect_broken(&digest).await;
    drop(subject.store);
    let store = reopen(&subject.folder).await;
    store.expect_broken(&digest).await;
    store.put("b", content).await;
    store.expect_whole(content).await;
    drop(store);
    let store = reopen(&subject.folder).await;
    store.sweep_objects().await.unwrap();
    assert_eq!(objects(subject.folder.path()).len(), 1);
    store.expect_whole(content).await;
}

#[tokio::test]
async fn a_read_marks_a_broken_blob_until_it_is_pushed_again() {
    for content in contents() {
        let is_small = content.len() <= 65_536;
        for damage in VISIBLE
            .into_iter()
            .chain(is_small.then_some(Damage::Flipped))
        {
            let (subject, object) = stored(&content).await;
            damage.apply(&object, &content);
            let read = subject.store.get("a", &Digest::sha256(&content)).await;
            expect_error(read, &Kind::BlobUnknown);
            fs::write(&object, &content).unwrap();
            expect_mark_and_repair(subject, &content).await;
        }
    }
}

#[tokio::test]
async fn a_read_of_a_part_marks_a_broken_blob() {
    for content in contents() {
        for damage in VISIBLE {
            let (subject, object) = stored(&content).await;
            damage.apply(&object, &content);
            let (context, name) = (Context::anonymous(), repository("a"));
            let (digest, range) = (Digest::sha256(&content), Some(ByteRange::Last(2)));
            let read = subject.store.get_blob(&context, &name, &digest, range);
            expect_error(read.await, &Kind::BlobUnknown);
            fs::write(&object, &content).unwrap();
            expect_mark_and_repair(subject, &content).await;
        }
    }
}

#[tokio::test]
async fn a_head_marks_a_broken_blob_also_if_it_is_cached() {
    for content in contents() {
        for damage in VISIBLE {
            let (subject, object) = stored(&content).await;
            subject.store.expect_whole(&content).await;
            damage.apply(&object, &content);
            let head = subject.store.head("a", &Digest::sha256(&content)).await;
            expect_error(head, &Kind::BlobUnknown);
            fs::write(&object, &content).unwrap();
            expect_mark_and_repair(subject, &content).await;
        }
    }
}

#[tokio::test]
async fn a_mount_marks_a_broken_blob() {
    for content in contents() {
        for (damage, from) in VISIBLE.into_iter().zip([true, false, true]) {
            let (subject, object) = stored(&content).await;
            damage.apply(&object, &content);
            let (context, source) = (Context::anonymous(), repository("a"));
            let (target, digest) = (repository("c"), Digest::sha256(&content));
            let mount = || {
                let from = from.then_some(&source);
                subject.store.mount(&context, &target, &digest, from)
            };
            let is_upload = |outcome| matches!(outcome, MountOutcome::Upload(_));
            assert!(is_upload(mount().await.unwrap()), "{damage:?}");
            fs::write(&object, &content).unwrap();
            assert!(is_upload(mount().await.unwrap()), "{damage:?}");
            expect_error(subject.store.head("c", &digest).await, &Kind::BlobUnknown);
            expect_mark_and_repair(subject, &content).await;
        }
    }
}

#[tokio::test]
async fn a_push_of_known_content_repairs_a_broken_blob() {
    for content in contents() {
        for damage in VISIBLE {
            let (subject, object) = stored(&content).await;
            subject.store.expect_whole(&content).await;
            damage.apply(&object, &content);
            subject.store.put("c", &content).await;
            subject.store.expect_whole(&content).await;
            drop(subject.store);
            let store = reopen(&subject.folder).await;
            store.sweep_objects().await.unwrap();
            assert_eq!(objects(subject.folder.path()).len(), 1);
            store.expect_whole(&content).await;
        }
    }
}

#[tokio::test]
async fn an_upload_session_repairs_a_broken_blob() {
    let [content, _] = contents();
    let (subject, object) = stored(&content).await;
    Damage::Short.apply(&object, &content);
    let (context, name, store) = (Context::anonymous(), repository("a"), &subject.store);
    let opened = store.open_upload(&context, &name, &Algorithm::Sha256).await;
    let (id, digest) = (opened.unwrap().id, Digest::sha256(&content));
    let body = content.clone().into();
    let finished = store.finish_upload(&context, &name, &id, None, body, &digest);
    finished.await.unwrap();
    store.expect_whole(&content).await;
}

#[tokio::test]
async fn a_blob_is_repaired_again_and_again() {
    let [content, _] = contents();
    let (subject, _) = stored(&content).await;
    let digest = Digest::sha256(&content);
    for damage in VISIBLE.into_iter().cycle().take(7) {
        subject.store.sweep_objects().await.unwrap();
        let files = objects(subject.folder.path());
        assert_eq!(files.len(), 1);
        damage.apply(&files[0], &content);
        expect_error(subject.store.head("a", &digest).await, &Kind::BlobUnknown);
        subject.store.put("a", &content).await;
        subject.store.expect_whole(&content).await;
    }
}

#[tokio::test]
async fn concurrent_pushes_repair_a_broken_blob_once() {
    let [content, _] = contents();
    let (subject, object) = stored(&content).await;
    fs::remove_file(object).unwrap();
    join_all((0..20).map(|_| subject.store.put("a", &content))).await;
    subject.store.expect_whole(&content).await;
    subject.store.sweep_objects().await.unwrap();
    assert_eq!(objects(subject.folder.path()).len(), 1);
    subject.store.expect_whole(&content).await;
}

#[tokio::test]
async fn a_file_that_is_truncated_while_it_is_sent_ends_the_body_and_is_marked() {
    let [_, content] = contents();
    let (subject, object) = stored(&content).await;
    let (context, name, digest) = (
        Context::anonymous(),
        repository("a"),
        Digest::sha256(&content),
    );
    let read = subject.store.get_blob(&context, &name, &digest, None).await;
    let mut body: Body = read.unwrap().body;
    let first = body.next().await.unwrap().unwrap();
    shorten(&object, first.len() as u64 + 10);
    body.collect(usize::MAX).await.unwrap_err();
    fs::write(&object, &content).unwrap();
    expect_mark_and_repair(subject, &content).await;
}
