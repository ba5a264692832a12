//! Tests of the kinds of manifests that every registry has to accept (with the content that they
//! reference) and serve unchanged.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, descriptor_json, image, sha512};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use super::{TestRepository, expect_error};
use crate::{Kind, PutManifest, Registry};

const UNKNOWN: &str = "application/vnd.example.unknown.v1+json";

fn test_repository(registry: &Arc<dyn Registry>) -> TestRepository {
    TestRepository::new(registry, "team/app")
}

/// Stores an index whose children exist, and checks that the registry serves it by tag and by
/// digest.
async fn assert_stores_index(repository: &TestRepository, index: &IndexFixture) {
    assert_stores(repository, index.bytes(), &index.media_type()).await;
}

async fn assert_stores_image(repository: &TestRepository, image: &ImageFixture) {
    repository.push_image(image, &[]).await;
    assert_stores(repository, image.bytes(), &image.media_type()).await;
}

async fn assert_stores(repository: &TestRepository, bytes: Bytes, media_type: &MediaType) {
    let digest = repository
        .push_manifest(bytes.clone(), media_type, &["kind"])
        .await;
    repository
        .assert_serves("kind", &digest, media_type, &bytes)
        .await;
    repository
        .assert_serves(&digest, &digest, media_type, &bytes)
        .await;
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the registry serves manifests as blobs"),
        bytes
    );
}

/// OCI image.
pub async fn oci_image(registry: Arc<dyn Registry>) {
    assert_stores_image(
        &test_repository(&registry),
        &image("a").layers(["x", "y", "x"]),
    )
    .await;
}

/// Docker image (version 2, schema 2).
pub async fn docker_image(registry: Arc<dyn Registry>) {
    assert_stores_image(
        &test_repository(&registry),
        &image("a").docker().layers(["x", "y"]),
    )
    .await;
}

/// OCI index of OCI images. Two images have the same platform, and one image occurs twice.
pub async fn oci_index(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let (one, two) = (image("one"), image("two"));
    repository.push_image(&one, &[]).await;
    repository.push_image(&two, &[]).await;
    let index = IndexFixture::oci()
        .image(&one, "linux/amd64")
        .image(&two, "linux/amd64")
        .image(&one, "linux/arm64/v8");
    assert_stores_index(&repository, &index).await;
}

/// Docker manifest list of Docker images.
pub async fn docker_list(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    repository.push_image(&image("a").docker(), &[]).await;
    assert_stores_index(
        &repository,
        &IndexFixture::docker().image(&image("a").docker(), "linux/amd64"),
    )
    .await;
}

/// Mixed index of OCI images and an old Docker image for linux/arm/v7. Many registries reject it.
pub async fn oci_index_of_oci_and_docker_images(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let platforms = [
        "linux/amd64",
        "linux/arm/v6",
        "linux/arm/v7",
        "linux/arm64/v8",
        "linux/386",
    ];
    let mut index = IndexFixture::oci();
    for platform in platforms {
        let image = image(platform);
        let image = if platform == "linux/arm/v7" {
            image.docker()
        } else {
            image
        };
        repository.push_image(&image, &[]).await;
        index = index.image(&image, platform);
    }
    assert_stores_index(&repository, &index).await;
}

/// OCI index of Docker manifest lists.
pub async fn oci_index_of_docker_lists(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    repository.push_image(&image("a").docker(), &[]).await;
    let list = IndexFixture::docker().image(&image("a").docker(), "linux/amd64");
    repository.push_index(&list, &[]).await;
    assert_stores_index(&repository, &IndexFixture::oci().nested_index(&list, None)).await;
}

/// Docker manifest list of OCI images and indexes.
pub async fn docker_list_of_oci_images_and_indexes(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    repository.push_image(&image("a"), &[]).await;
    let index = IndexFixture::oci().image(&image("a"), "linux/amd64");
    repository.push_index(&index, &[]).await;
    assert_stores_index(
        &repository,
        &IndexFixture::docker()
            .image(&image("a"), "linux/amd64")
            .nested_index(&index, Some("linux/arm64")),
    )
    .await;
}

