//! oci-archives: read in place, written as a stream.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use portolan_layout::{LayoutRegistry, OciArchive, OciArchiveWriter};
use portolan_model::ByteRange;
use portolan_model::Digest;
use portolan_model::fixtures::{IndexFixture, blob, image, sha512};
use portolan_registry::contract::{expect_error, incomplete_body};
use portolan_registry::{Body, Deletion, Kind, PutManifest};
use tar::EntryType;
use tokio::task::JoinSet;

use crate::place::{Tar, files, gzip, pieces, place};

async fn create(path: &Path) -> Arc<OciArchiveWriter> {
    Arc::new(OciArchiveWriter::create(path).await.unwrap())
}

async fn open(path: &Path) -> Arc<OciArchive> {
    Arc::new(OciArchive::open(path).await.unwrap())
}

/// Returns the names in a tar as another reader sees them.
fn names(path: &Path) -> Vec<String> {
    let mut archive = tar::Archive::new(File::open(path).unwrap());
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect()
}

#[tokio::test]
async fn reads_a_written_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    let layout = place(&writer);
    let (one, two) = (
        image("one").layers(["x"]),
        image("two").layers(["y"]).docker(),
    );
    layout.push_image(&one, &[]).await;
    layout.push_image(&two, &[]).await;
    let multi = IndexFixture::oci()
        .image(&one, "linux/amd64")
        .image(&two, "linux/arm64");
    layout.push_index(&multi, &["v1"]).await;
    let long = sha512(&blob("long"));
    layout
        .put_blob(&long, pieces(["the content", " called long"]))
        .await
        .unwrap();
    assert_eq!(
        layout.read_blob(&long).await.unwrap(),
        blob("long"),
        "the blob can be read while the archive is written"
    );
    assert!(
        !path.exists(),
        "the archive does not exist before it is finished"
    );
    writer.finish().await.unwrap();
    assert_eq!(files(folder.path()), ["a.tar"]);

    let archive = open(&path).await;
    assert_eq!(
        archive.only_manifest().await.unwrap().digest,
        multi.digest()
    );
    let layout = place(&archive);
    layout
        .assert_serves("v1", &multi.digest(), &multi.media_type(), &multi.bytes())
        .await;
    for image in [one, two] {
        layout
            .assert_serves(
                image.digest(),
                &image.digest(),
                &image.media_type(),
                &image.bytes(),
            )
            .await;
        for content in image.blobs() {
            assert_eq!(
                layout.read_blob(&Digest::sha256(&content)).await.unwrap(),
                content
            );
        }
    }
    assert_eq!(layout.read_blob(&long).await.unwrap(), blob("long"));
    let part = layout
        .read_blob_range(&long, Some(ByteRange::Closed { first: 4, last: 10 }))
        .await
        .unwrap();
    assert_eq!(
        part,
        (blob("long").len() as u64, 4..11, Bytes::from("content"))
    );
    assert!(names(&path).contains(&format!("blobs/sha512/{}", long.encoded_part())));
}

#[tokio::test]
async fn an_archive_unpacks_to_a_layout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    let digest = place(&writer).push_image(&image("a"), &["v1"]).await;
    writer.finish().await.unwrap();
    let unpacked = folder.path().join("unpacked");
    tar::Archive::new(File::open(&path).unwrap())
        .unpack(&unpacked)
        .unwrap();
    let layout = Arc::new(LayoutRegistry::open(&unpacked).await.unwrap());
    assert_eq!(place(&layout).resolve_tag("v1").await, Some(digest));
    assert_eq!(layout.orphans().await.unwrap(), []);
}

#[tokio::test]
async fn preserves_existing_contents() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    for name in ["v1", "v2", "v3"] {
        let writer = create(&path).await;
        place(&writer)
            .push_image(&image(name).layers(["base", name]), &[name])
            .await;
        writer.finish().await.unwrap();
    }
    let layout = place(&open(&path).await);
    for name in ["v1", "v2", "v3"] {
        let image = image(name).layers(["base", name]);
        layout
            .assert_serves(name, &image.digest(), &image.media_type(), &image.bytes())
            .await;
        for content in image.blobs() {
            assert_eq!(
                layout.read_blob(&Digest::sha256(&content)).await.unwrap(),
                content
            );
        }
    }
    let mut unique = names(&path);
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names(&path).len(), "every name occurs once");
}

#[tokio::test]
async fn replaces_the_target_of_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (link, path) = (
        folder.path().join("link.tar"),
        folder.path().join("elsewhere/a.tar"),
    );
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    symlink("elsewhere/a.tar", &link).unwrap();
    for name in ["v1", "v2"] {
        let writer = create(&link).await;
        place(&writer).push_image(&image(name), &[name]).await;
        writer.finish().await.unwrap();
    }
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("elsewhere/a.tar"));
    let layout = place(&open(&path).await);
    for name in ["v1", "v2"] {
        assert_eq!(layout.resolve_tag(name).await, Some(image(name).digest()));
    }
}

