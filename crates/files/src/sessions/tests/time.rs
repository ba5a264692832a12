//! Tests of the expiry of sessions by the monotonic clock.

use futures_util::stream;

use super::*;

const IDLE: Duration = Duration::from_secs(100);

#[tokio::test]
async fn idle_sessions_expire() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let (idle, used) = (
        process.open_with(&owner, "0123").await,
        process.open_with(&owner, "0123").await,
    );
    let empty = process.open(&owner).await;
    process.runtime.advance(60);
    process.append(&owner, &used, None, "45").await.unwrap();
    assert_eq!(process.sessions.expire(IDLE).await.unwrap(), 0);
    process.runtime.advance(60);
    assert_eq!(process.sessions.expire(IDLE).await.unwrap(), 2);
    for id in [idle, empty] {
        expect_error(process.offset(&owner, &id).await, &Kind::UploadUnknown);
    }
    assert_eq!(process.offset(&owner, &used).await.unwrap(), 6);
    assert_eq!(process.files().len(), 1);
}

#[tokio::test]
async fn a_wall_clock_that_is_moved_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let earlier = process.open_with(&owner, "0123").await;
    let process = process.restart();
    let own = process.open_with(&owner, "0123").await;
    process.runtime.set_wall_forward(100_000);
    assert_eq!(process.sessions.expire(IDLE).await.unwrap(), 0);
    process.runtime.advance(10);
    assert_eq!(process.sessions.expire(IDLE).await.unwrap(), 0);
    for id in [earlier, own] {
        assert_eq!(process.offset(&owner, &id).await.unwrap(), 4);
    }
}

#[tokio::test]
async fn sessions_of_earlier_processes_expire_after_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let idle = process.open_with(&owner, "0123").await;
    let continued = process.open_with(&owner, "0123").await;
    process.runtime.advance(60);
    let process = process.restart();
    assert_eq!(process.sessions.expire(IDLE).await.unwrap(), 0);
    process.runtime.advance(60);
    process
        .append(&owner, &continued, None, "45")
        .await
        .unwrap();
    process.runtime.advance(60);
    assert_eq!(process.sessions.expire(IDLE).await.unwrap(), 1);
    expect_error(process.offset(&owner, &idle).await, &Kind::UploadUnknown);
    assert_eq!(process.offset(&owner, &continued).await.unwrap(), 6);
    process.runtime.advance(60);
    assert_eq!(process.sessions.expire(IDLE).await.unwrap(), 1);
    assert_eq!(process.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_wrong_clock_at_the_start_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    process.runtime.set_wall_forward(100_000);
    let process = process.restart();
    let idle = Duration::from_secs(1000);
    assert_eq!(process.sessions.expire(idle).await.unwrap(), 0);
    process.runtime.advance(900);
    assert_eq!(process.sessions.expire(idle).await.unwrap(), 0);
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 4);
}

#[tokio::test]
async fn a_tool_ends_old_sessions_by_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let old = process.open_with(&owner, "0123").await;
    process.runtime.advance(60);
    let process = process.restart();
    process.sessions.expire_at_start(IDLE).unwrap();
    assert_eq!(process.offset(&owner, &old).await.unwrap(), 4);
    process.runtime.advance(60);
    let process = process.restart();
    process.sessions.expire_at_start(IDLE).unwrap();
    expect_error(process.offset(&owner, &old).await, &Kind::UploadUnknown);
}

#[tokio::test]
async fn content_of_an_earlier_process_without_a_session_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let digest = Digest::sha256(b"0123");
    let body = || Bytes::from("0123").into();
    std::mem::forget(process.sessions.receive(&digest, body()).await.unwrap());
    let process = process.restart();
    let own = process.sessions.receive(&digest, body()).await.unwrap();
    assert_eq!(process.files().len(), 2);
    assert_eq!(process.sessions.expire(IDLE).await.unwrap(), 0);
    assert_eq!(process.files().len(), 1);
    process.place(own);
}

#[tokio::test]
async fn a_session_at_work_and_content_that_is_not_placed_do_not_expire() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let earlier = process.open_with(&owner, "0123").await;
    process.runtime.advance(200);
    let process = process.restart();
    let staged = process.finish(&owner, &earlier, "", "0123").await.unwrap();

    let id = process.open_with(&owner, "0123").await;
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let body = Body::from_stream(stream::once(async move {
        drop(receiver.await);
        Ok(Bytes::from("45"))
    }));
    let (sessions, working, own) = (process.sessions.clone(), id.clone(), owner.clone());
    let append = tokio::spawn(async move { sessions.append(&own, &working, None, body).await });
    tokio::task::yield_now().await;
    process.runtime.advance(200);
    assert_eq!(process.sessions.expire(IDLE).await.unwrap(), 0);
    assert_eq!(fs::read(process.place(staged)).unwrap(), b"0123");
    sender.send(()).unwrap();
    assert_eq!(append.await.unwrap().unwrap().offset, 6);
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 6);
}

#[tokio::test]
async fn the_folder_is_searched_once() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    process.open_with(&owner, "0123").await;
    let process = process.restart();
    assert_eq!(process.sessions.table.len(), 0);
    assert_eq!(process.sessions.expire(IDLE).await.unwrap(), 0);
    assert_eq!(process.sessions.table.len(), 1);
    let part = process.data.join("uploads/0/part-0123456789abcdef-0");
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, "cut off").unwrap();
    assert_eq!(process.sessions.expire(IDLE).await.unwrap(), 0);
    assert!(part.exists());
}

#[tokio::test]
async fn an_unused_folder_is_removed_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    process.sessions.files().remove_if_unused();
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 4);
    assert!(folder.path().join("uploads.key").exists());
    process.sessions.cancel(&owner, &id).await.unwrap();
    process.sessions.files().remove_if_unused();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
