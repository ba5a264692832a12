//! Tests of content that is complete, but not stored.

use super::*;

const CONTENT: &str = "0123";

#[tokio::test]
async fn content_that_cannot_be_stored_returns_to_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, "01").await;
    let staged = process.finish(&owner, &id, "23", CONTENT).await.unwrap();
    // The status does not wait for the content to be stored.
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 4);
    staged.put_back();
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 4);

    process.runtime.advance(1000);
    let staged = process.finish(&owner, &id, "", CONTENT).await.unwrap();
    let durability = Durability::new(OnFailedSync::ReturnError);
    let missing = folder.path().join("missing/blob");
    assert!(staged.place(&durability, &missing).is_err());
    staged.put_back();
    let idle = Duration::from_secs(100);
    assert_eq!(process.sessions.expire(idle).await.unwrap(), 0);

    let staged = process.finish(&owner, &id, "", CONTENT).await.unwrap();
    assert!(staged.rename(&durability, &missing).is_err());

    let staged = process.finish(&owner, &id, "", CONTENT).await.unwrap();
    let blob = folder.path().join("blob");
    staged.place(&durability, &blob).unwrap();
    staged.take_back(&blob).unwrap();
    staged.put_back();

    let process = process.restart();
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 4);
    let staged = process.finish(&owner, &id, "", CONTENT).await.unwrap();
    assert_eq!(fs::read(process.place(staged)).unwrap(), b"0123");
    expect_error(process.offset(&owner, &id).await, &Kind::UploadUnknown);
    assert_eq!(process.sessions.table.len(), 0);
}

#[tokio::test]
async fn a_repeated_call_does_not_append_its_content_again() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open(&owner).await;
    let staged = process.finish(&owner, &id, CONTENT, CONTENT).await.unwrap();
    staged.put_back();
    let staged = process.finish(&owner, &id, CONTENT, CONTENT).await.unwrap();
    assert_eq!(fs::read(process.place(staged)).unwrap(), b"0123");
}

#[tokio::test]
async fn a_newer_call_waits_until_the_content_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    for is_stored in [false, true] {
        let id = process.open(&owner).await;
        let staged = process.finish(&owner, &id, CONTENT, CONTENT).await.unwrap();
        let (sessions, own, newer) = (process.sessions.clone(), owner.clone(), id.clone());
        let newer = tokio::spawn(async move {
            let digest = Digest::sha256(CONTENT.as_bytes());
            sessions
                .finish_file(&own, &newer, Some(4), Body::empty(), &digest)
                .await
        });
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!newer.is_finished());
        if is_stored {
            process.place(staged);
            expect_error(newer.await.unwrap(), &Kind::UploadUnknown);
        } else {
            staged.put_back();
            process.place(newer.await.unwrap().unwrap());
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_does_not_end_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let (process, owner) = (Process::start(folder.path()), owner("a"));
    let id = process.open_with(&owner, CONTENT).await;
    // Another program has truncated the file.
    fs::write(process.files().remove(0), "01").unwrap();
    let finished = process.finish(&owner, &id, "", CONTENT).await;
    expect_error(finished, &Kind::Internal);
    assert_eq!(process.offset(&owner, &id).await.unwrap(), 2);
    process.place(process.finish(&owner, &id, "23", CONTENT).await.unwrap());
}
