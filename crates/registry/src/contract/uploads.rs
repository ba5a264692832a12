//! Upload sessions: a blob in several calls.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{blob, sha512};
use portolan_model::{Algorithm, Digest};

use super::{Repository, broken_off, refused, unverifiable_digest};
use crate::{Kind, Registry, UploadId};

/// Tries of a client to find out where a session stands that it has just broken off.
const TRIES: usize = 100;

/// A blob is written piece by piece, and each answer says where the session stands.
pub async fn a_blob_is_written_piece_by_piece(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = Digest::sha256(b"0123456789");
    let upload = repository.start().await;
    assert_eq!(upload.offset, 0);
    let upload = repository
        .write(&upload.id, Some(0), Bytes::from("0123"))
        .await
        .expect("the first piece");
    assert_eq!(upload.offset, 4);
    let upload = repository
        .write(&upload.id, None, Bytes::from("456"))
        .await
        .expect("the second piece");
    assert_eq!(upload.offset, 7);
    let upload = repository
        .status(&upload.id)
        .await
        .expect("the session lives");
    assert_eq!(upload.offset, 7);
    refused(repository.read(&digest).await, &Kind::BlobUnknown);
    repository
        .finish(&upload.id, Some(7), Bytes::from("789"), &digest)
        .await
        .expect("the last piece");
    assert_eq!(
        repository.read(&digest).await.expect("the blob is there"),
        "0123456789"
    );
    refused(repository.status(&upload.id).await, &Kind::UploadUnknown);
}

/// The last call may bring everything, or nothing.
pub async fn the_last_call_may_bring_all_or_nothing(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let upload = repository.start().await;
    let all = Digest::sha256(&blob("all"));
    repository
        .finish(&upload.id, None, blob("all"), &all)
        .await
        .expect("all of it at the end");
    assert_eq!(
        repository.read(&all).await.expect("the blob is there"),
        blob("all")
    );

    let upload = repository.start().await;
    let upload = repository
        .write(&upload.id, None, blob("before"))
        .await
        .expect("all of it before");
    let before = Digest::sha256(&blob("before"));
    repository
        .finish(&upload.id, None, Bytes::new(), &before)
        .await
        .expect("nothing at the end");
    assert_eq!(
        repository.read(&before).await.expect("the blob is there"),
        blob("before")
    );
}

/// A session may end without having had a byte.
pub async fn an_empty_blob_is_uploaded(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let upload = repository.start().await;
    let digest = Digest::sha256(b"");
    repository
        .finish(&upload.id, None, Bytes::new(), &digest)
        .await
        .expect("an empty blob");
    assert_eq!(
        repository.read(&digest).await.expect("the blob is there"),
        ""
    );
}

/// An empty piece moves nothing.
pub async fn an_empty_piece_is_taken(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let upload = repository.start().await;
    let upload = repository
        .write(&upload.id, None, Bytes::new())
        .await
        .expect("an empty piece");
    assert_eq!(upload.offset, 0);
    let upload = repository
        .write(&upload.id, None, Bytes::from("01"))
        .await
        .expect("a piece");
    let upload = repository
        .write(&upload.id, None, Bytes::new())
        .await
        .expect("an empty piece");
    assert_eq!(upload.offset, 2);
}

/// A piece that does not begin where the session stands is refused, and the session lives on.
pub async fn a_piece_out_of_order_is_refused(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let upload = repository.start().await;
    let early = repository
        .write(&upload.id, Some(5), Bytes::from("01234"))
        .await;
    refused(early, &Kind::OutOfOrder { offset: 0 });
    let upload = repository
        .write(&upload.id, Some(0), Bytes::from("01234"))
        .await
        .expect("the first piece");
    let again = repository
        .write(&upload.id, Some(0), Bytes::from("01234"))
        .await;
    refused(again, &Kind::OutOfOrder { offset: 5 });
    let upload = repository
        .status(&upload.id)
        .await
        .expect("the session lives");
    assert_eq!(upload.offset, 5);
    let upload = repository
        .write(&upload.id, Some(5), Bytes::from("56"))
        .await
        .expect("the second piece");
    let digest = Digest::sha256(b"0123456");
    repository
        .finish(&upload.id, None, Bytes::new(), &digest)
        .await
        .expect("the session ends well");
}

