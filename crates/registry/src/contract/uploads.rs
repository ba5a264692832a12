//! Tests of upload sessions: a blob is uploaded in several calls.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{blob, sha512};
use portolan_model::{Algorithm, Digest};

use super::{TestRepository, expect_error, incomplete_body, unverifiable_digest};
use crate::{Kind, Registry, UploadId};

/// Number of attempts of a client to resume a session after the connection of the session was
/// closed.
const TRIES: usize = 100;

/// Checks that a client can upload a blob chunk by chunk, and that each result contains the offset
/// of the session.
pub async fn uploads_a_blob_in_chunks(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = Digest::sha256(b"0123456789");
    let upload = repository.open_upload().await;
    assert_eq!(upload.offset, 0);
    let upload = repository
        .append_upload(&upload.id, Some(0), Bytes::from("0123"))
        .await
        .expect("the first chunk is accepted");
    assert_eq!(upload.offset, 4);
    let upload = repository
        .append_upload(&upload.id, None, Bytes::from("456"))
        .await
        .expect("the second chunk is accepted");
    assert_eq!(upload.offset, 7);
    let upload = repository
        .upload_status(&upload.id)
        .await
        .expect("the session exists");
    assert_eq!(upload.offset, 7);
    expect_error(repository.read_blob(&digest).await, &Kind::BlobUnknown);
    repository
        .finish_upload(&upload.id, Some(7), Bytes::from("789"), &digest)
        .await
        .expect("the final chunk is accepted");
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob exists"),
        "0123456789"
    );
    expect_error(
        repository.upload_status(&upload.id).await,
        &Kind::UploadUnknown,
    );
}

/// Checks that the final call may carry the full content or no content.
pub async fn final_call_carries_everything_or_nothing(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let upload = repository.open_upload().await;
    let all = Digest::sha256(&blob("all"));
    repository
        .finish_upload(&upload.id, None, blob("all"), &all)
        .await
        .expect("the final call carries the full content");
    assert_eq!(
        repository.read_blob(&all).await.expect("the blob exists"),
        blob("all")
    );

    let upload = repository.open_upload().await;
    let upload = repository
        .append_upload(&upload.id, None, blob("before"))
        .await
        .expect("the chunk carries the full content");
    let before = Digest::sha256(&blob("before"));
    repository
        .finish_upload(&upload.id, None, Bytes::new(), &before)
        .await
        .expect("the final call carries no content");
    assert_eq!(
        repository
            .read_blob(&before)
            .await
            .expect("the blob exists"),
        blob("before")
    );
}

/// Checks that a session may finish without any bytes.
pub async fn uploads_an_empty_blob(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let upload = repository.open_upload().await;
    let digest = Digest::sha256(b"");
    repository
        .finish_upload(&upload.id, None, Bytes::new(), &digest)
        .await
        .expect("the empty blob is accepted");
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob exists"),
        ""
    );
}

/// Checks that an empty chunk does not change the offset.
pub async fn accepts_an_empty_chunk(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let upload = repository.open_upload().await;
    let upload = repository
        .append_upload(&upload.id, None, Bytes::new())
        .await
        .expect("the empty chunk is accepted");
    assert_eq!(upload.offset, 0);
    let upload = repository
        .append_upload(&upload.id, None, Bytes::from("01"))
        .await
        .expect("the chunk is accepted");
    let upload = repository
        .append_upload(&upload.id, None, Bytes::new())
        .await
        .expect("the empty chunk is accepted");
    assert_eq!(upload.offset, 2);
}

/// Checks that a chunk fails if it does not begin at the offset of the session, and that the
/// session can continue.
pub async fn rejects_an_out_of_order_chunk(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let upload = repository.open_upload().await;
    let early = repository
        .append_upload(&upload.id, Some(5), Bytes::from("01234"))
        .await;
    expect_error(early, &Kind::OutOfOrder { offset: 0 });
    let upload = repository
        .append_upload(&upload.id, Some(0), Bytes::from("01234"))
        .await
        .expect("the first chunk is accepted");
    let again = repository
        .append_upload(&upload.id, Some(0), Bytes::from("01234"))
        .await;
    expect_error(again, &Kind::OutOfOrder { offset: 5 });
    let upload = repository
        .upload_status(&upload.id)
        .await
        .expect("the session exists");
    assert_eq!(upload.offset, 5);
    let upload = repository
        .append_upload(&upload.id, Some(5), Bytes::from("56"))
        .await
        .expect("the second chunk is accepted");
    let digest = Digest::sha256(b"0123456");
    repository
        .finish_upload(&upload.id, None, Bytes::new(), &digest)
        .await
        .expect("the session finishes");
}

