//! Tests of the limits that clients share: the client that has the most sessions loses its oldest.

use super::*;

/// Sets the maximum number of sessions.
fn limit(process: &mut Process, sessions: usize) {
    process.sessions.max_idle = sessions;
}

#[tokio::test]
async fn a_client_that_opens_many_sessions_ends_only_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, owner) = (Process::start(folder.path()), owner("a"));
    limit(&mut process, 10);
    let empty = process.open_for(&owner, client(1)).await;
    let partial = process.open_with_for(&owner, client(1), "0123").await;
    let mut many = Vec::new();
    for number in 0..40 {
        let repository = super::owner(&format!("hostile-{}", number % 4));
        many.push(if number % 2 == 0 {
            process.open_for(&repository, client(2)).await
        } else {
            process.open_with_for(&repository, client(2), "x").await
        });
    }
    assert_eq!(process.sessions.table.len(), 10);
    assert_eq!(process.files().len(), 1 + 4);
    assert_eq!(process.offset(&owner, &empty).await.unwrap(), 0);
    assert_eq!(process.offset(&owner, &partial).await.unwrap(), 4);
    let newest = super::owner("hostile-3");
    assert_eq!(process.offset(&newest, &many[39]).await.unwrap(), 1);
}

#[tokio::test]
async fn the_oldest_session_ends_if_no_client_has_more_than_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, owner) = (Process::start(folder.path()), owner("a"));
    limit(&mut process, 2);
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(process.open_for(&owner, client(number)).await);
    }
    expect_error(process.offset(&owner, &ids[0]).await, &Kind::UploadUnknown);
    assert_eq!(process.offset(&owner, &ids[1]).await.unwrap(), 0);
    assert_eq!(process.offset(&owner, &ids[2]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_stranger_ends_no_sessions_in_a_shared_repository() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, owner) = (Process::start(folder.path()), owner("a"));
    process.sessions = process.sessions.with_partial_limit(2);
    let innocent = process.open_with_for(&owner, client(1), "0123").await;
    process.runtime.advance(60);
    let mut hostile = Vec::new();
    for _ in 0..3 {
        hostile.push(process.open_with_for(&owner, client(2), "x").await);
        process.runtime.advance(60);
    }
    assert_eq!(process.offset(&owner, &innocent).await.unwrap(), 4);
    for id in &hostile[..2] {
        expect_error(process.offset(&owner, id).await, &Kind::UploadUnknown);
    }
    assert_eq!(process.offset(&owner, &hostile[2]).await.unwrap(), 1);
}

#[tokio::test]
async fn sessions_count_for_their_client_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let innocent = process.open_with_for(&owner, client(1), "0123").await;
    let mut hostile = Vec::new();
    for _ in 0..8 {
        hostile.push(process.open_with_for(&owner, client(2), "x").await);
    }
    let mut process = process.restart();
    limit(&mut process, 5);
    process
        .sessions
        .expire(Duration::from_hours(1))
        .await
        .unwrap();
    assert_eq!(process.files().len(), 5);
    assert_eq!(process.offset(&owner, &innocent).await.unwrap(), 4);
    process.open_with_for(&owner, client(2), "x").await;
    assert_eq!(process.files().len(), 5);
    assert_eq!(process.offset(&owner, &innocent).await.unwrap(), 4);
    // Another client may continue the session.
    process
        .append(&owner, &innocent, Some(4), "45")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_session_in_use_does_not_end() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, owner) = (Process::start(folder.path()), owner("a"));
    limit(&mut process, 1);
    let busy = process.open_for(&owner, client(1)).await;
    let staged = process.finish(&owner, &busy, "0123", "0123").await.unwrap();
    for _ in 0..3 {
        process.open_for(&owner, client(1)).await;
    }
    assert_eq!(process.sessions.table.len(), 2);
    assert_eq!(fs::read(process.place(staged)).unwrap(), b"0123");
}
