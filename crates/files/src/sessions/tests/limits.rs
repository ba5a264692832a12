//! Limits on the memory and the file descriptors that sessions use.

use super::*;

fn open_descriptors(below: &Path) -> usize {
    let links = fs::read_dir("/proc/self/fd").unwrap();
    let targets = links.filter_map(|link| fs::read_link(link.unwrap().path()).ok());
    targets.filter(|target| target.starts_with(below)).count()
}

#[tokio::test]
async fn the_file_stays_open_between_calls() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    assert_eq!(open_descriptors(folder.path()), 1);
    process.append(&owner, &id, None, "45").await.unwrap();
    process.sessions.cancel(&owner, &id).await.unwrap();
    assert_eq!(open_descriptors(folder.path()), 0);
}

#[tokio::test]
async fn abandoned_sessions_do_not_take_every_descriptor() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let mut ids = Vec::new();
    for _ in 0..MAX_OPEN_FILES + 20 {
        ids.push(process.open_with(&owner, "0123").await);
    }
    assert_eq!(open_descriptors(folder.path()), MAX_OPEN_FILES);
    // A session whose file was closed continues, without reading its content again.
    let upload = process.append(&owner, &ids[0], Some(4), "45").await;
    assert_eq!(upload.unwrap().offset, 6);
    assert_eq!(open_descriptors(folder.path()), MAX_OPEN_FILES);
    for id in &ids[1..] {
        let staged = process.finish(&owner, id, "45", "012345").await.unwrap();
        drop(staged);
    }
    assert_eq!(open_descriptors(folder.path()), 1);
}

#[tokio::test]
async fn sessions_with_bytes_are_limited_in_each_repository() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path());
    process.sessions = process.sessions.with_partial_limit(2);
    let (owner, other) = (owner("a"), super::owner("b"));
    let oldest = process.open_with(&owner, "0123").await;
    let elsewhere = process.open_with(&other, "0123").await;
    let used = process.open_with(&owner, "0123").await;
    process
        .append(&owner, &oldest, Some(4), "45")
        .await
        .unwrap();
    process.open_with(&owner, "0123").await;
    assert_eq!(process.files().len(), 4, "none is idle for long enough");
    process.runtime.advance(60);
    process.open_with(&owner, "0123").await;
    // The two least recently used sessions of the repository have ended.
    expect_error(process.offset(&owner, &used).await, &Kind::UploadUnknown);
    expect_error(process.offset(&owner, &oldest).await, &Kind::UploadUnknown);
    assert_eq!(process.offset(&other, &elsewhere).await.unwrap(), 4);
    assert_eq!(process.files().len(), 3);
}

#[tokio::test]
async fn the_oldest_sessions_end_to_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let earlier = process.open_with(&owner, "earlier").await;
    let process = process.restart();
    let until = async |count: usize| {
        let sessions = process.data.join("uploads");
        let has_room = move || Ok(files(&sessions).len() <= count);
        process.sessions.end_oldest(has_room).await.unwrap()
    };
    // A client may continue a session of an earlier process.
    assert_eq!(until(0).await, 0);
    process.runtime.advance(1000);
    let older = process.open_with(&owner, "older").await;
    process.runtime.advance(100);
    let newer = process.open_with(&owner, "newer").await;
    // At least one session ends, even if there is enough room.
    assert_eq!(until(3).await, 1);
    expect_error(process.offset(&owner, &earlier).await, &Kind::UploadUnknown);
    assert_eq!(until(1).await, 1);
    expect_error(process.offset(&owner, &older).await, &Kind::UploadUnknown);
    // The remaining session was used within the last minute.
    assert_eq!(until(0).await, 0);
    assert_eq!(process.offset(&owner, &newer).await.unwrap(), 5);
    process.runtime.advance(60);
    assert_eq!(until(0).await, 1);
}

#[tokio::test]
async fn unknown_ids_leave_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    for id in ["0".repeat(32), "../uploads.key".into(), String::new()] {
        let id = UploadId::new(id);
        expect_error(process.offset(&owner, &id).await, &Kind::UploadUnknown);
    }
    assert_eq!(process.sessions.table.len(), 0);
}
