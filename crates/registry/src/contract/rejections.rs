//! Rejected manifests: the reported findings, and the guarantee that nothing is stored.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, descriptor_json, image};
use portolan_model::{Digest, MediaType, edge_limit};
use serde_json::{Value, json};

use super::{TestRepository, expect_error, rejected_findings, unknown_digest};
use crate::{Error, Kind, Registry};

/// Pushes a document, checks that the registry rejects it and does not store it, and returns the
/// error.
async fn assert_rejects(
    repository: &TestRepository,
    bytes: impl Into<Bytes>,
    media_type: &MediaType,
    kind: &Kind,
) -> Error {
    let bytes = bytes.into();
    let error = expect_error(
        repository
            .put_manifest(bytes.clone(), media_type, &["rejected"])
            .await,
        kind,
    );
    expect_error(
        repository.get_manifest(Digest::sha256(&bytes)).await,
        &Kind::ManifestUnknown,
    );
    expect_error(
        repository.get_manifest("rejected").await,
        &Kind::ManifestUnknown,
    );
    error
}

fn expected_findings<'a>(expected: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(rule, pointer)| ((*rule).to_owned(), (*pointer).to_owned()))
        .collect()
}

async fn repository_with_image(
    registry: &Arc<dyn Registry>,
    image: &ImageFixture,
) -> TestRepository {
    let repository = TestRepository::new(registry, "team/app");
    repository.push_image(image, &["v1"]).await;
    repository
}

/// Checks that the registry rejects bytes that are invalid for a known media type.
pub async fn rejects_invalid_documents(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let (image, index) = (
        MediaType::new(MediaType::OCI_MANIFEST),
        MediaType::new(MediaType::DOCKER_LIST),
    );
    for text in ["", "{", "not JSON", "[]", "null", "{} {}"] {
        assert_rejects(&repository, text, &image, &Kind::MANIFEST_INVALID).await;
        assert_rejects(&repository, text, &index, &Kind::MANIFEST_INVALID).await;
    }
    assert_rejects(
        &repository,
        "[".repeat(100_000),
        &image,
        &Kind::MANIFEST_INVALID,
    )
    .await;
    assert_rejects(
        &repository,
        "{}",
        &MediaType::new("application/json"),
        &Kind::MANIFEST_INVALID,
    )
    .await;
}

/// Checks that the size of a document limits its number of distinct digests. Equal digests count
/// once. The message contains the limit.
pub async fn rejects_too_many_references(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let index = MediaType::new(MediaType::OCI_INDEX);
    let document = |digest: fn(usize) -> usize| {
        let objects: Vec<_> = (0..2000)
            .map(|number| json!({"digest": format!("a:{}", digest(number))}))
            .collect();
        IndexFixture::oci().field("x", json!(objects)).bytes()
    };
    let distinct = document(|number| number);
    let limit = edge_limit(distinct.len());
    let error = assert_rejects(&repository, distinct, &index, &Kind::MANIFEST_INVALID).await;
    let expected = format!("at most {limit} are allowed");
    assert!(error.message().contains(&expected), "{error}");
    repository
        .push_manifest(document(|number| number % 100), &index, &["accepted"])
        .await;
}

/// Checks that the message for a Docker schema 1 manifest names the format and a way to convert it.
pub async fn rejects_docker_schema_1_by_name(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let text = r#"{"schemaVersion":1,"name":"team/app","tag":"v1","fsLayers":[],"history":[],"signatures":[]}"#;
    for media_type in [
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/json",
        MediaType::DOCKER_MANIFEST,
        "application/vnd.example.else",
    ] {
        let error = assert_rejects(
            &repository,
            text,
            &MediaType::new(media_type),
            &Kind::MANIFEST_INVALID,
        )
        .await;
        assert!(error.message().contains("schema 1"), "{error}");
        assert!(error.message().contains("skopeo copy"), "{error}");
    }
}

/// Checks that a single error reports all missing content, and that content of other repositories
/// counts as missing.
pub async fn reports_all_missing_content_at_once(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let image = image("a").layers(["x", "y", "z"]);
    TestRepository::new(&registry, "team/other")
        .push_image(&image, &["v1"])
        .await;
    repository.push_blob(blob("y")).await;
    let error = assert_rejects(
        &repository,
        image.bytes(),
        &image.media_type(),
        &Kind::CONTENT_MISSING,
    )
    .await;
    let missing = [
        ("missing-child", "/config"),
        ("missing-child", "/layers/0"),
        ("missing-child", "/layers/2"),
    ];
    assert_eq!(rejected_findings(&error), expected_findings(&missing));
    assert_eq!(
        error.detail()["findings"][1]["digest"],
        json!(Digest::sha256(&blob("x")))
    );
    expect_error(
        repository.read_blob(&Digest::sha256(&blob("x"))).await,
        &Kind::BlobUnknown,
    );
}

