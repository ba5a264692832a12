//! Blobs: stored whole, served whole and in parts.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use portolan_model::fixtures::{blob, image, sha512};
use portolan_model::{ByteRange, Digest};
use serde_json::json;

use super::{Repository, broken_off, refused, unknown_digest, unverifiable_digest};
use crate::{Body, Kind, Registry};

/// A blob is served as it was stored, and its size is known.
pub async fn a_blob_comes_back_as_it_went(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = repository.blob(blob("x")).await;
    let size = blob("x").len() as u64;
    assert_eq!(
        repository.size(&digest).await.expect("the blob is there"),
        size
    );
    let read = repository
        .read_range(&digest, None)
        .await
        .expect("the blob is there");
    assert_eq!(read, (size, 0..size, blob("x")));
}

/// A blob may have no bytes at all.
pub async fn an_empty_blob_is_a_blob(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = Digest::sha256(b"");
    repository
        .put_blob(&digest, Body::empty())
        .await
        .expect("an empty body is taken");
    assert_eq!(
        repository.size(&digest).await.expect("the blob is there"),
        0
    );
    assert_eq!(
        repository
            .read_range(&digest, None)
            .await
            .expect("the blob is there"),
        (0, 0..0, Bytes::new())
    );
}

/// The pieces that a body comes in leave no trace, whatever their sizes.
pub async fn a_blob_comes_in_pieces(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let content: Bytes = (0..3_000_000_u32)
        .map(|position| position.to_le_bytes()[1] ^ position.to_le_bytes()[2])
        .collect();
    let mut pieces = Vec::new();
    let mut rest = content.clone();
    for size in [1, 0, 70_000, 65_536, 1 << 20, 999_999] {
        pieces.push(Ok(rest.split_to(size)));
    }
    pieces.push(Ok(rest));
    let digest = Digest::sha256(&content);
    repository
        .put_blob(&digest, Body::stream(stream::iter(pieces)))
        .await
        .expect("the blob is taken");
    assert_eq!(
        repository.size(&digest).await.expect("the blob is there"),
        content.len() as u64
    );
    let served = repository.read(&digest).await.expect("the blob is there");
    assert!(served == content, "the content differs");
}

/// SHA-512 is as good as SHA-256, and a blob is known under the digest that it was stored with.
pub async fn a_blob_may_have_a_sha512_digest(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = sha512(&blob("x"));
    repository
        .put_blob(&digest, blob("x"))
        .await
        .expect("the blob is taken");
    assert_eq!(
        repository.read(&digest).await.expect("the blob is there"),
        blob("x")
    );
    refused(
        repository.read(&Digest::sha256(&blob("x"))).await,
        &Kind::BlobUnknown,
    );
    let other = sha512(&blob("y"));
    refused(
        repository.put_blob(&other, blob("x")).await,
        &Kind::DigestInvalid,
    );
}

/// A range answers the bytes that it names and where they stand.
pub async fn ranges_answer_a_part(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = repository.blob(&b"0123456789"[..]).await;
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
            .read_range(&digest, Some(range))
            .await
            .expect("the range lies within");
        assert_eq!(read, (10, offsets, Bytes::from(expected)), "{range:?}");
    }
}

/// A range without a byte is refused, and the error says how many bytes there are.
pub async fn ranges_outside_are_refused(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = repository.blob(&b"0123456789"[..]).await;
    for range in [
        ByteRange::Closed {
            first: 10,
            last: 12,
        },
        ByteRange::Closed { first: 4, last: 3 },
        ByteRange::From(10),
        ByteRange::Last(0),
    ] {
        let read = repository.read_range(&digest, Some(range)).await;
        refused(read, &Kind::RangeUnsatisfiable { size: 10 });
    }
    let empty = repository.blob(Bytes::new()).await;
    let read = repository
        .read_range(&empty, Some(ByteRange::From(0)))
        .await;
    refused(read, &Kind::RangeUnsatisfiable { size: 0 });
}

