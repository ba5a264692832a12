//! oci-archives: read where they lie, written in one stream.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use portolan_layout::{LayoutRegistry, OciArchive, OciArchiveWriter};
use portolan_model::ByteRange;
use portolan_model::Digest;
use portolan_model::fixtures::{Index, blob, image, sha512};
use portolan_registry::contract::{broken_off, refused};
use portolan_registry::{Body, Deletion, Kind, PutManifest};
use tokio::task::JoinSet;

use crate::place::{files, pieces, place};

async fn create(path: &Path) -> Arc<OciArchiveWriter> {
    Arc::new(OciArchiveWriter::create(path).await.unwrap())
}

async fn open(path: &Path) -> Arc<OciArchive> {
    Arc::new(OciArchive::open(path).await.unwrap())
}

/// The names in a tar, as another reader sees them.
fn names(path: &Path) -> Vec<String> {
    let mut archive = tar::Archive::new(File::open(path).unwrap());
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect()
}

#[tokio::test]
async fn what_was_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    let layout = place(&writer);
    let (one, two) = (
        image("one").layers(["x"]),
        image("two").layers(["y"]).docker(),
    );
    layout.image(&one, &[]).await;
    layout.image(&two, &[]).await;
    let multi = Index::oci()
        .image(&one, "linux/amd64")
        .image(&two, "linux/arm64");
    layout.index(&multi, &["v1"]).await;
    let long = sha512(&blob("long"));
    layout
        .put_blob(&long, pieces(["the content", " called long"]))
        .await
        .unwrap();
    assert_eq!(
        layout.read(&long).await.unwrap(),
        blob("long"),
        "it is read while it is written"
    );
    assert!(!path.exists(), "nothing is there before the end");
    writer.finish().await.unwrap();
    assert_eq!(files(folder.path()), ["a.tar"]);

    let archive = open(&path).await;
    assert_eq!(
        archive.only_manifest().await.unwrap().digest,
        multi.digest()
    );
    let layout = place(&archive);
    layout
        .serves("v1", &multi.digest(), &multi.media_type(), &multi.bytes())
        .await;
    for image in [one, two] {
        layout
            .serves(
                image.digest(),
                &image.digest(),
                &image.media_type(),
                &image.bytes(),
            )
            .await;
        for content in image.blobs() {
            assert_eq!(
                layout.read(&Digest::sha256(&content)).await.unwrap(),
                content
            );
        }
    }
    assert_eq!(layout.read(&long).await.unwrap(), blob("long"));
    let part = layout
        .read_range(&long, Some(ByteRange::Closed { first: 4, last: 10 }))
        .await
        .unwrap();
    assert_eq!(
        part,
        (blob("long").len() as u64, 4..11, Bytes::from("content"))
    );
    assert!(names(&path).contains(&format!("blobs/sha512/{}", long.encoded())));
}

#[tokio::test]
async fn an_archive_unpacks_to_a_layout() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    let digest = place(&writer).image(&image("a"), &["v1"]).await;
    writer.finish().await.unwrap();
    let unpacked = folder.path().join("unpacked");
    tar::Archive::new(File::open(&path).unwrap())
        .unpack(&unpacked)
        .unwrap();
    let layout = Arc::new(LayoutRegistry::open(&unpacked).await.unwrap());
    assert_eq!(place(&layout).tagged("v1").await, Some(digest));
    assert_eq!(layout.orphans().await.unwrap(), []);
}

#[tokio::test]
async fn what_was_there_is_carried_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    for name in ["v1", "v2", "v3"] {
        let writer = create(&path).await;
        place(&writer)
            .image(&image(name).layers(["base", name]), &[name])
            .await;
        writer.finish().await.unwrap();
    }
    let layout = place(&open(&path).await);
    for name in ["v1", "v2", "v3"] {
        let image = image(name).layers(["base", name]);
        layout
            .serves(name, &image.digest(), &image.media_type(), &image.bytes())
            .await;
        for content in image.blobs() {
            assert_eq!(
                layout.read(&Digest::sha256(&content)).await.unwrap(),
                content
            );
        }
    }
    let mut unique = names(&path);
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names(&path).len(), "nothing is there twice");
}

#[tokio::test]
async fn a_link_stays_and_the_file_behind_it_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (link, path) = (
        folder.path().join("link.tar"),
        folder.path().join("elsewhere/a.tar"),
    );
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    symlink("elsewhere/a.tar", &link).unwrap();
    for name in ["v1", "v2"] {
        let writer = create(&link).await;
        place(&writer).image(&image(name), &[name]).await;
        writer.finish().await.unwrap();
    }
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("elsewhere/a.tar"));
    let layout = place(&open(&path).await);
    for name in ["v1", "v2"] {
        assert_eq!(layout.tagged(name).await, Some(image(name).digest()));
    }
}

#[tokio::test]
async fn what_is_no_regular_file_is_left_alone() {
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
            "{} is no regular file, and an archive needs a regular file",
            path.display()
        );
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    assert_eq!(files(folder.path()), ["link", "pipe"]);
}