/// So is the last one.
pub async fn a_last_piece_out_of_order_is_refused(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = Digest::sha256(b"01234");
    let upload = repository.start().await;
    let upload = repository
        .write(&upload.id, Some(0), Bytes::from("012"))
        .await
        .expect("the first piece");
    let wrong = repository
        .finish(&upload.id, Some(2), Bytes::from("34"), &digest)
        .await;
    refused(wrong, &Kind::OutOfOrder { offset: 3 });
    refused(repository.read(&digest).await, &Kind::BlobUnknown);
    repository
        .finish(&upload.id, Some(3), Bytes::from("34"), &digest)
        .await
        .expect("the session lives");
    assert_eq!(
        repository.read(&digest).await.expect("the blob is there"),
        "01234"
    );
}

/// Content with another digest is refused at the end, and the session is over.
pub async fn a_wrong_digest_ends_the_session(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    for digest in [
        Digest::sha256(&blob("y")),
        sha512(&blob("y")),
        unverifiable_digest(),
    ] {
        let upload = repository.start().await;
        let finished = repository
            .finish(&upload.id, None, blob("x"), &digest)
            .await;
        refused(finished, &Kind::DigestInvalid);
        refused(repository.status(&upload.id).await, &Kind::UploadUnknown);
        refused(repository.read(&digest).await, &Kind::BlobUnknown);
    }
    refused(
        repository.read(&Digest::sha256(&blob("x"))).await,
        &Kind::BlobUnknown,
    );
}

/// A client whose connection broke goes on from where the session stands.
pub async fn a_piece_that_breaks_off_is_resumed(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let upload = repository.start().await;
    let upload = repository
        .write(&upload.id, Some(0), Bytes::from("0123"))
        .await
        .expect("the first piece");
    let broken = repository
        .write(&upload.id, Some(4), broken_off(b"456"))
        .await;
    refused(broken, &Kind::BodyIncomplete);
    resume(&repository, &upload.id).await;
}

/// So does one whose connection broke in the last call.
pub async fn a_last_piece_that_breaks_off_is_resumed(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = Digest::sha256(b"0123456789");
    let upload = repository.start().await;
    let upload = repository
        .write(&upload.id, Some(0), Bytes::from("0123"))
        .await
        .expect("the first piece");
    let broken = repository
        .finish(&upload.id, None, broken_off(b"456789"), &digest)
        .await;
    refused(broken, &Kind::BodyIncomplete);
    refused(repository.read(&digest).await, &Kind::BlobUnknown);
    resume(&repository, &upload.id).await;
}

