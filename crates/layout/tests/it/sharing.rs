//! A layout between processes: the lock, sessions that go on, and what a crash leaves behind.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use portolan_layout::LayoutRegistry;
use portolan_model::Digest;
use portolan_model::fixtures::{image, sha512};
use portolan_registry::Kind;
use portolan_registry::contract::refused;

use crate::place::{files, place};

async fn open(folder: &Path) -> Arc<LayoutRegistry> {
    Arc::new(LayoutRegistry::open_for_writing(folder).await.unwrap())
}

#[tokio::test]
async fn one_writes_at_a_time_and_all_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(folder.path()).await;
    let digest = place(&writer).image(&image("a"), &["v1"]).await;
    let error = refused(
        LayoutRegistry::open_for_writing(folder.path())
            .await
            .map(drop),
        &Kind::Denied,
    );
    assert!(
        error.message().contains(".portolan-lock") && error.message().contains("wait"),
        "{error}"
    );
    let reader = Arc::new(LayoutRegistry::open(folder.path()).await.unwrap());
    assert_eq!(place(&reader).tagged("v1").await, Some(digest));
    drop(writer);
    let next = open(folder.path()).await;
    let other = place(&next).image(&image("b"), &["v1"]).await;
    assert_eq!(
        place(&reader).tagged("v1").await,
        Some(other),
        "a reader sees what has come since"
    );
}

#[tokio::test]
async fn a_session_goes_on_in_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(folder.path()).await;
    let layout = place(&writer);
    let upload = layout.start().await;
    let upload = layout
        .write(&upload.id, Some(0), Bytes::from("0123"))
        .await
        .unwrap();
    drop((layout, writer));
    assert_eq!(
        files(&folder.path().join(".portolan-uploads")),
        [upload.id.as_str()]
    );

    for (piece, offset) in [("45", 6), ("67", 8)] {
        let layout = place(&open(folder.path()).await);
        let written = layout
            .write(&upload.id, Some(offset - 2), Bytes::from(piece))
            .await
            .unwrap();
        assert_eq!(written.offset, offset);
    }
    let layout = place(&open(folder.path()).await);
    assert_eq!(layout.status(&upload.id).await.unwrap().offset, 8);
    let digest = sha512(b"0123456789");
    layout
        .finish(&upload.id, None, Bytes::from("89"), &digest)
        .await
        .unwrap();
    assert_eq!(layout.read(&digest).await.unwrap(), "0123456789");
    drop(layout);
    assert_eq!(files(folder.path()), ["blobs", "index.json", "oci-layout"]);
}

#[tokio::test]
async fn what_a_crash_leaves_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let digest = place(&open(folder.path()).await)
        .image(&image("a"), &["v1"])
        .await;
    let scratch = folder.path().join(".portolan-uploads");
    fs::create_dir(&scratch).unwrap();
    fs::write(
        scratch.join("temporary-index"),
        r#"{"schemaVersion":2,"mani"#,
    )
    .unwrap();
    fs::write(folder.path().join(".portolan-lock"), "").unwrap();

    let reader = Arc::new(LayoutRegistry::open(folder.path()).await.unwrap());
    assert_eq!(place(&reader).tagged("v1").await, Some(digest.clone()));
    let writer = open(folder.path()).await;
    assert_eq!(files(&scratch), Vec::<String>::new());
    assert_eq!(place(&writer).tagged("v1").await, Some(digest));
    drop(writer);
    assert_eq!(files(folder.path()), ["blobs", "index.json", "oci-layout"]);
}

#[tokio::test]
async fn a_layout_that_was_begun_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".portolan-uploads")).unwrap();
    for half_done in [
        vec![],
        vec![("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)],
    ] {
        for (file, content) in half_done {
            fs::write(folder.path().join(file), content).unwrap();
        }
        drop(open(folder.path()).await);
        assert_eq!(files(folder.path()), ["index.json", "oci-layout"]);
        fs::remove_file(folder.path().join("index.json")).unwrap();
    }
}

#[tokio::test]
async fn a_session_that_nobody_comes_back_to_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let layout = place(&open(folder.path()).await);
    let (old, new) = (layout.start().await.id, layout.start().await.id);
    drop(layout);
    let path = folder.path().join(".portolan-uploads").join(old.as_str());
    let long_ago = SystemTime::now() - Duration::from_hours(8 * 24);
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    let layout = place(&open(folder.path()).await);
    refused(layout.status(&old).await, &Kind::UploadUnknown);
    assert_eq!(layout.status(&new).await.unwrap().offset, 0);
}

#[tokio::test]
async fn what_fails_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(folder.path()).await;
    let layout = place(&writer);
    refused(
        layout
            .put_blob(&Digest::sha256(b"other"), Bytes::from("x"))
            .await,
        &Kind::DigestInvalid,
    );
    let broken = portolan_registry::contract::broken_off(b"01");
    refused(
        layout.put_blob(&Digest::sha256(b"0123"), broken).await,
        &Kind::BodyIncomplete,
    );
    let upload = layout.start().await;
    let wrong = layout
        .finish(
            &upload.id,
            None,
            Bytes::from("x"),
            &Digest::sha256(b"other"),
        )
        .await;
    refused(wrong, &Kind::DigestInvalid);
    assert_eq!(
        files(&folder.path().join(".portolan-uploads")),
        Vec::<String>::new()
    );
    assert_eq!(
        files(folder.path()),
        [
            ".portolan-lock",
            ".portolan-uploads",
            "index.json",
            "oci-layout"
        ]
    );
}
