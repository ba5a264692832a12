//! Every kind of manifest that has to work: pushed with what it names, and served as it was.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{Image, Index, blob, describe, image, sha512};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use super::{Repository, refused};
use crate::{Kind, PutManifest, Registry};

const UNKNOWN: &str = "application/vnd.example.unknown.v1+json";

fn place(registry: &Arc<dyn Registry>) -> Repository {
    Repository::of(registry, "team/app")
}

/// Stores an index whose children are there, and makes sure that it is served by tag and digest.
async fn holds_index(repository: &Repository, index: &Index) {
    holds(repository, index.bytes(), &index.media_type()).await;
}

async fn holds_image(repository: &Repository, image: &Image) {
    repository.image(image, &[]).await;
    holds(repository, image.bytes(), &image.media_type()).await;
}

async fn holds(repository: &Repository, bytes: Bytes, media_type: &MediaType) {
    let digest = repository
        .manifest(bytes.clone(), media_type, &["kind"])
        .await;
    repository.serves("kind", &digest, media_type, &bytes).await;
    repository
        .serves(&digest, &digest, media_type, &bytes)
        .await;
    assert_eq!(
        repository
            .read(&digest)
            .await
            .expect("manifests are served as blobs"),
        bytes
    );
}

/// An OCI image.
pub async fn oci_image(registry: Arc<dyn Registry>) {
    holds_image(&place(&registry), &image("a").layers(["x", "y", "x"])).await;
}

/// A Docker image (version 2, schema 2).
pub async fn docker_image(registry: Arc<dyn Registry>) {
    holds_image(&place(&registry), &image("a").docker().layers(["x", "y"])).await;
}

/// An OCI index of OCI images, two of them for the same platform and one in it twice.
pub async fn oci_index(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let (one, two) = (image("one"), image("two"));
    repository.image(&one, &[]).await;
    repository.image(&two, &[]).await;
    let index = Index::oci()
        .image(&one, "linux/amd64")
        .image(&two, "linux/amd64")
        .image(&one, "linux/arm64/v8");
    holds_index(&repository, &index).await;
}

/// A Docker list of Docker images.
pub async fn docker_list(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    repository.image(&image("a").docker(), &[]).await;
    holds_index(
        &repository,
        &Index::docker().image(&image("a").docker(), "linux/amd64"),
    )
    .await;
}

/// The index with which it began: OCI images, and among them an old Docker image for linux/arm/v7.
pub async fn oci_index_of_oci_and_docker_images(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let platforms = [
        "linux/amd64",
        "linux/arm/v6",
        "linux/arm/v7",
        "linux/arm64/v8",
        "linux/386",
    ];
    let mut index = Index::oci();
    for platform in platforms {
        let image = image(platform);
        let image = if platform == "linux/arm/v7" {
            image.docker()
        } else {
            image
        };
        repository.image(&image, &[]).await;
        index = index.image(&image, platform);
    }
    holds_index(&repository, &index).await;
}

/// An OCI index that names Docker lists.
pub async fn oci_index_of_docker_lists(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    repository.image(&image("a").docker(), &[]).await;
    let list = Index::docker().image(&image("a").docker(), "linux/amd64");
    repository.index(&list, &[]).await;
    holds_index(&repository, &Index::oci().nested(&list, None)).await;
}

/// A Docker list that names OCI images and indexes.
pub async fn docker_list_of_oci_images_and_indexes(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    repository.image(&image("a"), &[]).await;
    let index = Index::oci().image(&image("a"), "linux/amd64");
    repository.index(&index, &[]).await;
    holds_index(
        &repository,
        &Index::docker()
            .image(&image("a"), "linux/amd64")
            .nested(&index, Some("linux/arm64")),
    )
    .await;
}

/// Indexes within indexes, sixteen deep, of either family in turn.
pub async fn nested_indexes(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    repository.image(&image("a"), &[]).await;
    let mut index = Index::oci().image(&image("a"), "linux/amd64");
    for depth in 1..16 {
        repository.index(&index, &[]).await;
        let outer = if depth % 2 == 0 {
            Index::oci()
        } else {
            Index::docker()
        };
        index = outer.nested(&index, None);
    }
    holds_index(&repository, &index).await;
}

/// An index and a list without any children.
pub async fn empty_index(registry: Arc<dyn Registry>) {
    holds_index(&place(&registry), &Index::oci()).await;
    holds_index(&place(&registry), &Index::docker()).await;
    holds_index(
        &place(&registry),
        &Index::oci().field("manifests", Value::Null),
    )
    .await;
}

/// A Docker image whose layers and config are OCI's.
pub async fn docker_image_with_oci_layers_and_config(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let config = repository.blob(blob("config")).await;
    let image = image("a")
        .docker()
        .layers([])
        .layer_of_type("application/vnd.oci.image.layer.v1.tar+zstd", "x")
        .field("config", json!({"mediaType": MediaType::OCI_CONFIG, "digest": config, "size": blob("config").len()}));
    holds_image(&repository, &image).await;
}

