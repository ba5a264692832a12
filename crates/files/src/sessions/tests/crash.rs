//! Sessions after a process was killed between two steps.

use super::*;

#[tokio::test]
async fn sessions_continue_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    let process = process.restart();
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 4);
    process.append(&owner, &id, Some(4), "45").await.unwrap();
    let process = process.restart();
    let staged = process.finish(&owner, &id, "67", "01234567").await.unwrap();
    let blob = process.place(staged);
    assert_eq!(fs::read(blob).unwrap(), b"01234567");
    expect_error(process.offset(&owner, &id).await, &Kind::UploadUnknown);
}

#[tokio::test]
async fn the_algorithm_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let digest = portolan_model::fixtures::sha512(b"0123");
    let id = process
        .sessions
        .open(&owner, None, &Algorithm::Sha512)
        .await
        .unwrap()
        .id;
    process.append(&owner, &id, None, "01").await.unwrap();
    let process = process.restart();
    process.append(&owner, &id, None, "23").await.unwrap();
    let body = Body::empty();
    let completed = process
        .sessions
        .finish(&owner, &id, None, body, &digest)
        .await
        .unwrap();
    assert!(completed.incoming.is_hashed_by(&Algorithm::Sha512));
}

#[tokio::test]
async fn a_session_answers_only_to_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    let strangers = [
        super::owner("b"),
        Owner {
            caller: Caller::Named("somebody".into()),
            ..owner.clone()
        },
    ];
    for _ in 0..2 {
        for stranger in &strangers {
            expect_error(process.offset(stranger, &id).await, &Kind::UploadUnknown);
            let appended = process.append(stranger, &id, None, "x").await;
            expect_error(appended, &Kind::UploadUnknown);
            let finished = process.finish(stranger, &id, "", "0123").await;
            expect_error(finished, &Kind::UploadUnknown);
            let cancelled = process.sessions.cancel(stranger, &id).await;
            expect_error(cancelled, &Kind::UploadUnknown);
        }
        assert_eq!(process.offset(&owner, &id).await.unwrap(), 4);
        process = process.restart();
    }
}

#[tokio::test]
async fn a_session_without_bytes_ends_with_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open(&owner).await;
    let process = process.restart();
    expect_error(process.offset(&owner, &id).await, &Kind::UploadUnknown);
}

#[tokio::test]
async fn killed_before_the_first_write() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    // The file was created, but nothing was written to it.
    fs::write(process.files().remove(0), "").unwrap();
    let process = process.restart();
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 0);
    let staged = process.finish(&owner, &id, "01", "01").await.unwrap();
    assert_eq!(fs::read(process.place(staged)).unwrap(), b"01");
}

#[tokio::test]
async fn killed_before_complete_content_is_placed() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open(&owner).await;
    let staged = process.finish(&owner, &id, "0123", "0123").await.unwrap();
    std::mem::forget(staged);
    let process = process.restart();
    // The client received no response, and repeats the last request.
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 4);
    let staged = process.finish(&owner, &id, "", "0123").await.unwrap();
    assert_eq!(fs::read(process.place(staged)).unwrap(), b"0123");
}

#[tokio::test]
async fn bytes_that_a_power_cut_took_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    // The length reached the disk, but the bytes did not.
    fs::write(process.files().remove(0), [0; 4]).unwrap();
    let process = process.restart();
    process.append(&owner, &id, Some(4), "45").await.unwrap();
    let finished = process.finish(&owner, &id, "", "012345").await;
    expect_error(finished, &Kind::DigestInvalid);
    assert_eq!(process.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_key_that_was_lost_makes_sessions_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    fs::remove_file(folder.path().join("uploads.key")).unwrap();
    let process = process.restart();
    expect_error(process.offset(&owner, &id).await, &Kind::UploadUnknown);
    let expire = || process.sessions.expire(Duration::from_secs(50));
    assert_eq!(expire().await.unwrap(), 0);
    process.runtime.advance(100);
    assert_eq!(expire().await.unwrap(), 1, "its file is found nevertheless");
    assert_eq!(process.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_file_that_somebody_removed_is_an_unknown_session() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    let process = process.restart();
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 4);
    fs::remove_dir_all(folder.path().join("uploads")).unwrap();
    let appended = process.append(&owner, &id, None, "45").await;
    expect_error(appended, &Kind::UploadUnknown);
    process
        .open_with(&owner, "the folder is created again")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_finds_and_finishes_an_earlier_session() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path());
    for _ in 0..20 {
        let id = process.open_with(&owner("a"), "0123").await;
        process = process.restart();
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (sessions, id) = (process.sessions.clone(), id.clone());
            let to = process.data.join("blob");
            running.spawn(async move {
                let digest = Digest::sha256(b"0123");
                let owner = owner("a");
                let finished = sessions.finish_file(&owner, &id, None, Body::empty(), &digest);
                // The other calls wait until the content is placed.
                let durability = Durability::new(OnFailedSync::ReturnError);
                finished.await?.place(&durability, &to)
            });
        }
        let (finished, others): (Vec<_>, Vec<_>) = running
            .join_all()
            .await
            .into_iter()
            .partition(Result::is_ok);
        assert_eq!(finished.len(), 1);
        for other in others {
            expect_error(other, &Kind::UploadUnknown);
        }
        assert_eq!(process.sessions.table.len(), 0);
    }
}

#[tokio::test]
async fn strays_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "0123").await;
    let uploads = folder.path().join("uploads");
    let shard = process.files().remove(0).parent().unwrap().to_owned();
    let session = format!("{}-sha256-{0}-{0}", "0".repeat(32));
    fs::create_dir_all(uploads.join("lost+found/inside")).unwrap();
    fs::create_dir(shard.join(session)).unwrap();
    for file in ["notes.txt", "0123.json"] {
        fs::write(uploads.join(file), "stray").unwrap();
        fs::write(shard.join(file), "stray").unwrap();
    }
    let before = process.files();
    let process = process.restart();
    process.runtime.advance(1000);
    let process = process.restart();
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 4);
    let expired = process.sessions.expire(Duration::from_secs(100)).await;
    assert_eq!(expired.unwrap(), 0);
    assert_eq!(process.files(), before);
    assert!(uploads.join("lost+found/inside").is_dir());
}

#[tokio::test]
async fn a_file_in_the_place_of_a_subfolder_is_an_error_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let stray = data.path().join("uploads/a");
    fs::create_dir(data.path().join("uploads")).unwrap();
    fs::write(&stray, "stray").unwrap();
    let error = open_sessions(data.path(), &TestRuntime::new())
        .err()
        .unwrap();
    let message = error.message();
    assert!(
        message.starts_with(&format!("{} must be a folder", stray.display())),
        "{message}"
    );
    fs::remove_file(&stray).unwrap();
    fs::create_dir(data.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(data.path().join("elsewhere"), &stray).unwrap();
    assert!(open_sessions(data.path(), &TestRuntime::new()).is_ok());
}
