//! Archives and layouts with the same structure as the output of other programs.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use portolan_layout::{DockerArchive, DockerArchiveWriter, LayoutRegistry, OciArchive, Spool};
use portolan_model::Digest;
use portolan_model::fixtures::{IndexFixture, image};
use portolan_registry::Kind;
use portolan_registry::contract::expect_error;
use serde_json::{Value, json};

use crate::place::{Tar, gzip, place};

const BASE: &[u8] = b"the base";
const TOP: &[u8] = b"the top";

/// Config of an image with the layers [`BASE`] and [`TOP`].
fn config() -> Bytes {
    let diff_ids = [BASE, TOP].map(Digest::sha256);
    json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
        .to_string()
        .into()
}

fn hex(content: &[u8]) -> String {
    Digest::sha256(content).encoded_part().to_owned()
}

/// Checks that the archive has the image with its name and layers.
async fn assert_image(archive: DockerArchive, name: &str, layers: [&[u8]; 2]) {
    let found = archive.resolve(name).await.unwrap();
    assert_eq!(archive.only_manifest().await.unwrap().digest, found.digest);
    let archive = Arc::new(archive);
    let layout = place(&archive);
    let (_, manifest) = layout.get_manifest(&found.digest).await.unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let digests = layers.map(Digest::sha256).map(|digest| digest.to_string());
    for (layer, digest) in manifest["layers"].as_array().unwrap().iter().zip(&digests) {
        assert_eq!(layer["digest"], digest.as_str());
    }
    for content in layers.into_iter().chain([&*config()]) {
        let digest = Digest::sha256(content);
        assert_eq!(layout.read_blob(&digest).await.unwrap(), content);
    }
}

fn list(config: &str, names: &Value, layers: [&str; 2]) -> String {
    json!([{"Config": config, "RepoTags": names, "Layers": layers}]).to_string()
}