/// Checks that a final chunk fails if it does not begin at the offset of the session, and that the
/// session can continue.
pub async fn rejects_an_out_of_order_final_chunk(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = Digest::sha256(b"01234");
    let upload = repository.open_upload().await;
    let upload = repository
        .append_upload(&upload.id, Some(0), Bytes::from("012"))
        .await
        .expect("the first chunk is accepted");
    let wrong = repository
        .finish_upload(&upload.id, Some(2), Bytes::from("34"), &digest)
        .await;
    expect_error(wrong, &Kind::OutOfOrder { offset: 3 });
    expect_error(repository.read_blob(&digest).await, &Kind::BlobUnknown);
    repository
        .finish_upload(&upload.id, Some(3), Bytes::from("34"), &digest)
        .await
        .expect("the session exists");
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob exists"),
        "01234"
    );
}

/// Checks that a digest that does not match the content fails the final call and ends the session.
pub async fn wrong_digest_ends_the_session(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    for digest in [
        Digest::sha256(&blob("y")),
        sha512(&blob("y")),
        unverifiable_digest(),
    ] {
        let upload = repository.open_upload().await;
        let finished = repository
            .finish_upload(&upload.id, None, blob("x"), &digest)
            .await;
        expect_error(finished, &Kind::DigestInvalid);
        expect_error(
            repository.upload_status(&upload.id).await,
            &Kind::UploadUnknown,
        );
        expect_error(repository.read_blob(&digest).await, &Kind::BlobUnknown);
    }
    expect_error(
        repository.read_blob(&Digest::sha256(&blob("x"))).await,
        &Kind::BlobUnknown,
    );
}

/// Checks that a client can resume at the offset of the session after its connection broke.
pub async fn resumes_after_an_incomplete_chunk(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let upload = repository.open_upload().await;
    let upload = repository
        .append_upload(&upload.id, Some(0), Bytes::from("0123"))
        .await
        .expect("the first chunk is accepted");
    let incomplete = repository
        .append_upload(&upload.id, Some(4), incomplete_body(b"456"))
        .await;
    expect_error(incomplete, &Kind::BodyIncomplete);
    resume(&repository, &upload.id).await;
}

/// Checks that a client can resume after its connection broke during the final call.
pub async fn resumes_after_an_incomplete_final_chunk(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = Digest::sha256(b"0123456789");
    let upload = repository.open_upload().await;
    let upload = repository
        .append_upload(&upload.id, Some(0), Bytes::from("0123"))
        .await
        .expect("the first chunk is accepted");
    let incomplete = repository
        .finish_upload(&upload.id, None, incomplete_body(b"456789"), &digest)
        .await;
    expect_error(incomplete, &Kind::BodyIncomplete);
    expect_error(repository.read_blob(&digest).await, &Kind::BlobUnknown);
    resume(&repository, &upload.id).await;
}

