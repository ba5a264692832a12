//! Takeovers of upload sessions: a newer call does not wait for an older call whose client has
//! stopped sending.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, pending};
use futures_util::{StreamExt, stream};
use portolan_model::Digest;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{TestRepository, expect_error};
use crate::{Body, Kind, Registry, UploadId};

/// Time limit for calls that must not wait for a silent client. It is shorter than the time after
/// which a server rejects the body of a silent client.
const PROMPT: Duration = Duration::from_secs(20);

/// Opens a session with two bytes, and sends a chunk from a client that stops sending after one
/// byte. Runs `newer` during this call, and checks that both calls end soon and the older call
/// fails.
async fn during_a_silent_chunk<T>(
    repository: &TestRepository,
    newer: impl AsyncFnOnce(UploadId) -> T,
) -> T {
    let upload = repository.open_upload().await;
    let upload = repository
        .append_upload(&upload.id, Some(0), Bytes::from("01"))
        .await
        .expect("the chunk is accepted");
    let (begin, begun) = oneshot::channel::<()>();
    let silent = stream::once(async {
        drop(begin);
        pending().await
    });
    let body = Body::from_stream(stream::iter([Ok(Bytes::from("x"))]).chain(silent));
    let older = repository.append_upload(&upload.id, Some(2), body);
    let newer = async {
        drop(begun.await);
        newer(upload.id.clone()).await
    };
    let (older, newer) = timeout(PROMPT, join(older, newer))
        .await
        .expect("neither call waits for the silent client");
    older.expect_err("the older call ends");
    newer
}

/// Checks that the status of a session is available during a chunk whose client has stopped
/// sending, and that the session can be canceled.
pub async fn status_does_not_wait_for_a_chunk(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    during_a_silent_chunk(&repository, async |id| {
        let upload = repository
            .upload_status(&id)
            .await
            .expect("the session exists");
        assert!((2..=3).contains(&upload.offset), "{}", upload.offset);
        repository
            .cancel_upload(&id)
            .await
            .expect("the session can be cancelled");
    })
    .await;
}

/// Checks that a chunk at the offset of a session ends an older chunk, and that the session
/// continues.
pub async fn newer_chunk_ends_an_older_one(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let upload = during_a_silent_chunk(&repository, async |id| {
        let upload = repository
            .upload_status(&id)
            .await
            .expect("the session exists");
        let content = Bytes::from("01x3").slice(usize::try_from(upload.offset).unwrap_or(0)..);
        repository
            .append_upload(&id, Some(upload.offset), content)
            .await
            .expect("the newer chunk is accepted")
    })
    .await;
    assert_eq!(upload.offset, 4);
    let digest = Digest::sha256(b"01x3");
    repository
        .finish_upload(&upload.id, Some(4), Bytes::new(), &digest)
        .await
        .expect("the session finishes");
}

/// Checks that a final chunk ends an older chunk.
pub async fn newer_final_chunk_ends_an_older_chunk(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = Digest::sha256(b"01x3");
    during_a_silent_chunk(&repository, async |id| {
        let upload = repository
            .upload_status(&id)
            .await
            .expect("the session exists");
        let content = Bytes::from("01x3").slice(usize::try_from(upload.offset).unwrap_or(0)..);
        repository
            .finish_upload(&id, Some(upload.offset), content, &digest)
            .await
            .expect("the session finishes");
    })
    .await;
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob exists"),
        "01x3"
    );
}

/// Checks that canceling a session ends a chunk.
pub async fn cancelling_ends_a_chunk(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let id = during_a_silent_chunk(&repository, async |id| {
        repository
            .cancel_upload(&id)
            .await
            .expect("the session can be cancelled");
        id
    })
    .await;
    expect_error(repository.upload_status(&id).await, &Kind::UploadUnknown);
}
