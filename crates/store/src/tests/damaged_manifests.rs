//! Manifests whose bytes the disk has damaged.

use portolan_model::fixtures::{image, repository};
use portolan_registry::contract::expect_error;
use portolan_registry::{Context, Kind, Reader};

use super::{reopen, subject};

#[tokio::test]
async fn damaged_bytes_are_an_error_until_they_are_pushed_again() {
    let (subject, image) = (subject().await, image("x"));
    let digest = subject.store.push("a", &image, "v1").await;
    let folder = subject.folder;
    drop(subject.store);
    let database = rusqlite::Connection::open(folder.path().join("portolan.db")).unwrap();
    let damaged = "UPDATE manifest_contents SET bytes = zeroblob(length(bytes))";
    assert_eq!(database.execute(damaged, []).unwrap(), 1);
    drop(database);

    let store = reopen(&folder).await;
    let (context, name) = (Context::anonymous(), repository("a"));
    let reference = digest.clone().into();
    let read = store.get_manifest(&context, &name, &reference).await;
    expect_error(read, &Kind::Internal);

    store.push("a", &image, "v1").await;
    let read = store.get_manifest(&context, &name, &reference).await;
    let bytes = read.unwrap().body.collect(1 << 20).await.unwrap();
    assert_eq!(bytes, image.bytes());
}