/// Checks that the registry rejects an index while a child is missing, even if another repository
/// contains the child.
pub async fn rejects_an_index_with_missing_children(registry: Arc<dyn Registry>) {
    let (one, two) = (image("one"), image("two").docker());
    let repository = repository_with_image(&registry, &one).await;
    TestRepository::new(&registry, "team/other")
        .push_image(&two, &["v1"])
        .await;
    let index = IndexFixture::oci()
        .image(&one, "linux/amd64")
        .image(&two, "linux/arm/v7")
        .nested_index(&IndexFixture::docker(), None);
    let error = assert_rejects(
        &repository,
        index.bytes(),
        &index.media_type(),
        &Kind::CONTENT_MISSING,
    )
    .await;
    assert_eq!(
        rejected_findings(&error),
        expected_findings(&[
            ("missing-child", "/manifests/1"),
            ("missing-child", "/manifests/2")
        ])
    );
    assert_eq!(
        error.detail()["findings"][0]["mediaType"],
        json!(MediaType::DOCKER_MANIFEST)
    );
    repository.push_image(&two, &[]).await;
    repository.push_index(&IndexFixture::docker(), &[]).await;
    repository.push_index(&index, &["v2"]).await;
}

/// Checks that the error for a wrong size contains the pointer, the claimed size and the stored
/// size.
pub async fn reports_the_claimed_and_the_stored_size(registry: Arc<dyn Registry>) {
    let one = image("one");
    let repository = repository_with_image(&registry, &one).await;
    let size = one.bytes().len();
    let mut child = descriptor_json(MediaType::OCI_MANIFEST, &one.bytes());
    child["size"] = json!(size + 1);
    let index = IndexFixture::oci().image(&one, "linux/amd64").child(child);
    let error = assert_rejects(
        &repository,
        index.bytes(),
        &index.media_type(),
        &Kind::MANIFEST_INVALID,
    )
    .await;
    assert_eq!(
        rejected_findings(&error),
        expected_findings(&[("size-mismatch", "/manifests/1")])
    );
    let finding = error.detail()["findings"][0].take();
    assert_eq!(
        (&finding["claimedSize"], &finding["storedSize"]),
        (&json!(size + 1), &json!(size))
    );
    assert_eq!(finding["digest"], json!(one.digest()));
}

/// Checks that the sizes of layers and configs are also compared with the sizes of the stored
/// blobs.
pub async fn checks_the_sizes_of_blobs(registry: Arc<dyn Registry>) {
    let repository = repository_with_image(&registry, &image("a").layers(["x"])).await;
    let with_size = |size: Value| {
        let mut layer = descriptor_json(MediaType::OCI_LAYER_GZIP, &blob("x"));
        layer["size"] = size;
        image("a").field("layers", json!([layer]))
    };
    for size in [
        json!(0),
        json!(u64::from(u32::MAX)),
        json!((1_u64 << 53) - 1),
    ] {
        let image = with_size(size);
        let error = assert_rejects(
            &repository,
            image.bytes(),
            &image.media_type(),
            &Kind::MANIFEST_INVALID,
        )
        .await;
        assert_eq!(
            rejected_findings(&error),
            expected_findings(&[("size-mismatch", "/layers/0")])
        );
    }
    for (size, rule) in [
        (json!(-1), "size-out-of-range"),
        (json!(1_u64 << 53), "size-out-of-range"),
        (json!(u64::MAX), "size-out-of-range"),
        (json!("24"), "malformed-field"),
        (json!(1.5), "malformed-field"),
    ] {
        let image = with_size(size);
        let error = assert_rejects(
            &repository,
            image.bytes(),
            &image.media_type(),
            &Kind::MANIFEST_INVALID,
        )
        .await;
        assert_eq!(
            rejected_findings(&error),
            expected_findings(&[(rule, "/layers/0/size")])
        );
    }
}