#[tokio::test]
async fn permissions_stay_as_they_were() {
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
async fn without_an_end_nothing_has_happened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    place(&writer).image(&image("a"), &["v1"]).await;
    writer.finish().await.unwrap();
    let before = fs::read(&path).unwrap();

    let writer = create(&path).await;
    place(&writer).image(&image("b"), &["v1"]).await;
    drop(writer);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(files(folder.path()), ["a.tar"]);
}

#[tokio::test]
async fn a_change_by_somebody_else_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let (one, other) = (create(&path).await, create(&path).await);
    let first = place(&one).image(&image("a"), &["v1"]).await;
    place(&other).image(&image("b"), &["v1"]).await;
    one.finish().await.unwrap();
    refused(other.finish().await, &Kind::PreconditionFailed);
    assert_eq!(place(&open(&path).await).tagged("v1").await, Some(first));
    assert_eq!(files(folder.path()), ["a.tar"]);
}

#[tokio::test]
async fn what_is_finished_takes_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let writer = create(&folder.path().join("a.tar")).await;
    let layout = place(&writer);
    let upload = layout.start().await;
    layout.image(&image("a"), &["v1"]).await;
    writer.finish().await.unwrap();
    let x = Digest::sha256(b"x");
    refused(
        layout.put_blob(&x, Bytes::from("x")).await,
        &Kind::Unsupported,
    );
    refused(
        layout.finish(&upload.id, None, Bytes::from("x"), &x).await,
        &Kind::Unsupported,
    );
    refused(
        layout
            .put(image("a").bytes(), &image("a").media_type(), &["v2"])
            .await,
        &Kind::Unsupported,
    );
    refused(writer.finish().await, &Kind::Unsupported);
}

#[tokio::test]
async fn what_fails_is_cut_off_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    let layout = place(&writer);
    layout.blob("before").await;
    refused(
        layout
            .put_blob(&Digest::sha256(b"other"), pieces(["x", "y"]))
            .await,
        &Kind::DigestInvalid,
    );
    refused(
        layout
            .put_blob(&Digest::sha256(b"0123"), broken_off(b"01"))
            .await,
        &Kind::BodyIncomplete,
    );
    layout.blob("before").await;
    layout.image(&image("a").layers([]), &["v1"]).await;
    writer.finish().await.unwrap();
    let blobs: Vec<_> = names(&path)
        .into_iter()
        .filter(|name| name.starts_with("blobs/"))
        .collect();
    assert_eq!(
        blobs.len(),
        3,
        "one blob, the config, the manifest: {blobs:?}"
    );
    assert_eq!(
        place(&open(&path).await)
            .read(&Digest::sha256(b"before"))
            .await
            .unwrap(),
        "before"
    );
}

#[tokio::test]
async fn sessions_end_as_blobs_whichever_way_they_came() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    let layout = place(&writer);
    let (one, other, cancelled) = (
        layout.start().await,
        layout.start().await,
        layout.start().await,
    );
    layout
        .write(&one.id, Some(0), Bytes::from("01"))
        .await
        .unwrap();
    layout
        .write(&other.id, Some(0), Bytes::from("the other"))
        .await
        .unwrap();
    layout
        .write(&cancelled.id, Some(0), Bytes::from("cancelled"))
        .await
        .unwrap();
    layout
        .write(&one.id, Some(2), Bytes::from("23"))
        .await
        .unwrap();
    refused(
        layout.write(&one.id, Some(4), broken_off(b"45")).await,
        &Kind::BodyIncomplete,
    );
    assert_eq!(layout.status(&one.id).await.unwrap().offset, 6);
    layout.cancel(&cancelled.id).await.unwrap();
    refused(layout.status(&cancelled.id).await, &Kind::UploadUnknown);

    let (digest, long) = (Digest::sha256(b"01234567"), sha512(b"the other"));
    layout
        .finish(&one.id, Some(6), Bytes::from("67"), &digest)
        .await
        .unwrap();
    layout
        .finish(&other.id, Some(9), Bytes::new(), &long)
        .await
        .unwrap();
    let broken = layout.start().await;
    refused(
        layout.write(&broken.id, Some(0), broken_off(b"ab")).await,
        &Kind::BodyIncomplete,
    );
    layout
        .finish(
            &broken.id,
            Some(2),
            Bytes::from("c"),
            &Digest::sha256(b"abc"),
        )
        .await
        .unwrap();
    writer.finish().await.unwrap();

    let layout = place(&open(&path).await);
    assert_eq!(layout.read(&digest).await.unwrap(), "01234567");
    assert_eq!(layout.read(&long).await.unwrap(), "the other");
    assert_eq!(layout.read(&Digest::sha256(b"abc")).await.unwrap(), "abc");
}