/// An OCI image whose layers are Docker's.
pub async fn oci_image_with_docker_layers(registry: Arc<dyn Registry>) {
    let image = image("a").layer_of_type(MediaType::DOCKER_LAYER_GZIP, "y");
    holds_image(&place(&registry), &image).await;
}

/// An image without layers.
pub async fn image_without_layers(registry: Arc<dyn Registry>) {
    holds_image(&place(&registry), &image("a").layers([])).await;
    holds_image(
        &place(&registry),
        &image("b").layers([]).field("layers", Value::Null),
    )
    .await;
}

/// What `BuildKit` exports as a cache: an index whose children are layers, pushed as blobs.
pub async fn buildkit_cache_index(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let config = "application/vnd.buildkit.cacheconfig.v0";
    for name in ["x", "y", "config"] {
        repository.blob(blob(name)).await;
    }
    let index = Index::oci()
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
    holds_index(&repository, &index).await;
    let digest = Digest::sha256(&blob("config"));
    repository
        .serves(&digest, &digest, &MediaType::new(config), &blob("config"))
        .await;
}

/// A child of unknown type that was pushed as a manifest is served as manifest and as blob.
pub async fn unknown_child_pushed_as_manifest(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let thing = json!({"mediaType": UNKNOWN, "thing": [1, 2]}).to_string();
    let digest = repository
        .manifest(thing.clone().into(), &MediaType::new(UNKNOWN), &[])
        .await;
    holds_index(
        &repository,
        &Index::oci().child_of_type(UNKNOWN, thing.as_bytes(), Some("linux/amd64")),
    )
    .await;
    repository
        .serves(&digest, &digest, &MediaType::new(UNKNOWN), thing.as_bytes())
        .await;
    assert_eq!(
        repository
            .read(&digest)
            .await
            .expect("it is served as a blob too"),
        thing
    );
    assert_eq!(
        repository
            .size(&digest)
            .await
            .expect("it is served as a blob too"),
        thing.len() as u64
    );
}

/// A child of unknown type that was pushed as a blob is served as manifest and as blob, the
/// former only while a stored index of the repository names it.
pub async fn unknown_child_pushed_as_blob(registry: Arc<dyn Registry>) {
    let (repository, other) = (place(&registry), Repository::of(&registry, "team/other"));
    let digest = repository.blob(blob("thing")).await;
    other.blob(blob("thing")).await;
    refused(repository.get(&digest).await, &Kind::ManifestUnknown);
    let index = Index::oci().child_of_type(UNKNOWN, &blob("thing"), None);
    holds_index(&repository, &index).await;
    repository
        .serves(&digest, &digest, &MediaType::new(UNKNOWN), &blob("thing"))
        .await;
    assert_eq!(
        repository.read(&digest).await.expect("it is a blob"),
        blob("thing")
    );
    refused(other.get(&digest).await, &Kind::ManifestUnknown);

    repository
        .delete_manifest(&index.digest(), crate::Deletion::Guarded)
        .await
        .expect("nothing names the index");
    refused(repository.get(&digest).await, &Kind::ManifestUnknown);
    assert_eq!(
        repository.read(&digest).await.expect("the blob stays"),
        blob("thing")
    );
}

/// A child without a type is served as a mere stream of bytes.
pub async fn child_without_a_type(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let digest = repository.blob(blob("thing")).await;
    holds_index(
        &repository,
        &Index::oci().child(json!({"digest": digest, "size": blob("thing").len()})),
    )
    .await;
    repository
        .serves(
            &digest,
            &digest,
            &MediaType::new(MediaType::OCTET_STREAM),
            &blob("thing"),
        )
        .await;
}

/// Attestations stand in an index as images for the platform unknown/unknown.
pub async fn attestation_children(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let (built, attestation) = (
        image("a"),
        image("attestation")
            .layers([])
            .layer_of_type("application/vnd.in-toto+json", "statement"),
    );
    repository.image(&built, &[]).await;
    repository.image(&attestation, &[]).await;
    let mut child = json!(attestation.descriptor());
    child["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    child["annotations"] = json!({
        "vnd.docker.reference.digest": built.digest(),
        "vnd.docker.reference.type": "attestation-manifest",
    });
    holds_index(
        &repository,
        &Index::oci().image(&built, "linux/amd64").child(child),
    )
    .await;
}

/// Children need not say for which platform they are.
pub async fn child_without_platform(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    repository.image(&image("a"), &[]).await;
    holds_index(&repository, &Index::oci().without_platform(&image("a"))).await;
}

/// An artifact that says something about a manifest, present or not.
pub async fn artifact_with_subject(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let artifact = |subject: &Image| {
        repository_artifact("application/vnd.example.signature").subject(&subject.descriptor())
    };
    repository.image(&image("present"), &[]).await;
    holds_image(&repository, &artifact(&image("present"))).await;
    holds_image(&repository, &artifact(&image("absent"))).await;
}

/// An artifact as image-spec 1.1 writes it: an empty config, and a type of its own.
pub async fn artifact_with_an_empty_config(registry: Arc<dyn Registry>) {
    holds_image(
        &place(&registry),
        &repository_artifact("application/vnd.example.artifact"),
    )
    .await;
}

