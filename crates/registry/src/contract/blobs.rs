//! Tests of blobs: stored in one call, and served in full and in ranges.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use portolan_model::fixtures::{blob, image, sha512};
use portolan_model::{ByteRange, Digest};
use serde_json::json;

use super::{TestRepository, expect_error, incomplete_body, unknown_digest, unverifiable_digest};
use crate::{Body, Kind, Registry};

/// Checks that the registry serves a blob unchanged and with its size.
pub async fn returns_a_blob_unchanged(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = repository.push_blob(blob("x")).await;
    let size = blob("x").len() as u64;
    assert_eq!(
        repository
            .blob_size(&digest)
            .await
            .expect("the blob exists"),
        size
    );
    let read = repository
        .read_blob_range(&digest, None)
        .await
        .expect("the blob exists");
    assert_eq!(read, (size, 0..size, blob("x")));
}

/// Checks that a blob may be empty.
pub async fn stores_an_empty_blob(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = Digest::sha256(b"");
    repository
        .put_blob(&digest, Body::empty())
        .await
        .expect("an empty body is accepted");
    assert_eq!(
        repository
            .blob_size(&digest)
            .await
            .expect("the blob exists"),
        0
    );
    assert_eq!(
        repository
            .read_blob_range(&digest, None)
            .await
            .expect("the blob exists"),
        (0, 0..0, Bytes::new())
    );
}

/// Checks that the sizes of the chunks of a body have no effect.
pub async fn stores_a_blob_sent_in_chunks(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let content: Bytes = (0..3_000_000_u32)
        .map(|position| position.to_le_bytes()[1] ^ position.to_le_bytes()[2])
        .collect();
    let mut chunks = Vec::new();
    let mut rest = content.clone();
    for size in [1, 0, 70_000, 65_536, 1 << 20, 999_999] {
        chunks.push(Ok(rest.split_to(size)));
    }
    chunks.push(Ok(rest));
    let digest = Digest::sha256(&content);
    repository
        .put_blob(&digest, Body::from_stream(stream::iter(chunks)))
        .await
        .expect("the blob is accepted");
    assert_eq!(
        repository
            .blob_size(&digest)
            .await
            .expect("the blob exists"),
        content.len() as u64
    );
    let served = repository
        .read_blob(&digest)
        .await
        .expect("the blob exists");
    assert!(served == content, "the registry served other content");
}

/// Checks that the registry supports SHA-512 digests, and that a blob can be read only by the
/// digest of its push, not by its SHA-256 digest.
pub async fn stores_a_blob_under_a_sha512_digest(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = sha512(&blob("x"));
    repository
        .put_blob(&digest, blob("x"))
        .await
        .expect("the blob is accepted");
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob exists"),
        blob("x")
    );
    expect_error(
        repository.read_blob(&Digest::sha256(&blob("x"))).await,
        &Kind::BlobUnknown,
    );
    let other = sha512(&blob("y"));
    expect_error(
        repository.put_blob(&other, blob("x")).await,
        &Kind::DigestInvalid,
    );
}

/// Checks that a read of a range returns the bytes in this range, and the offsets of these bytes.
pub async fn returns_the_requested_range(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = repository.push_blob(&b"0123456789"[..]).await;
    for (range, offsets, expected) in [
        (ByteRange::Closed { first: 2, last: 4 }, 2..5, "234"),
        (ByteRange::Closed { first: 0, last: 0 }, 0..1, "0"),
        (
            ByteRange::Closed {
                first: 7,
                last: 4000,
            },
            7..10,
            "789",
        ),
        (ByteRange::From(4), 4..10, "456789"),
        (ByteRange::From(0), 0..10, "0123456789"),
        (ByteRange::Last(3), 7..10, "789"),
        (ByteRange::Last(3000), 0..10, "0123456789"),
    ] {
        let read = repository
            .read_blob_range(&digest, Some(range))
            .await
            .expect("the range is satisfiable");
        assert_eq!(read, (10, offsets, Bytes::from(expected)), "{range:?}");
    }
}

/// Checks that a range without bytes fails, and that the error contains the size of the blob.
pub async fn rejects_unsatisfiable_ranges(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = repository.push_blob(&b"0123456789"[..]).await;
    for range in [
        ByteRange::Closed {
            first: 10,
            last: 12,
        },
        ByteRange::Closed { first: 4, last: 3 },
        ByteRange::From(10),
        ByteRange::Last(0),
    ] {
        let read = repository.read_blob_range(&digest, Some(range)).await;
        expect_error(read, &Kind::RangeUnsatisfiable { size: 10 });
    }
    let empty = repository.push_blob(Bytes::new()).await;
    let read = repository
        .read_blob_range(&empty, Some(ByteRange::From(0)))
        .await;
    expect_error(read, &Kind::RangeUnsatisfiable { size: 0 });
}

