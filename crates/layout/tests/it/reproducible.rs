//! Archives of the same images have the same bytes, regardless of the order in which the content
//! arrived.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use portolan_layout::{DockerArchiveWriter, OciArchiveWriter, Spool};
use portolan_model::Digest;
use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, image};
use portolan_registry::contract::{TestRepository, expect_error};
use portolan_registry::{Kind, Registry};

use crate::place::place;

fn images() -> [ImageFixture; 3] {
    ["one", "two", "three"].map(|name| image(name).layers(["shared", name]))
}

/// Pushes blobs in a given order, and the images in the same or the opposite order.
async fn push(layout: &TestRepository, order: usize) {
    let mut images = images();
    let mut blobs: Vec<Bytes> = images.iter().flat_map(ImageFixture::blobs).collect();
    blobs.push(blob("of no image"));
    let length = blobs.len();
    blobs.rotate_left(order % length);
    if order % 2 == 1 {
        blobs.reverse();
        images.reverse();
    }
    for content in blobs {
        layout
            .put_blob(&Digest::sha256(&content), content)
            .await
            .unwrap();
    }
    for image in &images {
        let tag = format!("tag-{}", &image.digest().encoded_part()[..8]);
        layout.push_image(image, &[&tag]).await;
    }
}

#[tokio::test]
async fn oci_archives_are_reproducible() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two, three] = images();
    let multi = IndexFixture::oci()
        .image(&one, "linux/amd64")
        .image(&three, "linux/arm64");
    let mut first = None;
    for order in 0..8 {
        let path = folder.path().join(format!("{order}.tar"));
        let writer = Arc::new(OciArchiveWriter::create(&path).await.unwrap());
        let layout = place(&writer);
        push(&layout, order).await;
        layout.push_index(&multi, &["multi"]).await;
        writer.finish().await.unwrap();
        let bytes = fs::read(&path).unwrap();
        assert!(
            *first.get_or_insert_with(|| bytes.clone()) == bytes,
            "order {order}"
        );
    }
    // The tree of the first tag comes first, each document before its children.
    let names = entry_names(&folder.path().join("0.tar"));
    let position = |digest: &Digest| {
        let name = format!("blobs/sha256/{}", digest.encoded_part());
        names.iter().position(|other| *other == name).unwrap()
    };
    assert!(position(&multi.digest()) < position(&one.digest()));
    assert!(position(&multi.digest()) < position(&two.digest()));
    assert_eq!(
        position(&one.digest()) + 1,
        position(&Digest::sha256(&one.blobs()[0]))
    );
    assert_eq!(names.first().unwrap(), "oci-layout");
    assert_eq!(names.last().unwrap(), "index.json");
}

fn entry_names(path: &Path) -> Vec<String> {
    let mut archive = tar::Archive::new(fs::File::open(path).unwrap());
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect()
}

#[tokio::test]
async fn docker_archives_are_reproducible() {
    let folder = tempfile::tempdir().unwrap();
    let name = "quay.io/team/app:any".parse().unwrap();
    let mut first = None;
    for order in 0..8 {
        let path = folder.path().join(format!("{order}.tar"));
        let writer = DockerArchiveWriter::create(&path, Some(&name))
            .await
            .unwrap();
        let writer = Arc::new(writer);
        push(&place(&writer), order).await;
        writer.finish().await.unwrap();
        let bytes = fs::read(&path).unwrap();
        assert!(
            *first.get_or_insert_with(|| bytes.clone()) == bytes,
            "order {order}"
        );
    }
}

#[tokio::test]
async fn writing_the_same_image_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let mut first = None;
    for order in 0..3 {
        let writer = Arc::new(OciArchiveWriter::create(&path).await.unwrap());
        push(&place(&writer), order).await;
        writer.finish().await.unwrap();
        let bytes = fs::read(&path).unwrap();
        assert!(
            *first.get_or_insert_with(|| bytes.clone()) == bytes,
            "order {order}"
        );
    }
}

/// Output that several owners share.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_stream_gets_the_same_bytes_as_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = Arc::new(OciArchiveWriter::create(&path).await.unwrap());
    push(&place(&writer), 0).await;
    writer.finish().await.unwrap();

    let output = Shared::default();
    let writer = OciArchiveWriter::create_stream("a pipe", output.clone(), Spool::default());
    let writer = Arc::new(writer.await.unwrap());
    push(&place(&writer), 1).await;
    assert!(
        output.0.lock().unwrap().is_empty(),
        "nothing is written before the end"
    );
    writer.finish().await.unwrap();
    assert!(*output.0.lock().unwrap() == fs::read(&path).unwrap());
    expect_error(writer.finish().await, &Kind::Unsupported);
}

#[tokio::test]
async fn a_stream_has_a_limit() {
    let name = "app:v1".parse().unwrap();
    let spool = Spool {
        limit: 1000,
        ..Spool::default()
    };
    let output = Shared::default();
    let oci = OciArchiveWriter::create_stream("a pipe", output.clone(), spool.clone());
    assert_limit(&Arc::new(oci.await.unwrap())).await;
    let docker = DockerArchiveWriter::create_stream("a pipe", output, spool, Some(&name));
    assert_limit(&Arc::new(docker.await.unwrap())).await;
}

async fn assert_limit<R: Registry + 'static>(writer: &Arc<R>) {
    let layout = place(writer);
    let content = |length| Bytes::from(vec![7; length]);
    let put = async |length: usize| {
        let content = content(length);
        let digest = Digest::sha256(&content);
        layout.put_blob(&digest, content).await
    };
    put(900).await.unwrap();
    expect_error(put(101).await, &Kind::TooLarge);
    let upload = layout.open_upload().await;
    let appended = layout.append_upload(&upload.id, None, content(101)).await;
    expect_error(appended.map(drop), &Kind::TooLarge);
    put(100).await.unwrap();
}
