//! Detection and removal of unreferenced blobs.

use std::fs;
use std::sync::Arc;

use portolan_layout::{LayoutRegistry, Orphan};
use portolan_model::Digest;
use portolan_model::fixtures::{IndexFixture, blob, image};
use portolan_registry::contract::expect_error;
use portolan_registry::{Deletion, Kind};

use crate::place::{blob_path, place};

#[tokio::test]
async fn removes_the_blobs_of_a_deleted_image() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Arc::new(
        LayoutRegistry::open_for_writing(folder.path())
            .await
            .unwrap(),
    );
    let layout = place(&registry);
    let (gone, stays) = (
        image("gone").layers(["base", "x"]),
        image("stays").layers(["base", "y"]),
    );
    layout.push_image(&gone, &["gone"]).await;
    layout.push_image(&stays, &[]).await;
    layout
        .push_index(
            &IndexFixture::oci().image(&stays, "linux/amd64"),
            &["stays"],
        )
        .await;
    assert_eq!(registry.orphans().await.unwrap(), []);

    layout
        .delete_manifest(&gone.digest(), Deletion::Guarded)
        .await
        .unwrap();
    let mut expected = [&gone.blobs()[0], &blob("x")].map(|content| Orphan {
        digest: Digest::sha256(content),
        size: content.len() as u64,
    });
    expected.sort_unstable();
    assert_eq!(registry.orphans().await.unwrap(), expected);
    assert_eq!(registry.remove_orphans().await.unwrap(), expected);
    assert_eq!(registry.orphans().await.unwrap(), []);
    expect_error(
        layout.read_blob(&Digest::sha256(&blob("x"))).await,
        &Kind::BlobUnknown,
    );
    for content in stays.blobs() {
        assert_eq!(
            layout.read_blob(&Digest::sha256(&content)).await.unwrap(),
            content
        );
    }
}

#[tokio::test]
async fn removes_nothing_if_a_manifest_is_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Arc::new(
        LayoutRegistry::open_for_writing(folder.path())
            .await
            .unwrap(),
    );
    let digest = place(&registry)
        .push_image(&image("a").layers(["x"]), &["v1"])
        .await;
    drop(registry);
    let manifest = blob_path(folder.path(), &digest);
    let damage: [fn(&std::path::Path); 2] = [
        |path| fs::write(path, "torn").unwrap(),
        |path| fs::remove_file(path).unwrap(),
    ];
    for damage in damage {
        damage(&manifest);
        let registry = LayoutRegistry::open_for_writing(folder.path())
            .await
            .unwrap();
        let error = expect_error(registry.remove_orphans().await, &Kind::MANIFEST_INVALID);
        assert!(error.message().contains(digest.as_str()), "{error}");
        assert!(blob_path(folder.path(), &Digest::sha256(&blob("x"))).exists());
    }
}
