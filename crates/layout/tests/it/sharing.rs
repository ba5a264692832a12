//! Layouts shared between processes: the lock, resumption of sessions, and recovery after a crash.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use portolan_layout::LayoutRegistry;
use portolan_model::Digest;
use portolan_model::fixtures::{image, sha512};
use portolan_registry::Kind;
use portolan_registry::contract::expect_error;

use crate::place::{blob_path, files, place};

async fn open(folder: &Path) -> Arc<LayoutRegistry> {
    Arc::new(LayoutRegistry::open_for_writing(folder).await.unwrap())
}

/// Returns the files of the upload sessions of a layout.
fn session_files(layout: &Path) -> Vec<PathBuf> {
    let uploads = layout.join(".portolan-uploads");
    let shards = fs::read_dir(uploads).unwrap().map(|entry| entry.unwrap());
    let shards = shards.filter(|entry| entry.file_type().unwrap().is_dir());
    let files = shards.flat_map(|shard| fs::read_dir(shard.path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[tokio::test]
async fn allows_one_writer_and_many_readers() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(folder.path()).await;
    let digest = place(&writer).push_image(&image("a"), &["v1"]).await;
    let error = expect_error(
        LayoutRegistry::open_for_writing(folder.path())
            .await
            .map(drop),
        &Kind::Denied,
    );
    assert!(
        error.message().contains("locked the layout") && error.help().unwrap().contains("wait"),
        "{error}"
    );
    let reader = Arc::new(LayoutRegistry::open(folder.path()).await.unwrap());
    assert_eq!(place(&reader).resolve_tag("v1").await, Some(digest));
    drop(writer);
    let next = open(folder.path()).await;
    let other = place(&next).push_image(&image("b"), &["v1"]).await;
    assert_eq!(
        place(&reader).resolve_tag("v1").await,
        Some(other),
        "a reader sees later changes"
    );
}

#[tokio::test]
async fn a_session_can_be_continued_in_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(folder.path()).await;
    let layout = place(&writer);
    let upload = layout.open_upload().await;
    let upload = layout
        .append_upload(&upload.id, Some(0), Bytes::from("0123"))
        .await
        .unwrap();
    drop((layout, writer));
    let sessions = session_files(folder.path());
    assert_eq!(sessions.len(), 1);
    let name = sessions[0].file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with(upload.id.as_str()), "{name}");

    for (piece, offset) in [("45", 6), ("67", 8)] {
        let layout = place(&open(folder.path()).await);
        let written = layout
            .append_upload(&upload.id, Some(offset - 2), Bytes::from(piece))
            .await
            .unwrap();
        assert_eq!(written.offset, offset);
    }
    let layout = place(&open(folder.path()).await);
    assert_eq!(layout.upload_status(&upload.id).await.unwrap().offset, 8);
    let digest = sha512(b"0123456789");
    layout
        .finish_upload(&upload.id, None, Bytes::from("89"), &digest)
        .await
        .unwrap();
    assert_eq!(layout.read_blob(&digest).await.unwrap(), "0123456789");
    drop(layout);
    assert_eq!(files(folder.path()), ["blobs", "index.json", "oci-layout"]);
}

#[tokio::test]
async fn recovers_from_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let digest = place(&open(folder.path()).await)
        .push_image(&image("a"), &["v1"])
        .await;
    let scratch = folder.path().join(".portolan-uploads");
    fs::create_dir(&scratch).unwrap();
    fs::write(
        scratch.join("temporary-index"),
        r#"{"schemaVersion":2,"mani"#,
    )
    .unwrap();

    let reader = Arc::new(LayoutRegistry::open(folder.path()).await.unwrap());
    assert_eq!(place(&reader).resolve_tag("v1").await, Some(digest.clone()));
    let writer = open(folder.path()).await;
    assert_eq!(files(&scratch), Vec::<String>::new());
    assert_eq!(place(&writer).resolve_tag("v1").await, Some(digest));
    drop(writer);
    assert_eq!(files(folder.path()), ["blobs", "index.json", "oci-layout"]);
}

#[tokio::test]
async fn completes_an_unfinished_layout() {
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
async fn removes_abandoned_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let layout = place(&open(folder.path()).await);
    let start = async || {
        let id = layout.open_upload().await.id;
        let written = layout.append_upload(&id, None, Bytes::from("x")).await;
        written.unwrap().id
    };
    let old = start().await;
    let path = session_files(folder.path()).remove(0);
    let new = start().await;
    drop(layout);
    let long_ago = SystemTime::now() - Duration::from_hours(8 * 24);
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    let layout = place(&open(folder.path()).await);
    expect_error(layout.upload_status(&old).await, &Kind::UploadUnknown);
    assert_eq!(layout.upload_status(&new).await.unwrap().offset, 1);
}

#[tokio::test]
async fn failed_writes_leave_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(folder.path()).await;
    let layout = place(&writer);
    expect_error(
        layout
            .put_blob(&Digest::sha256(b"other"), Bytes::from("x"))
            .await,
        &Kind::DigestInvalid,
    );
    let broken = portolan_registry::contract::incomplete_body(b"01");
    expect_error(
        layout.put_blob(&Digest::sha256(b"0123"), broken).await,
        &Kind::BodyIncomplete,
    );
    let upload = layout.open_upload().await;
    let wrong = layout
        .finish_upload(
            &upload.id,
            None,
            Bytes::from("x"),
            &Digest::sha256(b"other"),
        )
        .await;
    expect_error(wrong, &Kind::DigestInvalid);
    assert_eq!(session_files(folder.path()), Vec::<PathBuf>::new());
    assert_eq!(
        files(folder.path()),
        [".portolan-uploads", "index.json", "oci-layout"]
    );
    drop((layout, writer));
    assert_eq!(files(folder.path()), ["index.json", "oci-layout"]);
}

#[tokio::test]
async fn content_is_readable_by_others_within_the_umask() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(folder.path()).await;
    let layout = place(&writer);
    let (one, other) = (Digest::sha256(b"one"), Digest::sha256(b"other"));
    layout.put_blob(&one, Bytes::from("one")).await.unwrap();
    let upload = layout.open_upload().await;
    layout
        .finish_upload(&upload.id, None, Bytes::from("other"), &other)
        .await
        .unwrap();
    let plain = folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for digest in [one, other] {
        assert_eq!(mode(&blob_path(folder.path(), &digest)), mode(&plain));
    }
    let uploads = folder.path().join(".portolan-uploads");
    assert_eq!(mode(&uploads), 0o700, "incomplete content is private");
}

#[tokio::test]
async fn a_session_continues_if_its_blob_cannot_be_stored() {
    let folder = tempfile::tempdir().unwrap();
    let layout = place(&open(folder.path()).await);
    let digest = Digest::sha256(b"0123");
    let upload = layout.open_upload().await;
    let finish = || layout.finish_upload(&upload.id, None, Bytes::from("0123"), &digest);
    let blobs = folder.path().join("blobs");
    fs::write(&blobs, "no folder").unwrap();
    expect_error(finish().await, &Kind::Internal);
    assert_eq!(layout.upload_status(&upload.id).await.unwrap().offset, 4);
    fs::remove_file(&blobs).unwrap();
    finish().await.unwrap();
    assert_eq!(layout.read_blob(&digest).await.unwrap(), "0123");
}
