//! Manifests with more references than one transaction writes, after an interruption.

use bytes::Bytes;
use portolan_model::Digest;
use portolan_registry::{Context, Deleter, Deletion, Kind, PutManifest, Result, Writer};

use super::{Store, reopen, subject};
use crate::metadata::tests::scenario::{many_references, name, put};
use crate::metadata::{
    REFERENCES_PAGE, Statement, Transaction, find_unfinished_repository, remove_manifest,
};

const COUNT: usize = 2 * REFERENCES_PAGE + 1;

/// Pushes the content that the last reference of the manifest names, and then the manifest, but only
/// with the first transaction, as if the process ended after it.
async fn interrupt_a_push(store: &Store) -> (Digest, Digest) {
    let content = Bytes::from(format!("a-{}", COUNT - 1));
    let child = Digest::sha256(&content);
    let (context, repository) = (Context::anonymous(), name());
    let pushed = store.put_blob(&context, &repository, &child, content.into());
    pushed.await.unwrap();
    let bytes = many_references("a", COUNT);
    let write =
        move |transaction: &mut dyn Transaction| put(transaction, bytes.clone(), Vec::new());
    (store.parts.database.write(write).await.unwrap(), child)
}

async fn delete_child(store: &Store, child: &Digest) -> Result<()> {
    let context = Context::anonymous();
    store
        .delete_blob(&context, &name(), child, Deletion::Guarded)
        .await
}

async fn is_finished(store: &Store) -> bool {
    let lookup = find_unfinished_repository(0);
    store.parts.database.lookup(lookup).await.unwrap().is_none()
}

#[tokio::test]
async fn references_of_an_interrupted_push_protect_content() {
    let subject = subject().await;
    let (_, child) = interrupt_a_push(&subject.store).await;
    drop(subject.store);
    let store = reopen(&subject.folder).await;
    let error = delete_child(&store, &child).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Referenced { .. }), "{error}");
    assert!(is_finished(&store).await);
}

#[tokio::test]
async fn references_of_an_interrupted_deletion_protect_nothing() {
    let subject = subject().await;
    let (manifest, child) = interrupt_a_push(&subject.store).await;
    subject.store.finish_all_manifests().await.unwrap();
    let remove = move |transaction: &mut dyn Transaction| {
        remove_manifest(transaction, &name(), &manifest, true, None)
    };
    subject.store.parts.database.write(remove).await.unwrap();
    drop(subject.store);
    let store = reopen(&subject.folder).await;
    store.finish_all_manifests().await.unwrap();
    assert!(is_finished(&store).await);
    delete_child(&store, &child).await.unwrap();
}

#[tokio::test]
async fn damaged_references_are_not_written() {
    let subject = subject().await;
    let store = &subject.store;
    let (manifest, child) = interrupt_a_push(store).await;
    let damage =
        "UPDATE manifest_contents SET bytes = CAST(replace(bytes, 'sha256', 'sha512') AS BLOB)";
    let write = |it: &mut dyn Transaction| it.execute(&Statement::new(damage, []));
    store.parts.database.write(write).await.unwrap();
    store.finish_all_manifests().await.unwrap();
    let error = delete_child(store, &child).await.unwrap_err();
    assert!(error.to_string().contains(manifest.as_str()), "{error}");
    // The help of the error.
    let (context, repository) = (Context::anonymous(), name());
    let (bytes, options) = (many_references("a", COUNT), PutManifest::default());
    let again = store.put_manifest(&context, &repository, bytes, options);
    again.await.unwrap();
    let error = delete_child(store, &child).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Referenced { .. }), "{error}");
}

#[tokio::test]
async fn pushes_and_deletions_leave_nothing_unfinished() {
    let subject = subject().await;
    let (store, context) = (&subject.store, Context::anonymous());
    let options = PutManifest::default();
    let bytes = many_references("a", COUNT);
    let pushed = store.put_manifest(&context, &name(), bytes, options).await;
    assert!(is_finished(store).await);
    let digest = pushed.unwrap().digest;
    let deleted = store
        .delete_manifest(&context, &name(), &digest, Deletion::Guarded)
        .await;
    deleted.unwrap();
    assert!(is_finished(store).await);
}