/// Checks that the registry rejects a document that is both an image and an index.
pub async fn rejects_a_document_of_two_shapes(registry: Arc<dyn Registry>) {
    let repository = repository_with_image(&registry, &image("a")).await;
    let index = IndexFixture::oci().field("layers", json!([]));
    let error = assert_rejects(
        &repository,
        index.bytes(),
        &index.media_type(),
        &Kind::MANIFEST_INVALID,
    )
    .await;
    assert_eq!(
        rejected_findings(&error),
        expected_findings(&[("two-shapes", "/layers")])
    );
    let image = image("a").field("manifests", json!([]));
    let error = assert_rejects(
        &repository,
        image.bytes(),
        &image.media_type(),
        &Kind::MANIFEST_INVALID,
    )
    .await;
    assert_eq!(
        rejected_findings(&error),
        expected_findings(&[("two-shapes", "/manifests")])
    );
}

/// Checks that the registry rejects a document whose `mediaType` differs from the media type of the
/// push.
pub async fn rejects_a_mismatched_content_type(registry: Arc<dyn Registry>) {
    let repository = repository_with_image(&registry, &image("a")).await;
    for (bytes, sent) in [
        (
            image("b").layers([]).field("config", json!(null)).bytes(),
            MediaType::DOCKER_MANIFEST,
        ),
        (IndexFixture::docker().bytes(), MediaType::OCI_INDEX),
        (IndexFixture::oci().bytes(), "application/vnd.example.else"),
    ] {
        let error = expect_error(
            repository
                .put_manifest(bytes, &MediaType::new(sent), &["rejected"])
                .await,
            &Kind::MANIFEST_INVALID,
        );
        assert!(
            rejected_findings(&error)
                .contains(&("media-type-mismatch".into(), "/mediaType".into())),
            "{error}"
        );
        assert_eq!(repository.resolve_tag("rejected").await, None);
    }
}

/// Checks that the error reports every malformed descriptor with its pointer.
pub async fn reports_all_malformed_descriptors(registry: Arc<dyn Registry>) {
    let repository = repository_with_image(&registry, &image("a")).await;
    let index = IndexFixture::oci()
        .child(json!({"mediaType": MediaType::OCI_MANIFEST, "size": 3}))
        .image(&image("a"), "linux/amd64")
        .child(json!({"mediaType": MediaType::OCI_MANIFEST, "digest": "sha256:SHORT", "size": 3}))
        .child(json!("sha256"));
    let error = assert_rejects(
        &repository,
        index.bytes(),
        &index.media_type(),
        &Kind::MANIFEST_INVALID,
    )
    .await;
    let malformed = [
        ("malformed-field", "/manifests/0"),
        ("malformed-digest", "/manifests/2"),
        ("malformed-field", "/manifests/3"),
    ];
    assert_eq!(rejected_findings(&error), expected_findings(&malformed));
}

/// Checks that a single error reports both invalid fields and missing content.
pub async fn reports_invalid_and_missing_content_together(registry: Arc<dyn Registry>) {
    let repository = repository_with_image(&registry, &image("a")).await;
    let missing = descriptor_json(MediaType::OCI_LAYER_GZIP, &blob("nowhere"));
    let image = image("a")
        .field("layers", json!([missing]))
        .field("manifests", json!([]));
    let error = assert_rejects(
        &repository,
        image.bytes(),
        &image.media_type(),
        &Kind::MANIFEST_INVALID,
    )
    .await;
    assert_eq!(
        rejected_findings(&error),
        expected_findings(&[("missing-child", "/layers/0"), ("two-shapes", "/manifests")])
    );
}

/// Checks that a rejected push moves no tag.
pub async fn rejected_push_moves_no_tag(registry: Arc<dyn Registry>) {
    let one = image("one");
    let repository = repository_with_image(&registry, &one).await;
    let index = IndexFixture::oci().child(
        json!({"mediaType": MediaType::OCI_MANIFEST, "digest": unknown_digest(), "size": 1}),
    );
    expect_error(
        repository
            .put_manifest(index.bytes(), &index.media_type(), &["v1"])
            .await,
        &Kind::CONTENT_MISSING,
    );
    repository
        .assert_serves("v1", &one.digest(), &one.media_type(), &one.bytes())
        .await;
}

/// Checks that a rejected push creates no repository.
pub async fn rejected_push_creates_no_repository(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    assert_rejects(
        &repository,
        image("a").bytes(),
        &image("a").media_type(),
        &Kind::CONTENT_MISSING,
    )
    .await;
    expect_error(repository.tags().await, &Kind::RepositoryUnknown);
}