#[tokio::test]
async fn does_not_replace_special_files() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    symlink(&pipe, &link).unwrap();
    for path in [&pipe, &link, Path::new("/dev/null"), folder.path()] {
        let error = OciArchiveWriter::create(path).await.err().unwrap();
        assert_eq!(*error.kind(), Kind::Unsupported);
        let expected = format!(
            "{} is not a regular file, as an archive must be",
            path.display()
        );
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    assert_eq!(files(folder.path()), ["link", "pipe"]);
}

#[tokio::test]
async fn preserves_permissions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    create(&path).await.finish().await.unwrap();
    for mode in [0o600, 0o664] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        create(&path).await.finish().await.unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            mode
        );
    }
}

#[tokio::test]
async fn an_unfinished_archive_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    place(&writer).push_image(&image("a"), &["v1"]).await;
    writer.finish().await.unwrap();
    let before = fs::read(&path).unwrap();

    let writer = create(&path).await;
    place(&writer).push_image(&image("b"), &["v1"]).await;
    drop(writer);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(files(folder.path()), ["a.tar"]);
}

#[tokio::test]
async fn does_not_overwrite_a_concurrent_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let (one, other) = (create(&path).await, create(&path).await);
    let first = place(&one).push_image(&image("a"), &["v1"]).await;
    place(&other).push_image(&image("b"), &["v1"]).await;
    one.finish().await.unwrap();
    expect_error(other.finish().await, &Kind::PreconditionFailed);
    assert_eq!(
        place(&open(&path).await).resolve_tag("v1").await,
        Some(first)
    );
    assert_eq!(files(folder.path()), ["a.tar"]);
}

#[tokio::test]
async fn a_finished_archive_rejects_writes() {
    let folder = tempfile::tempdir().unwrap();
    let writer = create(&folder.path().join("a.tar")).await;
    let layout = place(&writer);
    let upload = layout.open_upload().await;
    layout.push_image(&image("a"), &["v1"]).await;
    writer.finish().await.unwrap();
    let x = Digest::sha256(b"x");
    expect_error(
        layout.put_blob(&x, Bytes::from("x")).await,
        &Kind::Unsupported,
    );
    expect_error(
        layout
            .finish_upload(&upload.id, None, Bytes::from("x"), &x)
            .await,
        &Kind::Unsupported,
    );
    expect_error(
        layout
            .put_manifest(image("a").bytes(), &image("a").media_type(), &["v2"])
            .await,
        &Kind::Unsupported,
    );
    expect_error(writer.finish().await, &Kind::Unsupported);
}

#[tokio::test]
async fn cuts_off_failed_entries() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    let layout = place(&writer);
    layout.push_blob("before").await;
    expect_error(
        layout
            .put_blob(&Digest::sha256(b"other"), pieces(["x", "y"]))
            .await,
        &Kind::DigestInvalid,
    );
    expect_error(
        layout
            .put_blob(&Digest::sha256(b"0123"), incomplete_body(b"01"))
            .await,
        &Kind::BodyIncomplete,
    );
    layout.push_blob("before").await;
    layout.push_image(&image("a").layers([]), &["v1"]).await;
    writer.finish().await.unwrap();
    let blobs: Vec<_> = names(&path)
        .into_iter()
        .filter(|name| name.starts_with("blobs/"))
        .collect();
    assert_eq!(
        blobs.len(),
        3,
        "expected one blob, the config and the manifest: {blobs:?}"
    );
    assert_eq!(
        place(&open(&path).await)
            .read_blob(&Digest::sha256(b"before"))
            .await
            .unwrap(),
        "before"
    );
}