#[tokio::test]
async fn a_session_that_comes_in_one_piece_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path).await;
    let layout = place(&writer);
    let upload = layout.start().await;
    layout
        .write(&upload.id, Some(0), pieces(["01", "23"]))
        .await
        .unwrap();
    let digest = Digest::sha256(b"0123");
    refused(layout.read(&digest).await, &Kind::BlobUnknown);
    layout
        .finish(&upload.id, None, Bytes::new(), &digest)
        .await
        .unwrap();
    assert_eq!(layout.read(&digest).await.unwrap(), "0123");
    writer.finish().await.unwrap();
    assert_eq!(
        names(&path),
        [
            "oci-layout".to_owned(),
            format!("blobs/sha256/{}", digest.encoded()),
            "index.json".into()
        ]
    );
}

/// A body of many pieces that lets others go first between them.
fn slowly(text: String) -> Body {
    Body::stream(stream::unfold(text, |mut rest| async move {
        tokio::task::yield_now().await;
        let piece: String = rest.drain(..rest.len().min(3)).collect();
        (!piece.is_empty()).then(|| (Ok(Bytes::from(piece)), rest))
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_at_once_lies_in_order() {
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
                    let upload = layout.start().await;
                    layout
                        .write(&upload.id, Some(0), slowly(text))
                        .await
                        .unwrap();
                    layout
                        .finish(&upload.id, None, Bytes::new(), &digest)
                        .await
                        .unwrap();
                }
                _ => {
                    let upload = layout.start().await;
                    let (first, second) = text.split_at(text.len() / 2);
                    layout
                        .write(&upload.id, None, slowly(first.to_owned()))
                        .await
                        .unwrap();
                    layout
                        .finish(&upload.id, None, slowly(second.to_owned()), &digest)
                        .await
                        .unwrap();
                }
            }
            layout
                .image(&image(&number.to_string()), &[&format!("v{number}")])
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
            layout.read(&Digest::sha256(text.as_bytes())).await.unwrap(),
            text
        );
        layout
            .serves(
                format!("v{number}"),
                &image.digest(),
                &image.media_type(),
                &image.bytes(),
            )
            .await;
    }
}

#[tokio::test]
async fn an_archive_is_only_added_to() {
    let folder = tempfile::tempdir().unwrap();
    let writer = create(&folder.path().join("a.tar")).await;
    let layout = place(&writer);
    let digest = layout.image(&image("a"), &["v1", "v2"]).await;
    refused(
        layout.delete_manifest(&digest, Deletion::Guarded).await,
        &Kind::Unsupported,
    );
    refused(
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
    refused(
        layout.put_with(missing.bytes(), options).await,
        &Kind::ContentMissing,
    );
}

/// A tar with these files, each as its name and what it holds.
fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // As it stands, also where it leads out of the archive.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

#[tokio::test]
async fn names_that_lead_elsewhere_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let index = br#"{"schemaVersion":2,"manifests":[]}"#;
    let (here, there) = (Digest::sha256(b"here"), Digest::sha256(b"there"));
    let (here_name, there_name) = (
        format!("./blobs/sha256/{}", here.encoded()),
        format!("../blobs/sha256/{}", there.encoded()),
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
    assert_eq!(layout.read(&here).await.unwrap(), "here");
    refused(layout.read(&there).await, &Kind::BlobUnknown);
    assert_eq!(files(folder.path()), ["a.tar"]);
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let said = async |content: &[u8], kind: &Kind, words: &str| {
        fs::write(&path, content).unwrap();
        let error = refused(OciArchive::open(&path).await.map(drop), kind);
        assert!(
            error.message().contains(words) && error.message().contains("a.tar"),
            "{error}"
        );
        if !content.is_empty() {
            refused(OciArchiveWriter::create(&path).await.map(drop), kind);
        }
        assert_eq!(fs::read(&path).unwrap(), content);
    };
    let whole = tar_of(&[
        ("oci-layout", LAYOUT),
        ("index.json", b"{}"),
        ("x", &[1; 2000]),
    ]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&whole).unwrap();
    said(&gzip.finish().unwrap(), &Kind::Unsupported, "gunzip").await;
    said(b"\x28\xb5\x2f\xfd rest", &Kind::Unsupported, "zstd -d").await;
    said(
        &whole[..4000],
        &Kind::ManifestInvalid,
        "x should go up to byte",
    )
    .await;
    said(&[b'?'; 600], &Kind::ManifestInvalid, "no tar archive").await;
    said(
        &tar_of(&[("index.json", b"{}")]),
        &Kind::RepositoryUnknown,
        "no file oci-layout",
    )
    .await;
    said(
        &tar_of(&[("oci-layout", LAYOUT)]),
        &Kind::RepositoryUnknown,
        "no file index.json",
    )
    .await;
    said(b"", &Kind::RepositoryUnknown, "no file oci-layout").await;
    let torn = tar_of(&[("oci-layout", LAYOUT), ("index.json", b"{")]);
    said(&torn, &Kind::ManifestInvalid, "index.json cannot be read").await;
    let error = refused(
        OciArchive::open(folder.path().join("none.tar"))
            .await
            .map(drop),
        &Kind::RepositoryUnknown,
    );
    assert!(error.message().contains("none.tar"), "{error}");
}