/// What was never stored is unknown, and the error names it.
pub async fn an_unknown_blob_is_named(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    refused(repository.size(&unknown_digest()).await, &Kind::BlobUnknown);
    repository.blob(blob("x")).await;
    refused(repository.size(&unknown_digest()).await, &Kind::BlobUnknown);
    let error = refused(repository.read(&unknown_digest()).await, &Kind::BlobUnknown);
    assert_eq!(
        error.detail(),
        &json!({"repository": "team/app", "digest": unknown_digest()})
    );
    refused(
        repository.read(&unverifiable_digest()).await,
        &Kind::BlobUnknown,
    );
}

/// Content with another digest is refused, both digests are told, and nothing is kept.
pub async fn a_wrong_digest_is_refused(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let (claimed, computed) = (Digest::sha256(&blob("x")), Digest::sha256(&blob("y")));
    let error = refused(
        repository.put_blob(&claimed, blob("y")).await,
        &Kind::DigestInvalid,
    );
    assert_eq!(
        error.detail(),
        &json!({"claimed": claimed, "computed": computed})
    );
    refused(repository.read(&claimed).await, &Kind::BlobUnknown);
    refused(repository.read(&computed).await, &Kind::BlobUnknown);
}

/// Nothing is taken under a digest that cannot be computed.
pub async fn an_unverifiable_digest_is_refused(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    refused(
        repository.put_blob(&unverifiable_digest(), blob("x")).await,
        &Kind::DigestInvalid,
    );
    refused(
        repository.read(&unverifiable_digest()).await,
        &Kind::BlobUnknown,
    );
}

/// A body that breaks off ends the call with its error, and nothing is kept, be it all there.
pub async fn a_body_that_breaks_off_leaves_nothing(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = Digest::sha256(b"all of it");
    refused(
        repository.put_blob(&digest, broken_off(b"all of it")).await,
        &Kind::BodyIncomplete,
    );
    refused(repository.read(&digest).await, &Kind::BlobUnknown);
    repository
        .put_blob(&digest, Bytes::from("all of it"))
        .await
        .expect("the next try succeeds");
    assert_eq!(
        repository.read(&digest).await.expect("the blob is there"),
        "all of it"
    );
}

/// Storing the same again changes nothing and is no error.
pub async fn a_blob_may_be_stored_twice(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = repository.blob(blob("x")).await;
    assert_eq!(repository.blob(blob("x")).await, digest);
    assert_eq!(
        repository.read(&digest).await.expect("the blob is there"),
        blob("x")
    );
}

/// A blob of one repository cannot be seen in another until that has it too.
pub async fn repositories_do_not_share_blobs(registry: Arc<dyn Registry>) {
    let (one, other) = (
        Repository::of(&registry, "team/app"),
        Repository::of(&registry, "team/app/more"),
    );
    let digest = one.blob(blob("x")).await;
    refused(other.read(&digest).await, &Kind::BlobUnknown);
    refused(other.size(&digest).await, &Kind::BlobUnknown);
    other.blob(blob("x")).await;
    assert_eq!(
        other.read(&digest).await.expect("the blob is there"),
        blob("x")
    );
}

/// A manifest's digest is served as a blob too, whole and in parts.
pub async fn a_manifest_is_served_as_a_blob(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let image = image("a");
    let (digest, bytes) = (repository.image(&image, &["v1"]).await, image.bytes());
    let size = bytes.len() as u64;
    assert_eq!(
        repository
            .size(&digest)
            .await
            .expect("the manifest is there"),
        size
    );
    assert_eq!(
        repository
            .read(&digest)
            .await
            .expect("the manifest is there"),
        bytes
    );
    let range = ByteRange::Closed { first: 1, last: 9 };
    let part = repository
        .read_range(&digest, Some(range))
        .await
        .expect("the range lies within");
    assert_eq!(part, (size, 1..10, bytes.slice(1..10)));
    let read = repository
        .read_range(&digest, Some(ByteRange::From(size)))
        .await;
    refused(read, &Kind::RangeUnsatisfiable { size });
}
