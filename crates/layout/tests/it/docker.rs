//! docker-archives: those of docker old and new are read, and written as docker, podman and skopeo take them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use portolan_layout::{DockerArchive, DockerArchiveWriter, Name};
use portolan_model::fixtures::{Image, Index, blob, image};
use portolan_model::{Digest, MediaType};
use portolan_registry::contract::refused;
use portolan_registry::{Error, Kind};
use serde_json::{Value, json};

use crate::place::place;

const PLAIN: &str = "application/vnd.docker.image.rootfs.diff.tar";

async fn open(path: &Path) -> Arc<DockerArchive> {
    Arc::new(DockerArchive::open(path).await.unwrap())
}

async fn create(path: &Path, name: Option<&str>) -> Arc<DockerArchiveWriter> {
    let name = name.map(|name| name.parse().unwrap());
    Arc::new(
        DockerArchiveWriter::create(path, name.as_ref())
            .await
            .unwrap(),
    )
}

/// A config that knows these uncompressed layers.
fn config(layers: &[&[u8]]) -> Bytes {
    let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::sha256(layer)).collect();
    json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
        .to_string()
        .into()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A tar in the making.
struct Tar(tar::Builder<Vec<u8>>);

impl Tar {
    fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.as_ref().len() as u64);
        self.0
            .append_data(&mut header, name, content.as_ref())
            .unwrap();
        self
    }

    fn link(mut self, name: &str, target: &str) -> Self {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        self.0.append_link(&mut header, name, target).unwrap();
        self
    }

    fn write(self, path: &Path) {
        fs::write(path, self.0.into_inner().unwrap()).unwrap();
    }
}

/// The manifest that has to be made of a config and layers.
fn expected(config: &[u8], layers: &[(&str, &[u8])]) -> String {
    let describe = |media_type: &str, content: &[u8]| {
        let (digest, size) = (Digest::sha256(content), content.len());
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
    };
    let layers: Vec<_> = layers
        .iter()
        .map(|(media_type, content)| describe(media_type, content))
        .collect();
    let (manifest, config) = (
        MediaType::DOCKER_MANIFEST,
        describe(MediaType::DOCKER_CONFIG, config),
    );
    let layers = layers.join(",");
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{manifest}","config":{config},"layers":[{layers}]}}"#
    )
}

fn names(names: &[Name]) -> Vec<(&str, &Digest)> {
    names
        .iter()
        .map(|name| (name.name.as_str(), &name.descriptor.digest))
        .collect()
}

/// `manifest.json` as another reader sees it.
fn list(path: &Path) -> Value {
    let mut archive = tar::Archive::new(File::open(path).unwrap());
    let mut lists = archive.entries().unwrap().filter_map(|entry| {
        let mut entry = entry.unwrap();
        (entry.path().unwrap().as_ref() == Path::new("manifest.json")).then(|| {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            serde_json::from_str(&text).unwrap()
        })
    });
    let list = lists.next().unwrap();
    assert!(lists.next().is_none(), "there is one list");
    list
}

/// Two images as docker wrote them before version 25: the second has the first one's layer by a link.
fn old_style(path: &Path) -> (String, String) {
    let (base, top): (&[u8], &[u8]) = (b"the base", b"the top");
    let (one, two) = (config(&[base]), config(&[base, top]));
    let list = json!([
        {"Config": "one.json", "RepoTags": ["x:1", "docker.io/library/x:latest"], "Layers": ["aa/layer.tar"]},
        {"Config": "two.json", "RepoTags": ["quay.io:443/team/app:v2"], "Layers": ["bb/layer.tar", "cc/layer.tar"]},
    ]);
    Tar::new()
        .file("aa/VERSION", "1.0")
        .file("aa/layer.tar", base)
        .file("one.json", &one)
        .link("bb/layer.tar", "../aa/layer.tar")
        .file("cc/layer.tar", top)
        .file("two.json", &two)
        .file("manifest.json", list.to_string())
        .file("repositories", "{}")
        .write(path);
    (
        expected(&one, &[(PLAIN, base)]),
        expected(&two, &[(PLAIN, base), (PLAIN, top)]),
    )
}