/// Indexes that are nested sixteen levels deep, alternately OCI indexes and Docker manifest lists.
pub async fn nested_indexes(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    repository.push_image(&image("a"), &[]).await;
    let mut index = IndexFixture::oci().image(&image("a"), "linux/amd64");
    for depth in 1..16 {
        repository.push_index(&index, &[]).await;
        let outer = if depth % 2 == 0 {
            IndexFixture::oci()
        } else {
            IndexFixture::docker()
        };
        index = outer.nested_index(&index, None);
    }
    assert_stores_index(&repository, &index).await;
}

/// Index and manifest list without children.
pub async fn empty_index(registry: Arc<dyn Registry>) {
    assert_stores_index(&test_repository(&registry), &IndexFixture::oci()).await;
    assert_stores_index(&test_repository(&registry), &IndexFixture::docker()).await;
    assert_stores_index(
        &test_repository(&registry),
        &IndexFixture::oci().field("manifests", Value::Null),
    )
    .await;
}

/// Docker image with OCI layers and an OCI config.
pub async fn docker_image_with_oci_layers_and_config(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let config = repository.push_blob(blob("config")).await;
    let image = image("a")
        .docker()
        .layers([])
        .layer_of_type("application/vnd.oci.image.layer.v1.tar+zstd", "x")
        .field("config", json!({"mediaType": MediaType::OCI_CONFIG, "digest": config, "size": blob("config").len()}));
    assert_stores_image(&repository, &image).await;
}

/// OCI image with Docker layers.
pub async fn oci_image_with_docker_layers(registry: Arc<dyn Registry>) {
    let image = image("a").layer_of_type(MediaType::DOCKER_LAYER_GZIP, "y");
    assert_stores_image(&test_repository(&registry), &image).await;
}

/// Image without layers.
pub async fn image_without_layers(registry: Arc<dyn Registry>) {
    assert_stores_image(&test_repository(&registry), &image("a").layers([])).await;
    assert_stores_image(
        &test_repository(&registry),
        &image("b").layers([]).field("layers", Value::Null),
    )
    .await;
}

/// Cache exported by `BuildKit`: an index whose children are layers, pushed as blobs.
pub async fn buildkit_cache_index(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let config = "application/vnd.buildkit.cacheconfig.v0";
    for name in ["x", "y", "config"] {
        repository.push_blob(blob(name)).await;
    }
    let index = IndexFixture::oci()
        .child_of_type(
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            &blob("x"),
            None,
        )
        .child_of_type(
            "application/vnd.oci.image.layer.v1.tar+zstd",
            &blob("y"),
            None,
        )
        .child_of_type(config, &blob("config"), None);
    assert_stores_index(&repository, &index).await;
    let digest = Digest::sha256(&blob("config"));
    repository
        .assert_serves(&digest, &digest, &MediaType::new(config), &blob("config"))
        .await;
}

/// Child of unknown type, pushed as a manifest. The registry serves it as a manifest and as a blob.
pub async fn unknown_child_pushed_as_manifest(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let thing = json!({"mediaType": UNKNOWN, "thing": [1, 2]}).to_string();
    let digest = repository
        .push_manifest(thing.clone().into(), &MediaType::new(UNKNOWN), &[])
        .await;
    assert_stores_index(
        &repository,
        &IndexFixture::oci().child_of_type(UNKNOWN, thing.as_bytes(), Some("linux/amd64")),
    )
    .await;
    repository
        .assert_serves(&digest, &digest, &MediaType::new(UNKNOWN), thing.as_bytes())
        .await;
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the registry also serves it as a blob"),
        thing
    );
    assert_eq!(
        repository
            .blob_size(&digest)
            .await
            .expect("the registry also serves it as a blob"),
        thing.len() as u64
    );
}