/// `docker save` before version 25 (moby/image/tarexport/save.go): a folder per layer, a layer that
/// an earlier image has as a link, and the list of version 1.0.
fn docker_v1_2() -> Tar {
    let config_file = format!("{}.json", hex(&config()));
    Tar::new()
        .folder("aa/")
        .file("aa/VERSION", "1.0")
        .file("aa/json", "{}")
        .file("aa/layer.tar", BASE)
        .folder("bb/")
        .file("bb/VERSION", "1.0")
        .file("bb/json", "{}")
        .link("bb/layer.tar", "../cc/layer.tar")
        .file("cc/layer.tar", TOP)
        .file(&config_file, config())
        .file(
            "manifest.json",
            list(
                &config_file,
                &json!(["app:v1"]),
                ["aa/layer.tar", "bb/layer.tar"],
            ),
        )
        .file("repositories", r#"{"app":{"v1":"bb"}}"#)
}

/// podman and buildah (containers/image/docker/internal/tarfile/writer.go): files named by digest,
/// and the folders of version 1.0 with links to them.
fn podman() -> Tar {
    let (base, top) = (format!("{}.tar", hex(BASE)), format!("{}.tar", hex(TOP)));
    let config_file = format!("{}.json", hex(&config()));
    Tar::new()
        .file(&base, BASE)
        .file(&top, TOP)
        .file(&config_file, config())
        .link("aa/layer.tar", &format!("../{base}"))
        .file("aa/VERSION", "1.0")
        .file("aa/json", "{}")
        .file("repositories", r#"{"localhost/app":{"v1":"aa"}}"#)
        .file(
            "manifest.json",
            list(&config_file, &json!(["localhost/app:v1"]), [&base, &top]),
        )
}

/// kaniko's `--tar-path` (go-containerregistry/pkg/v1/tarball/write.go): the config is named by its
/// full digest, and layers are compressed.
fn kaniko() -> Tar {
    let (base, top) = (gzip(BASE), gzip(TOP));
    let (base_name, top_name) = (
        format!("{}.tar.gz", hex(&base)),
        format!("{}.tar.gz", hex(&top)),
    );
    let config_file = Digest::sha256(&config()).to_string();
    Tar::new()
        .file(&config_file, config())
        .file(&base_name, base)
        .file(&top_name, top)
        .file(
            "manifest.json",
            list(
                &config_file,
                &json!(["registry.example/app:v1"]),
                [&base_name, &top_name],
            ),
        )
}

/// jib (jib-core/.../docker/DockerTarballBuilder): `config.json`, and layers named by digest.
fn jib() -> Tar {
    let (base, top) = (gzip(BASE), gzip(TOP));
    let (base_name, top_name) = (
        format!("{}.tar.gz", hex(&base)),
        format!("{}.tar.gz", hex(&top)),
    );
    Tar::new()
        .file(&base_name, base)
        .file(&top_name, top)
        .file("config.json", config())
        .file(
            "manifest.json",
            list("config.json", &json!(["app:v1"]), [&base_name, &top_name]),
        )
}

/// `rules_oci`'s `oci_load` (oci/private/load.sh): blobs below `blobs`, layers with a suffix.
fn rules_oci() -> Tar {
    let (base, top) = (gzip(BASE), gzip(TOP));
    let name = |content: &[u8]| format!("blobs/sha256/{}", hex(content));
    let (base_name, top_name) = (
        format!("{}.tar.gz", name(&base)),
        format!("{}.tar.gz", name(&top)),
    );
    let config_file = name(&config());
    Tar::new()
        .file(&config_file, config())
        .file(&base_name, base)
        .file(&top_name, top)
        .file(
            "manifest.json",
            list(&config_file, &json!(["app:v1"]), [&base_name, &top_name]),
        )
}

/// `rules_docker` (container/go/pkg/compat): numbered layers.
fn rules_docker() -> Tar {
    let config_file = format!("{}.json", hex(&config()));
    Tar::new()
        .file("./000.tar", BASE)
        .file("./001.tar", TOP)
        .file(&format!("./{config_file}"), config())
        .file(
            "./manifest.json",
            list(
                &config_file,
                &json!(["bazel/app:v1"]),
                ["000.tar", "001.tar"],
            ),
        )
}

/// nix's `dockerTools.buildLayeredImage` (pkgs/build-support/docker/stream_layered_image.py): a
/// folder per layer, and the name of the image without a registry.
fn nix() -> Tar {
    let (base, top) = (
        format!("{}/layer.tar", hex(BASE)),
        format!("{}/layer.tar", hex(TOP)),
    );
    let config_file = format!("{}.json", hex(&config()));
    Tar::new()
        .file(&base, BASE)
        .file(&top, TOP)
        .file(&config_file, config())
        .file(
            "manifest.json",
            list(&config_file, &json!(["app:v1"]), [&base, &top]),
        )
}

#[tokio::test]
async fn reads_docker_archives_of_other_programs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let compressed = [gzip(BASE), gzip(TOP)];
    let compressed = [&*compressed[0], &*compressed[1]];
    for (tar, name, layers) in [
        (docker_v1_2(), "app:v1", [BASE, TOP]),
        (podman(), "localhost/app:v1", [BASE, TOP]),
        (kaniko(), "registry.example/app:v1", compressed),
        (jib(), "docker.io/library/app:v1", compressed),
        (rules_oci(), "app:v1", compressed),
        (rules_docker(), "bazel/app:v1", [BASE, TOP]),
        (nix(), "app:v1", [BASE, TOP]),
    ] {
        tar.write(&path);
        assert_image(DockerArchive::open(&path).await.unwrap(), name, layers).await;
    }
}

#[tokio::test]
async fn reads_compressed_archives_and_pipes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar.gz");
    let plain = nix().bytes();
    let zstd = zstd::encode_all(&*plain, 1).unwrap();
    for content in [plain.clone(), gzip(&plain), zstd] {
        fs::write(&path, &content).unwrap();
        assert_image(
            DockerArchive::open(&path).await.unwrap(),
            "app:v1",
            [BASE, TOP],
        )
        .await;
        let pipe = Cursor::new(content);
        let opened = DockerArchive::open_stream("a pipe", pipe, Spool::default()).await;
        assert_image(opened.unwrap(), "app:v1", [BASE, TOP]).await;
    }
    let spool = Spool {
        limit: plain.len() as u64 - 1,
        ..Spool::default()
    };
    let pipe = Cursor::new(gzip(&plain));
    let opened = DockerArchive::open_stream("a pipe", pipe, spool).await;
    expect_error(opened.map(drop), &Kind::TooLarge);
}

