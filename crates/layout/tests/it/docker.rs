//! docker-archives: reading those of old and new versions of docker, and writing those that docker,
//! podman and skopeo accept.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use portolan_layout::{DockerArchive, DockerArchiveWriter, ManifestName};
use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, image};
use portolan_model::{Digest, MediaType};
use portolan_registry::contract::expect_error;
use portolan_registry::{Error, Kind};
use serde_json::{Value, json};

use crate::place::{Tar, gzip, place};

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

/// Returns a config with the digests of these uncompressed layers.
fn config(layers: &[&[u8]]) -> Bytes {
    let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::sha256(layer)).collect();
    json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
        .to_string()
        .into()
}

/// Returns the manifest that must be generated for a config and layers.
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

fn names(names: &[ManifestName]) -> Vec<(&str, &Digest)> {
    names
        .iter()
        .map(|name| (name.name.as_str(), &name.descriptor.digest))
        .collect()
}

/// Returns `manifest.json` as another reader sees it.
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
    assert!(lists.next().is_none(), "there is only one list");
    list
}

/// Writes two images as docker did before version 25. The second one shares a layer with the first
/// through a link.
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
async fn reads_archives_of_old_docker_versions() {
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
    layout
        .assert_serves("1", &first, &docker, one.as_bytes())
        .await;
    layout
        .assert_serves(&second, &second, &docker, two.as_bytes())
        .await;
    for content in [
        &b"the base"[..],
        b"the top",
        &config(&[b"the base", b"the top"]),
    ] {
        assert_eq!(
            layout.read_blob(&Digest::sha256(content)).await.unwrap(),
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
        ("x", &first),
        ("docker.io/x", &first),
        ("index.docker.io/library/x:latest", &first),
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
    let error = expect_error(archive.only_manifest().await, &Kind::Unsupported);
    assert!(
        error
            .help()
            .unwrap()
            .contains("x:1, docker.io/library/x:latest, quay.io:443/team/app:v2"),
        "{error}"
    );
}

#[tokio::test]
async fn reads_archives_of_new_docker_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let (plain, compressed) = (b"the base".to_vec(), gzip(b"the top"));
    let config = config(&[&plain, b"the top"]);
    let name = |content: &[u8]| format!("blobs/sha256/{}", Digest::sha256(content).encoded_part());
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
        .assert_serves(
            &digest,
            &digest,
            &MediaType::new(MediaType::DOCKER_MANIFEST),
            manifest.as_bytes(),
        )
        .await;
    assert_eq!(
        layout
            .read_blob(&Digest::sha256(&compressed))
            .await
            .unwrap(),
        compressed
    );
}

#[tokio::test]
async fn computes_the_digest_of_a_compressed_layer() {
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
        layout.resolve_tag("1").await,
        Some(Digest::sha256(manifest.as_bytes()))
    );
    assert_eq!(
        layout.read_blob(&Digest::sha256(&layer)).await.unwrap(),
        layer
    );
}