/// Goes on as a client does, who asks again when what it broke off was still being taken in.
async fn resume(repository: &Repository, id: &UploadId) {
    let (content, mut id) = (Bytes::from("0123456789"), id.clone());
    for _ in 0..TRIES {
        let upload = repository.status(&id).await.expect("the session lives");
        let offset = usize::try_from(upload.offset).expect("a small offset");
        assert!(
            (4..=content.len()).contains(&offset),
            "what was acknowledged is kept, and nothing is invented"
        );
        id = upload.id;
        let written = repository
            .write(&id, Some(upload.offset), content.slice(offset..))
            .await;
        match written {
            Ok(upload) => {
                let digest = Digest::sha256(&content);
                repository
                    .finish(&upload.id, None, Bytes::new(), &digest)
                    .await
                    .expect("the session ends well");
                return assert_eq!(
                    repository.read(&digest).await.expect("the blob is there"),
                    content
                );
            }
            Err(error) => assert!(matches!(error.kind(), Kind::OutOfOrder { .. }), "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the session never comes to rest");
}

/// A session that was cancelled is gone, and its bytes with it.
pub async fn a_session_is_cancelled(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let upload = repository.start().await;
    let upload = repository
        .write(&upload.id, None, blob("x"))
        .await
        .expect("a piece");
    repository
        .cancel(&upload.id)
        .await
        .expect("the session ends");
    refused(repository.cancel(&upload.id).await, &Kind::UploadUnknown);
    refused(repository.status(&upload.id).await, &Kind::UploadUnknown);
    refused(
        repository.read(&Digest::sha256(&blob("x"))).await,
        &Kind::BlobUnknown,
    );
}

/// A session of another repository, a finished one and one that never was are all unknown.
pub async fn a_session_belongs_to_its_repository(registry: Arc<dyn Registry>) {
    let (one, other) = (
        Repository::of(&registry, "team/app"),
        Repository::of(&registry, "team/other"),
    );
    let digest = Digest::sha256(&blob("x"));
    let theirs = one.start().await.id;
    let finished = other.start().await.id;
    other
        .finish(&finished, None, blob("y"), &Digest::sha256(&blob("y")))
        .await
        .expect("a blob");
    for id in [
        &theirs,
        &finished,
        &UploadId::new("0123456789abcdef"),
        &UploadId::new("../../../etc/passwd"),
    ] {
        refused(other.status(id).await, &Kind::UploadUnknown);
        refused(other.write(id, None, blob("x")).await, &Kind::UploadUnknown);
        refused(
            other.finish(id, None, blob("x"), &digest).await,
            &Kind::UploadUnknown,
        );
        refused(other.cancel(id).await, &Kind::UploadUnknown);
    }
    one.finish(&theirs, None, blob("x"), &digest)
        .await
        .expect("strangers have not touched the session");
}

/// Sessions of one repository have nothing to do with each other.
pub async fn sessions_are_independent(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let (one, other) = (repository.start().await, repository.start().await);
    assert_ne!(one.id, other.id);
    let one = repository
        .write(&one.id, Some(0), Bytes::from("one"))
        .await
        .expect("a piece of one");
    let other = repository
        .write(&other.id, Some(0), Bytes::from("the other"))
        .await
        .expect("a piece of the other");
    repository
        .finish(&one.id, Some(3), Bytes::from("!"), &Digest::sha256(b"one!"))
        .await
        .expect("one ends");
    let digest = Digest::sha256(b"the other!");
    repository
        .finish(&other.id, Some(9), Bytes::from("!"), &digest)
        .await
        .expect("the other ends");
}

/// The digest at the end may be of either algorithm, announced or not.
pub async fn the_algorithm_may_be_announced_or_not(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let (short, long) = (Digest::sha256(&blob("x")), sha512(&blob("x")));
    for (announced, digest) in [
        (Algorithm::Sha512, &long),
        (Algorithm::Sha256, &long),
        (Algorithm::Sha512, &short),
        (Algorithm::Sha256, &short),
    ] {
        let upload = repository
            .start_for(&announced)
            .await
            .expect("a session opens");
        let upload = repository
            .write(&upload.id, None, blob("x"))
            .await
            .expect("a piece");
        repository
            .finish(&upload.id, None, Bytes::new(), digest)
            .await
            .expect("the session ends well");
        assert_eq!(
            repository.read(digest).await.expect("the blob is there"),
            blob("x")
        );
    }
}

/// An algorithm that is known by name alone is not offered.
pub async fn an_algorithm_that_cannot_be_computed_is_unsupported(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    refused(
        repository
            .start_for(unverifiable_digest().algorithm())
            .await,
        &Kind::Unsupported,
    );
}

/// A repository does not exist for having an upload session.
pub async fn a_session_makes_no_repository(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let upload = repository.start().await;
    let upload = repository
        .write(&upload.id, None, blob("x"))
        .await
        .expect("a piece");
    refused(repository.tags().await, &Kind::RepositoryUnknown);
    let digest = Digest::sha256(&blob("x"));
    repository
        .finish(&upload.id, None, Bytes::new(), &digest)
        .await
        .expect("the session ends well");
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        Vec::<String>::new()
    );
}
