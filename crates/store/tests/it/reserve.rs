//! Operations on a file system with less free space than the reserve.

use std::path::Path;
use std::sync::Arc;

use portolan_model::Digest;
use portolan_model::fixtures::{blob, image};
use portolan_registry::contract::{TestRepository, expect_error};
use portolan_registry::{Context, Deletion, Kind, Registry};
use portolan_store::{ByteSize, Reserve, Settings, Store, SystemRuntime};

async fn open(folder: &Path, reserve: Reserve) -> Arc<dyn Registry> {
    let settings = Settings {
        folder: folder.to_owned(),
        reserve,
        ..Settings::default()
    };
    let store = Store::open(&settings, Arc::new(SystemRuntime)).await;
    Arc::new(store.unwrap())
}

#[tokio::test]
async fn pushes_fail_and_reads_and_deletions_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path(), Reserve::Bytes(ByteSize::new(0))).await;
    let image = image("a").layers(["x"]);
    let before = TestRepository::new(&registry, "a");
    let digest = before.push_image(&image, &["v1", "v2"]).await;
    let session = before.open_upload().await;
    drop((before, registry));

    let registry = open(folder.path(), Reserve::Bytes(ByteSize::new(u64::MAX))).await;
    let (repository, other) = (
        TestRepository::new(&registry, "a"),
        TestRepository::new(&registry, "b"),
    );
    let (layer, full) = (Digest::sha256(&blob("x")), &Kind::StorageFull);
    let new = Digest::sha256(&blob("y"));
    expect_error(repository.put_blob(&new, blob("y")).await, full);
    expect_error(
        repository
            .put_manifest(image.bytes(), &image.media_type(), &["v3"])
            .await,
        full,
    );
    expect_error(
        repository
            .append_upload(&session.id, Some(0), blob("y"))
            .await,
        full,
    );
    expect_error(
        repository
            .finish_upload(&session.id, Some(0), blob("y"), &new)
            .await,
        full,
    );
    let algorithm = layer.algorithm();
    expect_error(repository.try_open_upload(algorithm).await, full);
    let context = Context::anonymous();
    let mount = registry.mount(&context, other.name(), &layer, Some(repository.name()));
    expect_error(mount.await, full);

    assert_eq!(repository.read_blob(&layer).await.unwrap(), blob("x"));
    repository.delete_tag("v1").await.unwrap();
    let deleted = repository.delete_manifest(&digest, Deletion::Guarded).await;
    deleted.unwrap();
    repository.delete().await.unwrap();
}