/// Checks that the error for an unknown blob names its repository and digest.
pub async fn names_an_unknown_blob_in_the_error(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    expect_error(
        repository.blob_size(&unknown_digest()).await,
        &Kind::BlobUnknown,
    );
    repository.push_blob(blob("x")).await;
    expect_error(
        repository.blob_size(&unknown_digest()).await,
        &Kind::BlobUnknown,
    );
    let error = expect_error(
        repository.read_blob(&unknown_digest()).await,
        &Kind::BlobUnknown,
    );
    assert_eq!(
        error.detail(),
        json!({"repository": "team/app", "digest": unknown_digest()})
    );
    expect_error(
        repository.read_blob(&unverifiable_digest()).await,
        &Kind::BlobUnknown,
    );
}

/// Checks that the registry rejects content that does not match its digest, reports both digests,
/// and stores nothing.
pub async fn rejects_a_wrong_digest(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let (claimed, computed) = (Digest::sha256(&blob("x")), Digest::sha256(&blob("y")));
    let error = expect_error(
        repository.put_blob(&claimed, blob("y")).await,
        &Kind::DigestInvalid,
    );
    assert_eq!(
        error.detail(),
        json!({"claimed": claimed, "computed": computed})
    );
    expect_error(repository.read_blob(&claimed).await, &Kind::BlobUnknown);
    expect_error(repository.read_blob(&computed).await, &Kind::BlobUnknown);
}

/// Checks that the registry rejects a digest whose algorithm is not supported.
pub async fn rejects_an_unverifiable_digest(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    expect_error(
        repository.put_blob(&unverifiable_digest(), blob("x")).await,
        &Kind::DigestInvalid,
    );
    expect_error(
        repository.read_blob(&unverifiable_digest()).await,
        &Kind::BlobUnknown,
    );
}

/// Checks that a call fails with the error of its body and stores nothing, even if all bytes
/// arrived before the error.
pub async fn incomplete_body_stores_nothing(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = Digest::sha256(b"all of it");
    expect_error(
        repository
            .put_blob(&digest, incomplete_body(b"all of it"))
            .await,
        &Kind::BodyIncomplete,
    );
    expect_error(repository.read_blob(&digest).await, &Kind::BlobUnknown);
    repository
        .put_blob(&digest, Bytes::from("all of it"))
        .await
        .expect("the second attempt succeeds");
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob exists"),
        "all of it"
    );
}

/// Checks that storing a blob again succeeds and changes nothing.
pub async fn accepts_the_same_blob_twice(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = repository.push_blob(blob("x")).await;
    assert_eq!(repository.push_blob(blob("x")).await, digest);
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob exists"),
        blob("x")
    );
}

/// Checks that a blob of one repository is not visible in another repository until a client stores
/// it there too.
pub async fn repositories_do_not_share_blobs(registry: Arc<dyn Registry>) {
    let (one, other) = (
        TestRepository::new(&registry, "team/app"),
        TestRepository::new(&registry, "team/app/more"),
    );
    let digest = one.push_blob(blob("x")).await;
    expect_error(other.read_blob(&digest).await, &Kind::BlobUnknown);
    expect_error(other.blob_size(&digest).await, &Kind::BlobUnknown);
    other.push_blob(blob("x")).await;
    assert_eq!(
        other.read_blob(&digest).await.expect("the blob exists"),
        blob("x")
    );
}

/// Checks that a manifest is also served as a blob, in full and in ranges.
pub async fn serves_a_manifest_as_a_blob(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let image = image("a");
    let (digest, bytes) = (repository.push_image(&image, &["v1"]).await, image.bytes());
    let size = bytes.len() as u64;
    assert_eq!(
        repository
            .blob_size(&digest)
            .await
            .expect("the manifest exists"),
        size
    );
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the manifest exists"),
        bytes
    );
    let range = ByteRange::Closed { first: 1, last: 9 };
    let part = repository
        .read_blob_range(&digest, Some(range))
        .await
        .expect("the range is satisfiable");
    assert_eq!(part, (size, 1..10, bytes.slice(1..10)));
    let read = repository
        .read_blob_range(&digest, Some(ByteRange::From(size)))
        .await;
    expect_error(read, &Kind::RangeUnsatisfiable { size });
}