#[tokio::test]
async fn rejects_a_layer_that_does_not_match_its_config() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let list = json!([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l.tar"]}]).to_string();
    Tar::new()
        .file("manifest.json", list)
        .file("c.json", config(&[b"right"]))
        .file("l.tar", "wrong")
        .write(&path);
    let layout = place(&open(&path).await);
    expect_error(
        layout.read_blob(&Digest::sha256(b"right")).await,
        &Kind::DigestInvalid,
    );
}

#[tokio::test]
async fn reports_what_is_wrong_with_an_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let check = async |tar: Tar, kind: &Kind, expected: &str| {
        tar.write(&path);
        let error = expect_error(DockerArchive::open(&path).await.map(drop), kind);
        assert!(
            error.message().contains("a.tar") && error.message().contains(expected),
            "{error}"
        );
    };
    let listed = |layers: &[&str]| {
        let list = json!([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": layers}]).to_string();
        Tar::new()
            .file("manifest.json", list)
            .file("zstd", b"\x28\xb5\x2f\xfd")
            .file("bzip2", b"BZh91AY&SY")
            .file("plain", "plain")
    };
    check(
        Tar::new().file("index.json", "{}"),
        &Kind::RepositoryUnknown,
        "file manifest.json does not exist",
    )
    .await;
    check(
        Tar::new().file("manifest.json", "{}"),
        &Kind::MANIFEST_INVALID,
        "failed to parse manifest.json",
    )
    .await;
    check(listed(&[]), &Kind::CONTENT_MISSING, "c.json").await;
    check(
        listed(&[]).file("c.json", "{"),
        &Kind::MANIFEST_INVALID,
        "failed to parse the config",
    )
    .await;
    check(
        listed(&[]).file("c.json", config(&[b"1"])),
        &Kind::MANIFEST_INVALID,
        "0 layers",
    )
    .await;
    check(
        listed(&["none"]).file("c.json", config(&[b"1"])),
        &Kind::CONTENT_MISSING,
        "file none does not exist",
    )
    .await;
    check(
        listed(&["zstd"]).file("c.json", config(&[b"1"])),
        &Kind::Unsupported,
        "oci-archive:",
    )
    .await;
    check(
        listed(&["bzip2"]).file("c.json", config(&[b"1"])),
        &Kind::Unsupported,
        "layer bzip2 is compressed with bzip2",
    )
    .await;
    let looped = listed(&["a"])
        .file("c.json", config(&[b"1"]))
        .link("a", "b")
        .link("b", "a");
    check(looped, &Kind::CONTENT_MISSING, "file a does not exist").await;
    let outside = listed(&["a"])
        .file("c.json", config(&[b"1"]))
        .link("a", "../../etc/passwd");
    check(outside, &Kind::CONTENT_MISSING, "file a does not exist").await;
}

#[tokio::test]
async fn writes_an_archive_that_docker_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let image = image("a").layers(["x", "y"]);
    let writer = create(&path, Some("x:ignored")).await;
    place(&writer).push_image(&image, &["1", "latest"]).await;
    writer.finish().await.unwrap();
    let name = |content: &Bytes| format!("blobs/sha256/{}", Digest::sha256(content).encoded_part());
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

/// Returns an image whose config has the digests of its layers, which are uncompressed or use gzip.
fn loadable(layers: &[(&str, &[u8], &[u8])]) -> (ImageFixture, Vec<Bytes>) {
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

async fn put(
    writer: &Arc<DockerArchiveWriter>,
    image: &ImageFixture,
    blobs: &[Bytes],
    tags: &[&str],
) {
    let layout = place(writer);
    for content in blobs {
        layout.push_blob(content.clone()).await;
    }
    layout
        .push_manifest(image.bytes(), &image.media_type(), tags)
        .await;
}

#[tokio::test]
async fn reads_a_written_archive() {
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
            layout.read_blob(&Digest::sha256(&content)).await.unwrap(),
            content
        );
    }
}

#[tokio::test]
async fn preserves_existing_contents() {
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
        "tags of other repositories are not listed"
    );
    put(&writer, &image, &blobs, &["v2", "latest"]).await;
    writer.finish().await.unwrap();

    let archive = open(&path).await;
    let third = Digest::sha256(expected(&blobs[0], &[(PLAIN, b"new")]).as_bytes());
    assert_eq!(
        names(&archive.names().await.unwrap()),
        [
            ("x:1", &first),
            ("docker.io/library/x:latest", &third),
            ("docker.io/library/x:v2", &third),
            ("quay.io:443/team/app:v2", &second),
        ]
    );
    let layout = place(&archive);
    for content in [&b"the base"[..], b"the top", b"new"] {
        assert_eq!(
            layout.read_blob(&Digest::sha256(content)).await.unwrap(),
            content
        );
    }
    expect_error(layout.get_manifest("v2").await, &Kind::Unsupported);
}

#[tokio::test]
async fn an_image_may_have_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let (image, blobs) = loadable(&[]);
    let writer = create(&path, None).await;
    let tagged = place(&writer)
        .put_manifest(image.bytes(), &image.media_type(), &["v1"])
        .await;
    assert!(
        expect_error(tagged, &Kind::Unsupported)
            .message()
            .contains("full names")
    );
    put(&writer, &image, &blobs, &[]).await;
    writer.finish().await.unwrap();
    assert_eq!(list(&path)[0]["RepoTags"], Value::Null);
    assert!(open(&path).await.only_manifest().await.is_ok());
}

#[tokio::test]
async fn rejects_images_that_docker_cannot_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let writer = create(&path, Some("x")).await;
    let layout = place(&writer);
    layout.push_image(&image("a"), &[]).await;
    for name in ["zstd", "foreign", "artifact"] {
        layout.push_blob(blob(name)).await;
    }
    let put = async |bytes: Bytes, media_type: MediaType| -> Error {
        expect_error(
            layout.put_manifest(bytes, &media_type, &["v1"]).await,
            &Kind::Unsupported,
        )
    };
    let multi = IndexFixture::oci().image(&image("a"), "linux/amd64");
    let error = put(multi.bytes(), multi.media_type()).await;
    assert!(error.help().unwrap().contains("--platform"), "{error}");
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
        let early = expect_error(
            DockerArchiveWriter::check_manifest(&image.manifest()),
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
            .help()
            .unwrap()
            .contains("oci-archive")
    );
    assert!(DockerArchiveWriter::check_manifest(&image("a").manifest()).is_ok());
}
