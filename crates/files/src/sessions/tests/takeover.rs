//! Tests of takeovers: a newer call ends an older call whose sender has stopped sending.

use futures_util::{StreamExt, stream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

/// Appends `content` in a task. The sender then stops sending, and the returned receiver completes.
fn append_and_fall_silent(
    process: &Process,
    owner: &Owner,
    id: &UploadId,
    content: Bytes,
) -> (JoinHandle<Result<Upload>>, oneshot::Receiver<()>) {
    let (silent, begun) = oneshot::channel();
    let silence = stream::once(async {
        drop(silent);
        std::future::pending().await
    });
    let body = Body::from_stream(stream::iter([Ok(content)]).chain(silence));
    let (sessions, owner, id) = (process.sessions.clone(), owner.clone(), id.clone());
    let task = tokio::spawn(async move { sessions.append(&owner, &id, None, body).await });
    (task, begun)
}

#[tokio::test]
async fn the_status_reports_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    // A full batch is written at once.
    let content = Bytes::from(vec![0; 1 << 20]);
    let (older, begun) = append_and_fall_silent(&process, &owner, &id, content);
    drop(begun.await);
    let stored = 4 + (1 << 20);
    while process.offset(&owner, &id).await.unwrap() < stored {
        tokio::task::yield_now().await;
    }
    older.abort();
}

#[tokio::test]
async fn a_newer_call_continues_at_the_stored_offset() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    let (older, begun) = append_and_fall_silent(&process, &owner, &id, Bytes::from("lost"));
    drop(begun.await);
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 4);
    let late = process.append(&owner, &id, Some(8), "x").await;
    expect_error(late, &Kind::OutOfOrder { offset: 4 });
    assert!(!older.is_finished());
    let newer = process.append(&owner, &id, Some(4), "45").await.unwrap();
    assert_eq!(newer.offset, 6);
    expect_error(older.await.unwrap(), &Kind::OutOfOrder { offset: 4 });
    process.place(process.finish(&owner, &id, "", "012345").await.unwrap());
}

#[tokio::test]
async fn cancelling_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    let (older, begun) = append_and_fall_silent(&process, &owner, &id, Bytes::from("lost"));
    drop(begun.await);
    process.sessions.cancel(&owner, &id).await.unwrap();
    assert!(older.await.unwrap().is_err());
    assert_eq!(process.files().len(), 0);
}

#[tokio::test]
async fn the_status_does_not_wait_for_a_call_that_has_just_begun() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    for _ in 0..2 {
        let begun = process.sessions.take_over(&owner, &id, None).await.unwrap();
        let offset = process.offset(&owner, &id);
        let answered = tokio::time::timeout(Duration::from_secs(10), offset).await;
        assert_eq!(answered.unwrap().unwrap(), 4);
        drop(begun);
        process = process.restart();
    }
}