/// Child of unknown type, pushed as a blob. The registry serves it as a blob, and as a manifest
/// while a stored index of the repository references it.
pub async fn unknown_child_pushed_as_blob(registry: Arc<dyn Registry>) {
    let (repository, other) = (
        test_repository(&registry),
        TestRepository::new(&registry, "team/other"),
    );
    let digest = repository.push_blob(blob("thing")).await;
    other.push_blob(blob("thing")).await;
    expect_error(
        repository.get_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
    let index = IndexFixture::oci().child_of_type(UNKNOWN, &blob("thing"), None);
    assert_stores_index(&repository, &index).await;
    repository
        .assert_serves(&digest, &digest, &MediaType::new(UNKNOWN), &blob("thing"))
        .await;
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the registry serves it as a blob"),
        blob("thing")
    );
    expect_error(other.get_manifest(&digest).await, &Kind::ManifestUnknown);

    repository
        .delete_manifest(&index.digest(), crate::Deletion::Guarded)
        .await
        .expect("no manifest references the index");
    expect_error(
        repository.get_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(
        repository
            .read_blob(&digest)
            .await
            .expect("the blob still exists"),
        blob("thing")
    );
}

/// Child without a media type. The registry serves it as `application/octet-stream`.
pub async fn child_without_media_type(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let digest = repository.push_blob(blob("thing")).await;
    assert_stores_index(
        &repository,
        &IndexFixture::oci().child(json!({"digest": digest, "size": blob("thing").len()})),
    )
    .await;
    repository
        .assert_serves(
            &digest,
            &digest,
            &MediaType::new(MediaType::OCTET_STREAM),
            &blob("thing"),
        )
        .await;
}

/// Attestations: children of an index for the platform `unknown/unknown`.
pub async fn attestation_children(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let (built, attestation) = (
        image("a"),
        image("attestation")
            .layers([])
            .layer_of_type("application/vnd.in-toto+json", "statement"),
    );
    repository.push_image(&built, &[]).await;
    repository.push_image(&attestation, &[]).await;
    let mut child = json!(attestation.descriptor());
    child["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    child["annotations"] = json!({
        "vnd.docker.reference.digest": built.digest(),
        "vnd.docker.reference.type": "attestation-manifest",
    });
    assert_stores_index(
        &repository,
        &IndexFixture::oci()
            .image(&built, "linux/amd64")
            .child(child),
    )
    .await;
}

/// Child without a platform.
pub async fn child_without_platform(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    repository.push_image(&image("a"), &[]).await;
    assert_stores_index(
        &repository,
        &IndexFixture::oci().without_platform(&image("a")),
    )
    .await;
}

/// Artifact with a subject. The subject may exist or not.
pub async fn artifact_with_subject(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let artifact = |subject: &ImageFixture| {
        typed_artifact("application/vnd.example.signature").subject(&subject.descriptor())
    };
    repository.push_image(&image("present"), &[]).await;
    assert_stores_image(&repository, &artifact(&image("present"))).await;
    assert_stores_image(&repository, &artifact(&image("absent"))).await;
}

/// Artifact as image-spec 1.1 defines it: an empty config and an artifact type.
pub async fn artifact_with_empty_config(registry: Arc<dyn Registry>) {
    assert_stores_image(
        &test_repository(&registry),
        &typed_artifact("application/vnd.example.artifact"),
    )
    .await;
}

fn typed_artifact(artifact_type: &str) -> ImageFixture {
    image("artifact")
        .layers([])
        .layer_of_type(MediaType::OCI_EMPTY, "empty")
        .field("artifactType", json!(artifact_type))
        .field("annotations", json!({"org.example.key": "value"}))
}

/// Artifact manifest of the image-spec 1.1 release candidates, withdrawn before the release.
pub async fn withdrawn_artifact_manifest(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    repository.push_blob(blob("x")).await;
    let document = json!({
        "mediaType": MediaType::OCI_ARTIFACT,
        "artifactType": "application/vnd.example.sbom",
        "blobs": [descriptor_json("text/spdx", &blob("x"))],
        "subject": image("absent").descriptor(),
    });
    assert_stores(
        &repository,
        document.to_string().into(),
        &MediaType::new(MediaType::OCI_ARTIFACT),
    )
    .await;
}

/// Index with a subject and an artifact type.
pub async fn index_with_subject(registry: Arc<dyn Registry>) {
    let index = IndexFixture::oci()
        .field("subject", json!(image("absent").descriptor()))
        .field("artifactType", json!("application/vnd.example.set"));
    assert_stores_index(&test_repository(&registry), &index).await;
}

