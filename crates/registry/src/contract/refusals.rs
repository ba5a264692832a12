//! Manifests that are refused: what is said about them, and that nothing of them stays.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{Image, Index, blob, describe, image};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use super::{Repository, findings, refused, unknown_digest};
use crate::{Error, Kind, Registry};

/// Tries to store a document, which has to be refused and must not stay.
async fn refuse(
    repository: &Repository,
    bytes: impl Into<Bytes>,
    media_type: &MediaType,
    kind: &Kind,
) -> Error {
    let bytes = bytes.into();
    let error = refused(
        repository
            .put(bytes.clone(), media_type, &["refused"])
            .await,
        kind,
    );
    refused(
        repository.get(Digest::sha256(&bytes)).await,
        &Kind::ManifestUnknown,
    );
    refused(repository.get("refused").await, &Kind::ManifestUnknown);
    error
}

fn rules<'a>(expected: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(rule, pointer)| ((*rule).to_owned(), (*pointer).to_owned()))
        .collect()
}

async fn stored(registry: &Arc<dyn Registry>, image: &Image) -> Repository {
    let repository = Repository::of(registry, "team/app");
    repository.image(image, &["v1"]).await;
    repository
}

/// Bytes that a known type cannot have are refused.
pub async fn what_is_no_document_is_refused(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let (image, index) = (
        MediaType::new(MediaType::OCI_MANIFEST),
        MediaType::new(MediaType::DOCKER_LIST),
    );
    for text in ["", "{", "not JSON", "[]", "null", "{} {}"] {
        refuse(&repository, text, &image, &Kind::ManifestInvalid).await;
        refuse(&repository, text, &index, &Kind::ManifestInvalid).await;
    }
    refuse(
        &repository,
        "[".repeat(100_000),
        &image,
        &Kind::ManifestInvalid,
    )
    .await;
    refuse(
        &repository,
        "{}",
        &MediaType::new("application/json"),
        &Kind::ManifestInvalid,
    )
    .await;
}

/// Docker's first schema is refused by its name, with the way out.
pub async fn the_first_schema_is_refused_by_name(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let text = r#"{"schemaVersion":1,"name":"team/app","tag":"v1","fsLayers":[],"history":[],"signatures":[]}"#;
    for media_type in [
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/json",
        MediaType::DOCKER_MANIFEST,
        "application/vnd.example.else",
    ] {
        let error = refuse(
            &repository,
            text,
            &MediaType::new(media_type),
            &Kind::ManifestInvalid,
        )
        .await;
        assert!(error.message().contains("schema 1"), "{error}");
        assert!(error.message().contains("skopeo copy"), "{error}");
    }
}

/// All that is missing is told in one answer, and repositories do not lend each other content.
pub async fn all_that_is_missing_is_told_at_once(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let image = image("a").layers(["x", "y", "z"]);
    Repository::of(&registry, "team/other")
        .image(&image, &["v1"])
        .await;
    repository.blob(blob("y")).await;
    let error = refuse(
        &repository,
        image.bytes(),
        &image.media_type(),
        &Kind::ContentMissing,
    )
    .await;
    let missing = [
        ("missing-child", "/config"),
        ("missing-child", "/layers/0"),
        ("missing-child", "/layers/2"),
    ];
    assert_eq!(findings(&error), rules(&missing));
    assert_eq!(
        error.detail()["findings"][1]["digest"],
        json!(Digest::sha256(&blob("x")))
    );
    refused(
        repository.read(&Digest::sha256(&blob("x"))).await,
        &Kind::BlobUnknown,
    );
}

/// An index is refused as long as a child of it is missing, known to others or not.
pub async fn an_index_without_its_children_is_refused(registry: Arc<dyn Registry>) {
    let (one, two) = (image("one"), image("two").docker());
    let repository = stored(&registry, &one).await;
    Repository::of(&registry, "team/other")
        .image(&two, &["v1"])
        .await;
    let index = Index::oci()
        .image(&one, "linux/amd64")
        .image(&two, "linux/arm/v7")
        .nested(&Index::docker(), None);
    let error = refuse(
        &repository,
        index.bytes(),
        &index.media_type(),
        &Kind::ContentMissing,
    )
    .await;
    assert_eq!(
        findings(&error),
        rules(&[
            ("missing-child", "/manifests/1"),
            ("missing-child", "/manifests/2")
        ])
    );
    assert_eq!(
        error.detail()["findings"][0]["mediaType"],
        json!(MediaType::DOCKER_MANIFEST)
    );
    repository.image(&two, &[]).await;
    repository.index(&Index::docker(), &[]).await;
    repository.index(&index, &["v2"]).await;
}

/// A size that is not that of the content is refused: where it stands, what it says, what is stored.
pub async fn a_wrong_size_is_told_with_the_right_one(registry: Arc<dyn Registry>) {
    let one = image("one");
    let repository = stored(&registry, &one).await;
    let size = one.bytes().len();
    let mut child = describe(MediaType::OCI_MANIFEST, &one.bytes());
    child["size"] = json!(size + 1);
    let index = Index::oci().image(&one, "linux/amd64").child(child);
    let error = refuse(
        &repository,
        index.bytes(),
        &index.media_type(),
        &Kind::ManifestInvalid,
    )
    .await;
    assert_eq!(
        findings(&error),
        rules(&[("size-mismatch", "/manifests/1")])
    );
    let finding = &error.detail()["findings"][0];
    assert_eq!(
        (&finding["claimedSize"], &finding["storedSize"]),
        (&json!(size + 1), &json!(size))
    );
    assert_eq!(finding["digest"], json!(one.digest()));
}