#[tokio::test]
async fn stores_the_blobs_of_interleaved_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    let layout = place(&writer);
    let (one, other, cancelled) = (
        layout.open_upload().await,
        layout.open_upload().await,
        layout.open_upload().await,
    );
    layout
        .append_upload(&one.id, Some(0), Bytes::from("01"))
        .await
        .unwrap();
    layout
        .append_upload(&other.id, Some(0), Bytes::from("the other"))
        .await
        .unwrap();
    layout
        .append_upload(&cancelled.id, Some(0), Bytes::from("cancelled"))
        .await
        .unwrap();
    layout
        .append_upload(&one.id, Some(2), Bytes::from("23"))
        .await
        .unwrap();
    expect_error(
        layout
            .append_upload(&one.id, Some(4), incomplete_body(b"45"))
            .await,
        &Kind::BodyIncomplete,
    );
    assert_eq!(layout.upload_status(&one.id).await.unwrap().offset, 6);
    layout.cancel_upload(&cancelled.id).await.unwrap();
    expect_error(
        layout.upload_status(&cancelled.id).await,
        &Kind::UploadUnknown,
    );

    let (digest, long) = (Digest::sha256(b"01234567"), sha512(b"the other"));
    layout
        .finish_upload(&one.id, Some(6), Bytes::from("67"), &digest)
        .await
        .unwrap();
    layout
        .finish_upload(&other.id, Some(9), Bytes::new(), &long)
        .await
        .unwrap();
    let broken = layout.open_upload().await;
    expect_error(
        layout
            .append_upload(&broken.id, Some(0), incomplete_body(b"ab"))
            .await,
        &Kind::BodyIncomplete,
    );
    layout
        .finish_upload(
            &broken.id,
            Some(2),
            Bytes::from("c"),
            &Digest::sha256(b"abc"),
        )
        .await
        .unwrap();
    writer.finish().await.unwrap();

    let layout = place(&open(&path).await);
    assert_eq!(layout.read_blob(&digest).await.unwrap(), "01234567");
    assert_eq!(layout.read_blob(&long).await.unwrap(), "the other");
    assert_eq!(
        layout.read_blob(&Digest::sha256(b"abc")).await.unwrap(),
        "abc"
    );
}

#[tokio::test]
async fn a_session_with_one_chunk_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    let layout = place(&writer);
    let upload = layout.open_upload().await;
    layout
        .append_upload(&upload.id, Some(0), pieces(["01", "23"]))
        .await
        .unwrap();
    let digest = Digest::sha256(b"0123");
    expect_error(layout.read_blob(&digest).await, &Kind::BlobUnknown);
    layout
        .finish_upload(&upload.id, None, Bytes::new(), &digest)
        .await
        .unwrap();
    assert_eq!(layout.read_blob(&digest).await.unwrap(), "0123");
    writer.finish().await.unwrap();
    assert_eq!(
        names(&path),
        [
            "oci-layout".to_owned(),
            format!("blobs/sha256/{}", digest.encoded_part()),
            "index.json".into()
        ]
    );
}