#[tokio::test]
async fn what_an_old_docker_saved_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let (one, two) = old_style(&path);
    let (first, second) = (
        Digest::sha256(one.as_bytes()),
        Digest::sha256(two.as_bytes()),
    );
    let archive = open(&path).await;
    let layout = place(&archive);
    let docker = MediaType::new(MediaType::DOCKER_MANIFEST);
    layout.serves("1", &first, &docker, one.as_bytes()).await;
    layout
        .serves(&second, &second, &docker, two.as_bytes())
        .await;
    for content in [
        &b"the base"[..],
        b"the top",
        &config(&[b"the base", b"the top"]),
    ] {
        assert_eq!(
            layout.read(&Digest::sha256(content)).await.unwrap(),
            content
        );
    }

    assert_eq!(
        names(&archive.names().await.unwrap()),
        [
            ("x:1", &first),
            ("docker.io/library/x:latest", &first),
            ("quay.io:443/team/app:v2", &second)
        ]
    );
    for (name, digest) in [
        ("x:1", &first),
        ("docker.io/library/x:1", &first),
        ("x:latest", &first),
        ("latest", &first),
        ("quay.io:443/team/app:v2", &second),
        (second.as_str(), &second),
    ] {
        assert_eq!(
            archive.resolve(name).await.unwrap().digest,
            *digest,
            "{name}"
        );
    }
    assert_eq!(layout.tags().await.unwrap(), ["1", "latest", "v2"]);
    let error = refused(archive.only_manifest().await, &Kind::Unsupported);
    assert!(
        error
            .message()
            .contains("x:1, docker.io/library/x:latest, quay.io:443/team/app:v2"),
        "{error}"
    );
}

#[tokio::test]
async fn what_a_new_docker_saved_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let (plain, compressed) = (b"the base".to_vec(), gzip(b"the top"));
    let config = config(&[&plain, b"the top"]);
    let name = |content: &[u8]| format!("blobs/sha256/{}", Digest::sha256(content).encoded());
    let list = json!([{"Config": name(&config), "RepoTags": null, "Layers": [name(&plain), name(&compressed)]}]);
    Tar::new()
        .file(&name(&plain), &plain)
        .file(&name(&compressed), &compressed)
        .file(&name(&config), &config)
        .file("index.json", r#"{"schemaVersion":2,"manifests":[]}"#)
        .file("manifest.json", list.to_string())
        .file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)
        .write(&path);
    let manifest = expected(
        &config,
        &[(PLAIN, &plain), (MediaType::DOCKER_LAYER_GZIP, &compressed)],
    );
    let digest = Digest::sha256(manifest.as_bytes());
    let archive = open(&path).await;
    assert_eq!(archive.only_manifest().await.unwrap().digest, digest);
    let layout = place(&archive);
    layout
        .serves(
            &digest,
            &digest,
            &MediaType::new(MediaType::DOCKER_MANIFEST),
            manifest.as_bytes(),
        )
        .await;
    assert_eq!(
        layout.read(&Digest::sha256(&compressed)).await.unwrap(),
        compressed
    );
}

