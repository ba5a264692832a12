//! Tests of mounts: a blob of one repository is also made available in another repository.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::Digest;
use portolan_model::fixtures::{blob, image, sha512};

use super::{TestRepository, expect_error, unknown_digest, unverifiable_digest};
use crate::{Deletion, Kind, MountOutcome, Registry};

fn source_and_target(registry: &Arc<dyn Registry>) -> (TestRepository, TestRepository) {
    (
        TestRepository::new(registry, "team/source"),
        TestRepository::new(registry, "team/target"),
    )
}

/// Checks that a mount opens an upload session instead of mounting, and that an upload through it
/// succeeds.
async fn assert_falls_back(
    target: &TestRepository,
    digest: &Digest,
    from: Option<&TestRepository>,
    content: Bytes,
) {
    let MountOutcome::Upload(upload) = target.mount(digest, from).await else {
        panic!("the mount should have fallen back to an upload")
    };
    assert_eq!(upload.offset, 0);
    expect_error(target.read_blob(digest).await, &Kind::BlobUnknown);
    target
        .finish_upload(&upload.id, None, content.clone(), digest)
        .await
        .expect("the upload succeeds");
    assert_eq!(
        target.read_blob(digest).await.expect("the blob exists"),
        content
    );
}

/// Checks that a mount finds a blob in the named repository.
pub async fn mounts_from_the_named_repository(registry: Arc<dyn Registry>) {
    let (source, target) = source_and_target(&registry);
    let digest = source.push_blob(blob("x")).await;
    assert_eq!(
        target.mount(&digest, Some(&source)).await,
        MountOutcome::Mounted
    );
    assert_eq!(
        target.read_blob(&digest).await.expect("the blob exists"),
        blob("x")
    );
    assert_eq!(
        source
            .read_blob(&digest)
            .await
            .expect("the source still contains the blob"),
        blob("x")
    );
    assert_eq!(
        target.mount(&digest, Some(&source)).await,
        MountOutcome::Mounted
    );
}

/// Checks that a mount without a source finds the blob in any repository.
pub async fn mount_without_source_searches_all_repositories(registry: Arc<dyn Registry>) {
    let (source, target) = source_and_target(&registry);
    let digest = source.push_blob(blob("x")).await;
    assert_eq!(target.mount(&digest, None).await, MountOutcome::Mounted);
    assert_eq!(
        target.read_blob(&digest).await.expect("the blob exists"),
        blob("x")
    );
}

/// Checks that a mount works for empty blobs and for SHA-512 digests.
pub async fn mounts_empty_and_sha512_blobs(registry: Arc<dyn Registry>) {
    let (source, target) = source_and_target(&registry);
    for (digest, content) in [
        (sha512(&blob("x")), blob("x")),
        (Digest::sha256(b""), Bytes::new()),
    ] {
        source
            .put_blob(&digest, content.clone())
            .await
            .expect("the blob is accepted");
        assert_eq!(
            target.mount(&digest, Some(&source)).await,
            MountOutcome::Mounted
        );
        assert_eq!(
            target.read_blob(&digest).await.expect("the blob exists"),
            content
        );
    }
}

/// Checks that the mount of an unknown blob falls back to an upload.
pub async fn unknown_blob_falls_back_to_an_upload(registry: Arc<dyn Registry>) {
    let (source, target) = source_and_target(&registry);
    assert_falls_back(&target, &Digest::sha256(&blob("x")), None, blob("x")).await;
    source.push_blob(blob("other")).await;
    assert_falls_back(
        &target,
        &Digest::sha256(&blob("y")),
        Some(&source),
        blob("y"),
    )
    .await;
    assert_falls_back(
        &target,
        &sha512(&blob("z")),
        Some(&TestRepository::new(&registry, "no/such")),
        blob("z"),
    )
    .await;
    assert!(matches!(
        target.mount(&unknown_digest(), None).await,
        MountOutcome::Upload(_)
    ));
    assert!(matches!(
        target.mount(&unverifiable_digest(), Some(&source)).await,
        MountOutcome::Upload(_)
    ));
}

/// Checks that a mount with a source does not search other repositories.
pub async fn searches_only_the_named_repository(registry: Arc<dyn Registry>) {
    let (source, target) = source_and_target(&registry);
    let other = TestRepository::new(&registry, "team/other");
    source.push_blob(blob("x")).await;
    other.push_blob(blob("y")).await;
    assert_falls_back(
        &target,
        &Digest::sha256(&blob("x")),
        Some(&other),
        blob("x"),
    )
    .await;
}

/// Checks that a mount does not find a digest of a manifest.
pub async fn does_not_mount_a_manifest(registry: Arc<dyn Registry>) {
    let (source, target) = source_and_target(&registry);
    let digest = source.push_image(&image("a"), &["v1"]).await;
    assert!(matches!(
        target.mount(&digest, Some(&source)).await,
        MountOutcome::Upload(_)
    ));
    assert!(matches!(
        target.mount(&digest, None).await,
        MountOutcome::Upload(_)
    ));
    expect_error(target.read_blob(&digest).await, &Kind::BlobUnknown);
    expect_error(target.get_manifest(&digest).await, &Kind::ManifestUnknown);
}

/// Checks that a mounted blob outlives the source blob, and that manifests can reference it.
pub async fn mounted_blob_is_independent_of_its_source(registry: Arc<dyn Registry>) {
    let (source, target) = source_and_target(&registry);
    let image = image("a").layers(["x"]);
    source.push_image(&image, &["v1"]).await;
    for content in image.blobs() {
        assert_eq!(
            target.mount(&Digest::sha256(&content), Some(&source)).await,
            MountOutcome::Mounted
        );
    }
    source
        .delete_manifest(&image.digest(), Deletion::Guarded)
        .await
        .expect("no manifest references it");
    for content in image.blobs() {
        source
            .delete_blob(&Digest::sha256(&content), Deletion::Guarded)
            .await
            .expect("no manifest references it anymore");
    }
    target
        .push_manifest(image.bytes(), &image.media_type(), &["v1"])
        .await;
    for content in image.blobs() {
        assert_eq!(
            target
                .read_blob(&Digest::sha256(&content))
                .await
                .expect("the blob exists"),
            content
        );
    }
}

/// Checks that a mount does not find a blob that the source no longer contains.
pub async fn does_not_mount_a_deleted_blob(registry: Arc<dyn Registry>) {
    let (source, target) = source_and_target(&registry);
    let digest = source.push_blob(blob("x")).await;
    source
        .delete_blob(&digest, Deletion::Guarded)
        .await
        .expect("no manifest references it");
    assert_falls_back(&target, &digest, Some(&source), blob("x")).await;
}