/// Sizes of layers and configs are held against what is stored too.
pub async fn sizes_of_blobs_are_checked(registry: Arc<dyn Registry>) {
    let repository = stored(&registry, &image("a").layers(["x"])).await;
    let with_size = |size: Value| {
        let mut layer = describe(MediaType::OCI_LAYER_GZIP, &blob("x"));
        layer["size"] = size;
        image("a").field("layers", json!([layer]))
    };
    for size in [
        json!(0),
        json!(u64::from(u32::MAX)),
        json!((1_u64 << 53) - 1),
    ] {
        let image = with_size(size);
        let error = refuse(
            &repository,
            image.bytes(),
            &image.media_type(),
            &Kind::ManifestInvalid,
        )
        .await;
        assert_eq!(findings(&error), rules(&[("size-mismatch", "/layers/0")]));
    }
    for (size, rule) in [
        (json!(-1), "size-out-of-range"),
        (json!(1_u64 << 53), "size-out-of-range"),
        (json!(u64::MAX), "size-out-of-range"),
        (json!("24"), "malformed-field"),
        (json!(1.5), "malformed-field"),
    ] {
        let image = with_size(size);
        let error = refuse(
            &repository,
            image.bytes(),
            &image.media_type(),
            &Kind::ManifestInvalid,
        )
        .await;
        assert_eq!(findings(&error), rules(&[(rule, "/layers/0/size")]));
    }
}

/// A document that reads as an image and as an index is refused.
pub async fn two_shapes_are_refused(registry: Arc<dyn Registry>) {
    let repository = stored(&registry, &image("a")).await;
    let index = Index::oci().field("layers", json!([]));
    let error = refuse(
        &repository,
        index.bytes(),
        &index.media_type(),
        &Kind::ManifestInvalid,
    )
    .await;
    assert_eq!(findings(&error), rules(&[("two-shapes", "/layers")]));
    let image = image("a").field("manifests", json!([]));
    let error = refuse(
        &repository,
        image.bytes(),
        &image.media_type(),
        &Kind::ManifestInvalid,
    )
    .await;
    assert_eq!(findings(&error), rules(&[("two-shapes", "/manifests")]));
}

/// A document that says it is something else than it was sent as is refused.
pub async fn another_type_than_it_was_sent_with_is_refused(registry: Arc<dyn Registry>) {
    let repository = stored(&registry, &image("a")).await;
    for (bytes, sent) in [
        (
            image("b").layers([]).field("config", json!(null)).bytes(),
            MediaType::DOCKER_MANIFEST,
        ),
        (Index::docker().bytes(), MediaType::OCI_INDEX),
        (Index::oci().bytes(), "application/vnd.example.else"),
    ] {
        let error = refused(
            repository
                .put(bytes, &MediaType::new(sent), &["refused"])
                .await,
            &Kind::ManifestInvalid,
        );
        assert!(
            findings(&error).contains(&("media-type-mismatch".into(), "/mediaType".into())),
            "{error}"
        );
        assert_eq!(repository.tagged("refused").await, None);
    }
}

/// Every descriptor that cannot be read is told, with its place.
pub async fn malformed_descriptors_are_all_told(registry: Arc<dyn Registry>) {
    let repository = stored(&registry, &image("a")).await;
    let index = Index::oci()
        .child(json!({"mediaType": MediaType::OCI_MANIFEST, "size": 3}))
        .image(&image("a"), "linux/amd64")
        .child(json!({"mediaType": MediaType::OCI_MANIFEST, "digest": "sha256:SHORT", "size": 3}))
        .child(json!("sha256"));
    let error = refuse(
        &repository,
        index.bytes(),
        &index.media_type(),
        &Kind::ManifestInvalid,
    )
    .await;
    let malformed = [
        ("malformed-field", "/manifests/0"),
        ("malformed-digest", "/manifests/2"),
        ("malformed-field", "/manifests/3"),
    ];
    assert_eq!(findings(&error), rules(&malformed));
}

/// What is wrong and what is missing are told together.
pub async fn wrong_and_missing_are_told_together(registry: Arc<dyn Registry>) {
    let repository = stored(&registry, &image("a")).await;
    let missing = describe(MediaType::OCI_LAYER_GZIP, &blob("nowhere"));
    let image = image("a")
        .field("layers", json!([missing]))
        .field("manifests", json!([]));
    let error = refuse(
        &repository,
        image.bytes(),
        &image.media_type(),
        &Kind::ManifestInvalid,
    )
    .await;
    assert_eq!(
        findings(&error),
        rules(&[("missing-child", "/layers/0"), ("two-shapes", "/manifests")])
    );
}

/// A refused push moves no tag.
pub async fn a_refused_push_moves_no_tag(registry: Arc<dyn Registry>) {
    let one = image("one");
    let repository = stored(&registry, &one).await;
    let index = Index::oci().child(
        json!({"mediaType": MediaType::OCI_MANIFEST, "digest": unknown_digest(), "size": 1}),
    );
    refused(
        repository
            .put(index.bytes(), &index.media_type(), &["v1"])
            .await,
        &Kind::ContentMissing,
    );
    repository
        .serves("v1", &one.digest(), &one.media_type(), &one.bytes())
        .await;
}

/// A refused push makes no repository.
pub async fn a_refused_push_makes_no_repository(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    refuse(
        &repository,
        image("a").bytes(),
        &image("a").media_type(),
        &Kind::ContentMissing,
    )
    .await;
    refused(repository.tags().await, &Kind::RepositoryUnknown);
}