/// Resumes a session as a client does: repeats the request while the server still processes the
/// interrupted request.
async fn resume(repository: &TestRepository, id: &UploadId) {
    let (content, mut id) = (Bytes::from("0123456789"), id.clone());
    for _ in 0..TRIES {
        let upload = repository
            .upload_status(&id)
            .await
            .expect("the session exists");
        let offset = usize::try_from(upload.offset).expect("the offset fits");
        assert!(
            (4..=content.len()).contains(&offset),
            "the session contains all acknowledged bytes, and no more than were sent"
        );
        id = upload.id;
        let written = repository
            .append_upload(&id, Some(upload.offset), content.slice(offset..))
            .await;
        match written {
            Ok(upload) => {
                let digest = Digest::sha256(&content);
                repository
                    .finish_upload(&upload.id, None, Bytes::new(), &digest)
                    .await
                    .expect("the session finishes");
                return assert_eq!(
                    repository
                        .read_blob(&digest)
                        .await
                        .expect("the blob exists"),
                    content
                );
            }
            Err(error) => assert!(matches!(error.kind(), Kind::OutOfOrder { .. }), "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the session still accepts no chunk after {TRIES} attempts");
}

/// Checks that cancelling a session removes it and its bytes.
pub async fn cancels_a_session(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let upload = repository.open_upload().await;
    let upload = repository
        .append_upload(&upload.id, None, blob("x"))
        .await
        .expect("the chunk is accepted");
    repository
        .cancel_upload(&upload.id)
        .await
        .expect("the session can be cancelled");
    expect_error(
        repository.cancel_upload(&upload.id).await,
        &Kind::UploadUnknown,
    );
    expect_error(
        repository.upload_status(&upload.id).await,
        &Kind::UploadUnknown,
    );
    expect_error(
        repository.read_blob(&Digest::sha256(&blob("x"))).await,
        &Kind::BlobUnknown,
    );
}

/// Checks that three sessions are unknown: a session of another repository, a finished session, and
/// a session that never existed.
pub async fn session_belongs_to_its_repository(registry: Arc<dyn Registry>) {
    let (one, other) = (
        TestRepository::new(&registry, "team/app"),
        TestRepository::new(&registry, "team/other"),
    );
    let digest = Digest::sha256(&blob("x"));
    let foreign = one.open_upload().await.id;
    let finished = other.open_upload().await.id;
    other
        .finish_upload(&finished, None, blob("y"), &Digest::sha256(&blob("y")))
        .await
        .expect("the blob is accepted");
    for id in [
        &foreign,
        &finished,
        &UploadId::new("0123456789abcdef"),
        &UploadId::new("../../../etc/passwd"),
    ] {
        expect_error(other.upload_status(id).await, &Kind::UploadUnknown);
        expect_error(
            other.append_upload(id, None, blob("x")).await,
            &Kind::UploadUnknown,
        );
        expect_error(
            other.finish_upload(id, None, blob("x"), &digest).await,
            &Kind::UploadUnknown,
        );
        expect_error(other.cancel_upload(id).await, &Kind::UploadUnknown);
    }
    one.finish_upload(&foreign, None, blob("x"), &digest)
        .await
        .expect("other repositories have not affected the session");
}

/// Checks that the sessions of one repository do not affect each other.
pub async fn sessions_are_independent(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let (one, other) = (
        repository.open_upload().await,
        repository.open_upload().await,
    );
    assert_ne!(one.id, other.id);
    let one = repository
        .append_upload(&one.id, Some(0), Bytes::from("one"))
        .await
        .expect("the first session accepts the chunk");
    let other = repository
        .append_upload(&other.id, Some(0), Bytes::from("the other"))
        .await
        .expect("the second session accepts the chunk");
    repository
        .finish_upload(&one.id, Some(3), Bytes::from("!"), &Digest::sha256(b"one!"))
        .await
        .expect("the first session finishes");
    let digest = Digest::sha256(b"the other!");
    repository
        .finish_upload(&other.id, Some(9), Bytes::from("!"), &digest)
        .await
        .expect("the second session finishes");
}

/// Checks that the final digest may have another algorithm than the session.
pub async fn accepts_either_algorithm_at_the_end(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let (short, long) = (Digest::sha256(&blob("x")), sha512(&blob("x")));
    for (announced, digest) in [
        (Algorithm::Sha512, &long),
        (Algorithm::Sha256, &long),
        (Algorithm::Sha512, &short),
        (Algorithm::Sha256, &short),
    ] {
        let upload = repository
            .try_open_upload(&announced)
            .await
            .expect("the session can be opened");
        let upload = repository
            .append_upload(&upload.id, None, blob("x"))
            .await
            .expect("the chunk is accepted");
        repository
            .finish_upload(&upload.id, None, Bytes::new(), digest)
            .await
            .expect("the session finishes");
        assert_eq!(
            repository.read_blob(digest).await.expect("the blob exists"),
            blob("x")
        );
    }
}

/// Checks that a session cannot use an algorithm that the registry does not implement.
pub async fn rejects_an_unsupported_algorithm(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    expect_error(
        repository
            .try_open_upload(unverifiable_digest().algorithm())
            .await,
        &Kind::Unsupported,
    );
}

/// Checks that an upload session does not create its repository.
pub async fn session_creates_no_repository(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let upload = repository.open_upload().await;
    let upload = repository
        .append_upload(&upload.id, None, blob("x"))
        .await
        .expect("the chunk is accepted");
    expect_error(repository.tags().await, &Kind::RepositoryUnknown);
    let digest = Digest::sha256(&blob("x"));
    repository
        .finish_upload(&upload.id, None, Bytes::new(), &digest)
        .await
        .expect("the session finishes");
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        Vec::<String>::new()
    );
}