#[tokio::test]
async fn a_compressed_archive_is_not_replaced_by_an_uncompressed_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar.gz");
    fs::write(&path, gzip(&nix().bytes())).unwrap();
    let error = expect_error(
        DockerArchiveWriter::create(&path, None).await.map(drop),
        &Kind::Unsupported,
    );
    assert!(
        error.message().ends_with("unpack it with `gunzip`"),
        "{error}"
    );
}

/// `ctr image export` (containerd/core/images/archive/exporter.go) and `docker save` with the
/// containerd store: an OCI layout with the list of docker, for one platform of an index.
fn containerd(multi: &IndexFixture) -> Tar {
    let blob = |content: &[u8]| format!("blobs/sha256/{}", hex(content));
    let one = image("one").layers(["x"]);
    let mut entry = json!(multi.descriptor());
    entry["annotations"] = json!({
        "io.containerd.image.name": "docker.io/library/app:v1",
        "org.opencontainers.image.ref.name": "v1",
    });
    let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();
    let mut tar = Tar::new().folder("blobs/").folder("blobs/sha256/");
    for content in one.blobs().iter().chain([&one.bytes(), &multi.bytes()]) {
        tar = tar.file(&blob(content), content);
    }
    tar.file("index.json", index)
        .file("manifest.json", "[]")
        .file("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)
}

#[tokio::test]
async fn reads_exports_of_containerd() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let (one, two) = (image("one").layers(["x"]), image("two").layers(["y"]));
    let multi = IndexFixture::oci()
        .image(&one, "linux/amd64")
        .image(&two, "linux/arm64");
    containerd(&multi).write(&path);
    let archive = OciArchive::open(&path).await.unwrap();
    for name in ["docker.io/library/app:v1", "app:v1", "v1"] {
        let found = archive.resolve(name).await.unwrap();
        assert_eq!(found.digest, multi.digest(), "{name}");
    }
    let layout = place(&Arc::new(archive));
    let (_, found) = layout.get_manifest(&one.digest()).await.unwrap();
    assert_eq!(found, one.bytes());
    // The other platform was not exported.
    expect_error(
        layout.get_manifest(&two.digest()).await,
        &Kind::ManifestUnknown,
    );
}

#[tokio::test]
async fn reads_layouts_with_a_missing_version_or_additional_files() {
    let one = image("one").layers(["x"]);
    let nested = IndexFixture::oci().image(&one, "linux/amd64");
    for version in [
        None,
        Some("{}"),
        Some(r#"{"imageLayoutVersion":"1.1.0","x":1}"#),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        let index = json!({"schemaVersion": 2, "manifests": [nested.descriptor()]}).to_string();
        write("index.json", index.as_bytes());
        for content in one.blobs().iter().chain([&one.bytes(), &nested.bytes()]) {
            write(&format!("blobs/sha256/{}", hex(content)), content);
        }
        write("blobs/sha256/.lock", b"");
        write("blobs/README", b"");
        write("manifest.json", b"[]");
        if let Some(version) = version {
            write("oci-layout", version.as_bytes());
        }
        assert_nested(folder.path(), &nested.digest(), &one.digest()).await;
    }
}

async fn assert_nested(folder: &Path, index: &Digest, child: &Digest) {
    let layout = LayoutRegistry::open(folder).await.unwrap();
    assert_eq!(layout.only_manifest().await.unwrap().digest, *index);
    let layout = place(&Arc::new(layout));
    layout.get_manifest(child).await.unwrap();
}