/// Descriptors with embedded content. The client has to push the content too.
pub async fn embedded_data(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let mut config = descriptor_json(MediaType::OCI_EMPTY, b"{}");
    config["data"] = json!("e30=");
    let image = image("a").layers([]).field("config", config);
    expect_error(
        repository
            .put_manifest(image.bytes(), &image.media_type(), &[])
            .await,
        &Kind::CONTENT_MISSING,
    );
    repository.push_blob(&b"{}"[..]).await;
    assert_stores(&repository, image.bytes(), &image.media_type()).await;
}

/// Foreign and non-distributable layers. The client need not push their content.
pub async fn foreign_layers_without_content(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let foreign = |media_type: &str| {
        let mut layer = descriptor_json(media_type, b"on another server");
        layer["urls"] = json!(["https://example.org/layer"]);
        layer
    };
    for media_type in [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
    ] {
        let image = image("a").field("layers", json!([foreign(media_type)]));
        assert_stores_image(&repository, &image).await;
    }
}

/// SHA-512 digests in all fields that can contain a digest, also together with SHA-256 digests in
/// one document.
pub async fn sha512_digests_everywhere(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let long = |media_type: &str, content: &[u8]| json!({"mediaType": media_type, "digest": sha512(content), "size": content.len()});
    repository
        .put_blob(&sha512(&blob("x")), blob("x"))
        .await
        .expect("the blob is accepted under a SHA-512 digest");
    repository
        .put_blob(&sha512(&blob("config")), blob("config"))
        .await
        .expect("the blob is accepted under a SHA-512 digest");
    repository.push_blob(blob("y")).await;
    let image = image("a")
        .field("config", long(MediaType::OCI_CONFIG, &blob("config")))
        .field(
            "layers",
            json!([
                long(MediaType::OCI_LAYER_GZIP, &blob("x")),
                descriptor_json(MediaType::OCI_LAYER_GZIP, &blob("y"))
            ]),
        )
        .field("subject", long(MediaType::OCI_MANIFEST, b"absent"));
    let digest = sha512(&image.bytes());
    let options = PutManifest {
        media_type: Some(image.media_type()),
        digest: Some(digest.clone()),
        ..PutManifest::default()
    };
    repository
        .put_manifest_with(image.bytes(), options)
        .await
        .expect("the manifest is accepted under a SHA-512 digest");
    assert_stores_index(
        &repository,
        &IndexFixture::oci().child(long(MediaType::OCI_MANIFEST, &image.bytes())),
    )
    .await;
    repository
        .assert_serves(&digest, &digest, &image.media_type(), &image.bytes())
        .await;
}

/// Documents with an unknown media type, as JSON and not as JSON. The content that they reference
/// need not be stored.
pub async fn custom_media_type(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let document = json!({"layers": [descriptor_json("a/b", b"absent")], "manifests": "surprise", "schemaVersion": 7});
    assert_stores(
        &repository,
        document.to_string().into(),
        &MediaType::new(UNKNOWN),
    )
    .await;
    assert_stores(
        &repository,
        Bytes::from_static(b"\x00\xffnot JSON\n"),
        &MediaType::new("application/x-anything"),
    )
    .await;
    assert_stores(
        &repository,
        Bytes::from_static(b"[1]"),
        &MediaType::new(UNKNOWN),
    )
    .await;
}

/// Unknown fields, media types and artifact types. They are no reason to reject a manifest.
pub async fn unknown_fields_and_types(registry: Arc<dyn Registry>) {
    let image = image("a")
        .layer_of_type("application/vnd.example.layer", "y")
        .layer_of_type("no/type at all", "z")
        .field("artifactType", json!("application/vnd.example.artifact"))
        .field("x-future", json!({"deep": [{"er": null}]}));
    assert_stores_image(&test_repository(&registry), &image).await;
}

/// Index with a missing child, in a repository whose policy allows missing content.
pub async fn sparse_index(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "sparse/app");
    repository.push_image(&image("present"), &[]).await;
    let index = IndexFixture::oci()
        .image(&image("absent"), "linux/amd64")
        .image(&image("present"), "linux/arm64");
    assert_stores_index(&repository, &index).await;
}