fn repository_artifact(artifact_type: &str) -> Image {
    image("artifact")
        .layers([])
        .layer_of_type(MediaType::OCI_EMPTY, "empty")
        .field("artifactType", json!(artifact_type))
        .field("annotations", json!({"org.example.key": "value"}))
}

/// The artifact manifest that was withdrawn before image-spec 1.1.
pub async fn withdrawn_artifact_manifest(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    repository.blob(blob("x")).await;
    let document = json!({
        "mediaType": MediaType::OCI_ARTIFACT,
        "artifactType": "application/vnd.example.sbom",
        "blobs": [describe("text/spdx", &blob("x"))],
        "subject": image("absent").descriptor(),
    });
    holds(
        &repository,
        document.to_string().into(),
        &MediaType::new(MediaType::OCI_ARTIFACT),
    )
    .await;
}

/// An index with a subject and a type of its own.
pub async fn index_with_subject(registry: Arc<dyn Registry>) {
    let index = Index::oci()
        .field("subject", json!(image("absent").descriptor()))
        .field("artifactType", json!("application/vnd.example.set"));
    holds_index(&place(&registry), &index).await;
}

/// Descriptors that carry their content; it has to be stored all the same.
pub async fn embedded_data(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let mut config = describe(MediaType::OCI_EMPTY, b"{}");
    config["data"] = json!("e30=");
    let image = image("a").layers([]).field("config", config);
    refused(
        repository
            .put(image.bytes(), &image.media_type(), &[])
            .await,
        &Kind::ContentMissing,
    );
    repository.blob(&b"{}"[..]).await;
    holds(&repository, image.bytes(), &image.media_type()).await;
}

/// Foreign and non-distributable layers need not be there.
pub async fn foreign_layers_without_content(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let foreign = |media_type: &str| {
        let mut layer = describe(media_type, b"on another server");
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
        holds_image(&repository, &image).await;
    }
}

/// SHA-512 digests stand wherever SHA-256 digests do, in one document too.
pub async fn sha512_digests_anywhere(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let long = |media_type: &str, content: &[u8]| json!({"mediaType": media_type, "digest": sha512(content), "size": content.len()});
    repository
        .put_blob(&sha512(&blob("x")), blob("x"))
        .await
        .expect("a blob under a SHA-512 digest");
    repository
        .put_blob(&sha512(&blob("config")), blob("config"))
        .await
        .expect("a blob under a SHA-512 digest");
    repository.blob(blob("y")).await;
    let image = image("a")
        .field("config", long(MediaType::OCI_CONFIG, &blob("config")))
        .field(
            "layers",
            json!([
                long(MediaType::OCI_LAYER_GZIP, &blob("x")),
                describe(MediaType::OCI_LAYER_GZIP, &blob("y"))
            ]),
        )
        .field("subject", long(MediaType::OCI_MANIFEST, b"absent"));
    let digest = sha512(&image.bytes());
    let options = PutManifest {
        media_type: Some(image.media_type()),
        digest: Some(digest.clone()),
        ..repository.options()
    };
    repository
        .put_with(image.bytes(), options)
        .await
        .expect("a manifest under a SHA-512 digest");
    holds_index(
        &repository,
        &Index::oci().child(long(MediaType::OCI_MANIFEST, &image.bytes())),
    )
    .await;
    repository
        .serves(&digest, &digest, &image.media_type(), &image.bytes())
        .await;
}

/// A top-level type that nobody here knows, JSON or not; what it names need not be there.
pub async fn custom_type(registry: Arc<dyn Registry>) {
    let repository = place(&registry);
    let document = json!({"layers": [describe("a/b", b"absent")], "manifests": "surprise", "schemaVersion": 7});
    holds(
        &repository,
        document.to_string().into(),
        &MediaType::new(UNKNOWN),
    )
    .await;
    holds(
        &repository,
        Bytes::from_static(b"\x00\xffnot JSON\n"),
        &MediaType::new("application/x-anything"),
    )
    .await;
    holds(
        &repository,
        Bytes::from_static(b"[1]"),
        &MediaType::new(UNKNOWN),
    )
    .await;
}

/// Fields, types and artifact types that nobody knows are no reason to refuse anything.
pub async fn unknown_fields_and_types(registry: Arc<dyn Registry>) {
    let image = image("a")
        .layer_of_type("application/vnd.example.layer", "y")
        .layer_of_type("no/type at all", "z")
        .field("artifactType", json!("application/vnd.example.artifact"))
        .field("x-future", json!({"deep": [{"er": null}]}));
    holds_image(&place(&registry), &image).await;
}

/// An index of which no child is there, where the policy has it so.
pub async fn sparse_index(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "sparse/app");
    repository.image(&image("present"), &[]).await;
    let index = Index::oci()
        .image(&image("absent"), "linux/amd64")
        .image(&image("present"), "linux/arm64");
    holds_index(&repository, &index).await;
}