#[tokio::test]
async fn a_compressed_layer_has_the_digest_of_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let (layer, config) = (gzip(b"layer"), config(&[b"layer"]));
    let list =
        json!([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l.tar.gz"]}]).to_string();
    Tar::new()
        .file("manifest.json", list)
        .file("c.json", &config)
        .file("l.tar.gz", &layer)
        .write(&path);
    let manifest = expected(&config, &[(MediaType::DOCKER_LAYER_GZIP, &layer)]);
    let layout = place(&open(&path).await);
    assert_eq!(
        layout.tagged("1").await,
        Some(Digest::sha256(manifest.as_bytes()))
    );
    assert_eq!(layout.read(&Digest::sha256(&layer)).await.unwrap(), layer);
}

#[tokio::test]
async fn a_layer_that_is_not_what_its_config_says_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let list = json!([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l.tar"]}]).to_string();
    Tar::new()
        .file("manifest.json", list)
        .file("c.json", config(&[b"right"]))
        .file("l.tar", "wrong")
        .write(&path);
    let layout = place(&open(&path).await);
    refused(
        layout.read(&Digest::sha256(b"right")).await,
        &Kind::DigestInvalid,
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let said = async |tar: Tar, kind: &Kind, words: &str| {
        tar.write(&path);
        let error = refused(DockerArchive::open(&path).await.map(drop), kind);
        assert!(
            error.message().contains("a.tar") && error.message().contains(words),
            "{error}"
        );
    };
    let listed = |layers: &[&str]| {
        let list = json!([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": layers}]).to_string();
        Tar::new()
            .file("manifest.json", list)
            .file("zstd", b"\x28\xb5\x2f\xfd")
            .file("plain", "plain")
    };
    said(
        Tar::new().file("index.json", "{}"),
        &Kind::RepositoryUnknown,
        "no file manifest.json",
    )
    .await;
    said(
        Tar::new().file("manifest.json", "{}"),
        &Kind::ManifestInvalid,
        "cannot be read",
    )
    .await;
    said(listed(&[]), &Kind::ContentMissing, "c.json").await;
    said(
        listed(&[]).file("c.json", "{"),
        &Kind::ManifestInvalid,
        "config cannot be read",
    )
    .await;
    said(
        listed(&[]).file("c.json", config(&[b"1"])),
        &Kind::ManifestInvalid,
        "0 layers",
    )
    .await;
    said(
        listed(&["none"]).file("c.json", config(&[b"1"])),
        &Kind::ContentMissing,
        "no file none",
    )
    .await;
    said(
        listed(&["zstd"]).file("c.json", config(&[b"1"])),
        &Kind::Unsupported,
        "oci-archive:",
    )
    .await;
    let looped = listed(&["a"])
        .file("c.json", config(&[b"1"]))
        .link("a", "b")
        .link("b", "a");
    said(looped, &Kind::ContentMissing, "no file a").await;
    let outside = listed(&["a"])
        .file("c.json", config(&[b"1"]))
        .link("a", "../../etc/passwd");
    said(outside, &Kind::ContentMissing, "no file a").await;
}

#[tokio::test]
async fn an_archive_is_written_as_docker_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let image = image("a").layers(["x", "y"]);
    let writer = create(&path, Some("x:ignored")).await;
    place(&writer).image(&image, &["1", "latest"]).await;
    writer.finish().await.unwrap();
    let name = |content: &Bytes| format!("blobs/sha256/{}", Digest::sha256(content).encoded());
    let blobs = image.blobs();
    assert_eq!(
        list(&path),
        json!([{
            "Config": name(&blobs[0]),
            "RepoTags": ["docker.io/library/x:1", "docker.io/library/x:latest"],
            "Layers": [name(&blobs[1]), name(&blobs[2])],
        }])
    );
}

/// An image whose config knows its layers, which are plain or have gzip.
fn loadable(layers: &[(&str, &[u8], &[u8])]) -> (Image, Vec<Bytes>) {
    let config = config(
        &layers
            .iter()
            .map(|(_, _, plain)| *plain)
            .collect::<Vec<_>>(),
    );
    let describe = |media_type: &str, content: &[u8]| json!({"mediaType": media_type, "digest": Digest::sha256(content), "size": content.len()});
    let descriptors: Vec<_> = layers
        .iter()
        .map(|(media_type, content, _)| describe(media_type, content))
        .collect();
    let image = image("loadable")
        .layers([])
        .field("config", describe(MediaType::OCI_CONFIG, &config))
        .field("layers", json!(descriptors));
    let contents = layers
        .iter()
        .map(|(_, content, _)| Bytes::copy_from_slice(content));
    (image, std::iter::once(config).chain(contents).collect())
}

async fn put(writer: &Arc<DockerArchiveWriter>, image: &Image, blobs: &[Bytes], tags: &[&str]) {
    let layout = place(writer);
    for content in blobs {
        layout.blob(content.clone()).await;
    }
    layout
        .manifest(image.bytes(), &image.media_type(), tags)
        .await;
}

#[tokio::test]
async fn what_was_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let compressed = gzip(b"top");
    let (image, blobs) = loadable(&[
        ("application/vnd.oci.image.layer.v1.tar", b"base", b"base"),
        (MediaType::OCI_LAYER_GZIP, &compressed, b"top"),
    ]);
    let writer = create(&path, Some("quay.io/team/app")).await;
    put(&writer, &image, &blobs, &["v1"]).await;
    writer.finish().await.unwrap();

    let archive = open(&path).await;
    let layout = place(&archive);
    let manifest = expected(
        &blobs[0],
        &[
            (PLAIN, b"base"),
            (MediaType::DOCKER_LAYER_GZIP, &compressed),
        ],
    );
    let digest = Digest::sha256(manifest.as_bytes());
    assert_eq!(
        names(&archive.names().await.unwrap()),
        [("quay.io/team/app:v1", &digest)]
    );
    for content in blobs {
        assert_eq!(
            layout.read(&Digest::sha256(&content)).await.unwrap(),
            content
        );
    }
}

#[tokio::test]
async fn what_was_there_is_carried_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let (one, two) = old_style(&path);
    let (first, second) = (
        Digest::sha256(one.as_bytes()),
        Digest::sha256(two.as_bytes()),
    );
    let (image, blobs) = loadable(&[("application/vnd.oci.image.layer.v1.tar", b"new", b"new")]);
    let writer = create(&path, Some("x")).await;
    assert_eq!(
        place(&writer).tags().await.unwrap(),
        ["1", "latest"],
        "tags of other repositories are none here"
    );
    put(&writer, &image, &blobs, &["v2", "latest"]).await;
    writer.finish().await.unwrap();

    let archive = open(&path).await;
    let third = Digest::sha256(expected(&blobs[0], &[(PLAIN, b"new")]).as_bytes());
    assert_eq!(
        names(&archive.names().await.unwrap()),
        [
            ("x:1", &first),
            ("quay.io:443/team/app:v2", &second),
            ("docker.io/library/x:v2", &third),
            ("docker.io/library/x:latest", &third),
        ]
    );
    let layout = place(&archive);
    for content in [&b"the base"[..], b"the top", b"new"] {
        assert_eq!(
            layout.read(&Digest::sha256(content)).await.unwrap(),
            content
        );
    }
    refused(layout.get("v2").await, &Kind::Unsupported);
}

#[tokio::test]
async fn an_image_may_have_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let (image, blobs) = loadable(&[]);
    let writer = create(&path, None).await;
    let tagged = place(&writer)
        .put(image.bytes(), &image.media_type(), &["v1"])
        .await;
    assert!(
        refused(tagged, &Kind::Unsupported)
            .message()
            .contains("whole names")
    );
    put(&writer, &image, &blobs, &[]).await;
    writer.finish().await.unwrap();
    assert_eq!(list(&path)[0]["RepoTags"], Value::Null);
    assert!(open(&path).await.only_manifest().await.is_ok());
}

#[tokio::test]
async fn what_docker_would_not_load_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path, Some("x")).await;
    let layout = place(&writer);
    layout.image(&image("a"), &[]).await;
    for name in ["zstd", "foreign", "artifact"] {
        layout.blob(blob(name)).await;
    }
    let put = async |bytes: Bytes, media_type: MediaType| -> Error {
        refused(
            layout.put(bytes, &media_type, &["v1"]).await,
            &Kind::Unsupported,
        )
    };
    let multi = Index::oci().image(&image("a"), "linux/amd64");
    let error = put(multi.bytes(), multi.media_type()).await;
    assert!(error.message().contains("--platform"), "{error}");
    for (media_type, name) in [
        ("application/vnd.oci.image.layer.v1.tar+zstd", "zstd"),
        (
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "foreign",
        ),
        ("application/vnd.in-toto+json", "artifact"),
    ] {
        let image = image("a").layer_of_type(media_type, name);
        let error = put(image.bytes(), image.media_type()).await;
        assert!(
            error.message().contains(media_type) && error.message().contains("/layers/1"),
            "{error}"
        );
        let early = refused(
            DockerArchiveWriter::accepts(&image.manifest()),
            &Kind::Unsupported,
        );
        assert_eq!(early.message(), error.message());
    }
    let artifact = image("a").field(
        "config",
        json!({"mediaType": MediaType::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2}),
    );
    let error = put(artifact.bytes(), artifact.media_type()).await;
    assert!(error.message().contains("/config"), "{error}");
    assert!(
        put("{}".into(), MediaType::new("a/b"))
            .await
            .message()
            .contains("oci-archive")
    );
    assert!(DockerArchiveWriter::accepts(&image("a").manifest()).is_ok());
}
