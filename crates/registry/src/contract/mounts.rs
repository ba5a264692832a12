//! Mounts: a blob of another repository becomes one of this repository's too.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::Digest;
use portolan_model::fixtures::{blob, image, sha512};

use super::{Repository, refused, unknown_digest, unverifiable_digest};
use crate::{Deletion, Kind, Mount, Registry};

fn places(registry: &Arc<dyn Registry>) -> (Repository, Repository) {
    (
        Repository::of(registry, "team/source"),
        Repository::of(registry, "team/target"),
    )
}

/// What cannot be mounted is answered with a session, through which it can be uploaded.
async fn falls_back(
    target: &Repository,
    digest: &Digest,
    from: Option<&Repository>,
    content: Bytes,
) {
    let Mount::Upload(upload) = target.mount(digest, from).await else {
        panic!("there is nothing to mount")
    };
    assert_eq!(upload.offset, 0);
    refused(target.read(digest).await, &Kind::BlobUnknown);
    target
        .finish(&upload.id, None, content.clone(), digest)
        .await
        .expect("the session works");
    assert_eq!(
        target.read(digest).await.expect("the blob is there"),
        content
    );
}

/// A blob is mounted from the repository that is named.
pub async fn a_blob_is_mounted_from_a_repository(registry: Arc<dyn Registry>) {
    let (source, target) = places(&registry);
    let digest = source.blob(blob("x")).await;
    assert_eq!(target.mount(&digest, Some(&source)).await, Mount::Mounted);
    assert_eq!(
        target.read(&digest).await.expect("the blob is there"),
        blob("x")
    );
    assert_eq!(
        source.read(&digest).await.expect("and still there"),
        blob("x")
    );
    assert_eq!(target.mount(&digest, Some(&source)).await, Mount::Mounted);
}

/// Without a name, any repository that has it will do.
pub async fn a_blob_is_mounted_from_anywhere(registry: Arc<dyn Registry>) {
    let (source, target) = places(&registry);
    let digest = source.blob(blob("x")).await;
    assert_eq!(target.mount(&digest, None).await, Mount::Mounted);
    assert_eq!(
        target.read(&digest).await.expect("the blob is there"),
        blob("x")
    );
}

/// Blobs under SHA-512 digests and empty ones are mounted like any other.
pub async fn any_blob_is_mounted(registry: Arc<dyn Registry>) {
    let (source, target) = places(&registry);
    for (digest, content) in [
        (sha512(&blob("x")), blob("x")),
        (Digest::sha256(b""), Bytes::new()),
    ] {
        source
            .put_blob(&digest, content.clone())
            .await
            .expect("the blob is taken");
        assert_eq!(target.mount(&digest, Some(&source)).await, Mount::Mounted);
        assert_eq!(
            target.read(&digest).await.expect("the blob is there"),
            content
        );
    }
}

/// A blob that nobody has is uploaded.
pub async fn an_unknown_blob_is_uploaded(registry: Arc<dyn Registry>) {
    let (source, target) = places(&registry);
    falls_back(&target, &Digest::sha256(&blob("x")), None, blob("x")).await;
    source.blob(blob("other")).await;
    falls_back(
        &target,
        &Digest::sha256(&blob("y")),
        Some(&source),
        blob("y"),
    )
    .await;
    falls_back(
        &target,
        &sha512(&blob("z")),
        Some(&Repository::of(&registry, "no/such")),
        blob("z"),
    )
    .await;
    assert!(matches!(
        target.mount(&unknown_digest(), None).await,
        Mount::Upload(_)
    ));
    assert!(matches!(
        target.mount(&unverifiable_digest(), Some(&source)).await,
        Mount::Upload(_)
    ));
}

/// A repository that is named is the only one that is searched.
pub async fn only_the_named_repository_is_searched(registry: Arc<dyn Registry>) {
    let (source, target) = places(&registry);
    let other = Repository::of(&registry, "team/other");
    source.blob(blob("x")).await;
    other.blob(blob("y")).await;
    falls_back(
        &target,
        &Digest::sha256(&blob("x")),
        Some(&other),
        blob("x"),
    )
    .await;
}

/// A digest that is stored as a manifest is not mounted.
pub async fn a_manifest_is_not_mounted(registry: Arc<dyn Registry>) {
    let (source, target) = places(&registry);
    let digest = source.image(&image("a"), &["v1"]).await;
    assert!(matches!(
        target.mount(&digest, Some(&source)).await,
        Mount::Upload(_)
    ));
    assert!(matches!(
        target.mount(&digest, None).await,
        Mount::Upload(_)
    ));
    refused(target.read(&digest).await, &Kind::BlobUnknown);
    refused(target.get(&digest).await, &Kind::ManifestUnknown);
}

/// A mounted blob outlives that of the source, and holds a manifest's place.
pub async fn a_mounted_blob_stands_alone(registry: Arc<dyn Registry>) {
    let (source, target) = places(&registry);
    let image = image("a").layers(["x"]);
    source.image(&image, &["v1"]).await;
    for content in image.blobs() {
        assert_eq!(
            target.mount(&Digest::sha256(&content), Some(&source)).await,
            Mount::Mounted
        );
    }
    source
        .delete_manifest(&image.digest(), Deletion::Guarded)
        .await
        .expect("nothing names it");
    for content in image.blobs() {
        source
            .delete_blob(&Digest::sha256(&content), Deletion::Guarded)
            .await
            .expect("nothing names it any more");
    }
    target
        .manifest(image.bytes(), &image.media_type(), &["v1"])
        .await;
    for content in image.blobs() {
        assert_eq!(
            target
                .read(&Digest::sha256(&content))
                .await
                .expect("the blob is there"),
            content
        );
    }
}

/// What the source has deleted is not mounted any more.
pub async fn a_deleted_blob_is_not_mounted(registry: Arc<dyn Registry>) {
    let (source, target) = places(&registry);
    let digest = source.blob(blob("x")).await;
    source
        .delete_blob(&digest, Deletion::Guarded)
        .await
        .expect("nothing names it");
    falls_back(&target, &digest, Some(&source), blob("x")).await;
}