/// Returns a body of many pieces that yields to other tasks between them.
fn slowly(text: String) -> Body {
    Body::from_stream(stream::unfold(text, |mut rest| async move {
        tokio::task::yield_now().await;
        let piece: String = rest.drain(..rest.len().min(3)).collect();
        (!piece.is_empty()).then(|| (Ok(Bytes::from(piece)), rest))
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writes_result_in_a_valid_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    let content = |number: usize| format!("{number} ").repeat(number * 50);
    let send = |number: usize| {
        let (layout, text) = (place(&writer), content(number));
        let digest = Digest::sha256(text.as_bytes());
        async move {
            match number % 3 {
                0 => layout.put_blob(&digest, slowly(text)).await.unwrap(),
                1 => {
                    let upload = layout.open_upload().await;
                    layout
                        .append_upload(&upload.id, Some(0), slowly(text))
                        .await
                        .unwrap();
                    layout
                        .finish_upload(&upload.id, None, Bytes::new(), &digest)
                        .await
                        .unwrap();
                }
                _ => {
                    let upload = layout.open_upload().await;
                    let (first, second) = text.split_at(text.len() / 2);
                    layout
                        .append_upload(&upload.id, None, slowly(first.to_owned()))
                        .await
                        .unwrap();
                    layout
                        .finish_upload(&upload.id, None, slowly(second.to_owned()), &digest)
                        .await
                        .unwrap();
                }
            }
            layout
                .push_image(&image(&number.to_string()), &[&format!("v{number}")])
                .await;
        }
    };
    let mut sending = JoinSet::new();
    (1..40).map(send).for_each(|send| drop(sending.spawn(send)));
    sending.join_all().await;
    writer.finish().await.unwrap();

    let layout = place(&open(&path).await);
    for number in 1..40 {
        let (text, image) = (content(number), image(&number.to_string()));
        assert_eq!(
            layout
                .read_blob(&Digest::sha256(text.as_bytes()))
                .await
                .unwrap(),
            text
        );
        layout
            .assert_serves(
                format!("v{number}"),
                &image.digest(),
                &image.media_type(),
                &image.bytes(),
            )
            .await;
    }
}

#[tokio::test]
async fn rejects_deletions() {
    let folder = tempfile::tempdir().unwrap();
    let writer = create(&folder.path().join("a.tar")).await;
    let layout = place(&writer);
    let digest = layout.push_image(&image("a"), &["v1", "v2"]).await;
    expect_error(
        layout.delete_manifest(&digest, Deletion::Guarded).await,
        &Kind::Unsupported,
    );
    expect_error(
        layout
            .delete_blob(&Digest::sha256(&blob("a")), Deletion::Forced)
            .await,
        &Kind::Unsupported,
    );
    layout.delete_tag("v2").await.unwrap();
    assert_eq!(layout.tags().await.unwrap(), ["v1"]);
    let missing = image("b").layers(["nowhere"]);
    let options = PutManifest {
        media_type: Some(missing.media_type()),
        ..PutManifest::default()
    };
    expect_error(
        layout.put_manifest_with(missing.bytes(), options).await,
        &Kind::CONTENT_MISSING,
    );
}

/// Returns a tar with these files, each given by name and content.
fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // The name is written unchanged, even if it points outside the archive.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

#[tokio::test]
async fn does_not_copy_irregular_entries_to_a_changed_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let layout = || {
        Tar::new()
            .folder("./")
            .file("./oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)
            .file("index.json", r#"{"schemaVersion":2,"manifests":[]}"#)
            .link("blobs/link", "../index.json")
    };
    layout().write(&path);
    create(&path).await.finish().await.unwrap();
    let copied = names(&path);
    assert!(copied.contains(&"blobs/link".into()), "{copied:?}");

    for (archive, reason) in [
        (layout().raw("/etc/x", EntryType::Regular, ""), "absolute"),
        (layout().raw("../x", EntryType::Regular, ""), "`..`"),
        (layout().raw("a/../b", EntryType::Regular, ""), "`..`"),
        (layout().raw("a", EntryType::Symlink, "/etc"), "outside"),
        (
            layout().raw("a/b", EntryType::Symlink, "../../c"),
            "outside",
        ),
        (layout().raw("a", EntryType::Link, "/etc/passwd"), "outside"),
        (layout().raw("a", EntryType::Block, ""), "not a file"),
        (layout().raw("a", EntryType::Fifo, ""), "not a file"),
    ] {
        let bytes = archive.bytes();
        fs::write(&path, &bytes).unwrap();
        open(&path).await;
        let Err(error) = OciArchiveWriter::create(&path).await else {
            panic!("an archive was changed: {reason}")
        };
        assert!(error.message().contains(reason), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[tokio::test]
async fn ignores_names_that_point_outside_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let index = br#"{"schemaVersion":2,"manifests":[]}"#;
    let (here, there) = (Digest::sha256(b"here"), Digest::sha256(b"there"));
    let (here_name, there_name) = (
        format!("./blobs/sha256/{}", here.encoded_part()),
        format!("../blobs/sha256/{}", there.encoded_part()),
    );
    let content = tar_of(&[
        ("./oci-layout", LAYOUT),
        (&there_name, b"there"),
        ("x/../index.json", index),
        ("/index.json", b"no index"),
        (&here_name, b"here"),
    ]);
    fs::write(&path, content).unwrap();
    let layout = place(&open(&path).await);
    assert_eq!(layout.read_blob(&here).await.unwrap(), "here");
    expect_error(layout.read_blob(&there).await, &Kind::BlobUnknown);
    assert_eq!(files(folder.path()), ["a.tar"]);
}

#[tokio::test]
async fn reports_what_is_wrong_with_an_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let check = async |content: &[u8], kind: &Kind, expected: &str| {
        fs::write(&path, content).unwrap();
        let error = expect_error(OciArchive::open(&path).await.map(drop), kind);
        assert!(
            error.message().contains(expected) && error.message().contains("a.tar"),
            "{error}"
        );
        if !content.is_empty() {
            expect_error(OciArchiveWriter::create(&path).await.map(drop), kind);
        }
        assert_eq!(fs::read(&path).unwrap(), content);
    };
    let complete = tar_of(&[
        ("oci-layout", LAYOUT),
        ("index.json", b"{}"),
        ("x", &[1; 2000]),
    ]);
    check(b"\xfd7zXZ\0 rest", &Kind::Unsupported, "unxz").await;
    fs::write(&path, &gzip(&complete)[..40]).unwrap();
    let error = expect_error(
        OciArchive::open(&path).await.map(drop),
        &Kind::MANIFEST_INVALID,
    );
    assert!(error.message().starts_with("failed to read"), "{error}");
    check(
        &complete[..4000],
        &Kind::MANIFEST_INVALID,
        "x should end at byte",
    )
    .await;
    check(&[b'?'; 600], &Kind::MANIFEST_INVALID, "not a valid tar").await;
    check(
        &tar_of(&[("oci-layout", LAYOUT)]),
        &Kind::RepositoryUnknown,
        "file index.json does not exist",
    )
    .await;
    check(
        b"",
        &Kind::RepositoryUnknown,
        "file index.json does not exist",
    )
    .await;
    let torn = tar_of(&[("oci-layout", LAYOUT), ("index.json", b"{")]);
    check(&torn, &Kind::MANIFEST_INVALID, "failed to parse index.json").await;
    let error = expect_error(
        OciArchive::open(folder.path().join("none.tar"))
            .await
            .map(drop),
        &Kind::RepositoryUnknown,
    );
    assert!(error.message().contains("none.tar"), "{error}");
}
