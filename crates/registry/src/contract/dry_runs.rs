//! Dry runs: [`check_manifest`](crate::Writer::check_manifest) returns the outcome of a put without
//! changing anything.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::Digest;
use portolan_model::fixtures::{IndexFixture, blob, image, tag};
use serde_json::json;

use super::{TestRepository, expect_error, rejected_documents, unknown_digest};
use crate::{Context, Kind, PageRequest, Precondition, PutManifest, Registry, TagUpdate};

fn test_repository(registry: &Arc<dyn Registry>) -> TestRepository {
    TestRepository::new(registry, "team/app")
}

/// Checks that a dry run returns the same digest, subject and findings as the following push, and
/// stores nothing.
pub async fn returns_the_outcome_of_a_push(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let subject = image("subject");
    let image = image("a")
        .subject(&subject.descriptor())
        .field("x", json!({}));
    for content in image.blobs() {
        repository.push_blob(content).await;
    }
    let text = String::from_utf8(image.bytes().to_vec()).expect("a document is valid UTF-8");
    let bytes = Bytes::from(text.replacen(r#""x":{}"#, r#""x":{"a":1,"a":2}"#, 1));
    let digest = Digest::sha256(&bytes);

    let predicted = repository
        .check_manifest(bytes.clone(), &image.media_type(), &["v1"])
        .await
        .expect("the manifest would be accepted");
    assert_eq!(
        (&predicted.digest, &predicted.subject),
        (&digest, &Some(subject.digest()))
    );
    assert!(
        predicted
            .warnings()
            .any(|finding| finding.pointer == "/x/a"),
        "{predicted:?}"
    );
    expect_error(
        repository.get_manifest(&digest).await,
        &Kind::ManifestUnknown,
    );
    expect_error(repository.get_manifest("v1").await, &Kind::ManifestUnknown);
    assert_eq!(repository.referrers(&subject.digest()).await, []);

    let pushed = repository
        .put_manifest(bytes, &image.media_type(), &["v1"])
        .await
        .expect("the manifest is accepted");
    assert_eq!(pushed, predicted);
}

/// Checks that a dry run fails with the same kind and the same findings as a push.
pub async fn fails_like_a_push(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    repository.push_blob(blob("y")).await;
    let missing = image("a").layers(["x", "y"]);
    let two_shapes = IndexFixture::oci().field("layers", json!([]));
    let documents = [
        (missing.bytes(), missing.media_type(), Kind::CONTENT_MISSING),
        (
            two_shapes.bytes(),
            two_shapes.media_type(),
            Kind::MANIFEST_INVALID,
        ),
        (
            "not JSON".into(),
            missing.media_type(),
            Kind::MANIFEST_INVALID,
        ),
    ];
    for (bytes, media_type, kind) in documents {
        let predicted = expect_error(
            repository
                .check_manifest(bytes.clone(), &media_type, &["v1"])
                .await,
            &kind,
        );
        let pushed = expect_error(
            repository.put_manifest(bytes, &media_type, &["v1"]).await,
            &kind,
        );
        assert_eq!(
            (predicted.message(), predicted.detail()),
            (pushed.message(), pushed.detail())
        );
    }
    let wrong = PutManifest {
        media_type: Some(missing.media_type()),
        digest: Some(unknown_digest()),
        ..PutManifest::default()
    };
    expect_error(
        repository.check_manifest_with(missing.bytes(), wrong).await,
        &Kind::DigestInvalid,
    );
}

/// Checks that a dry run compares preconditions on a tag with its current digest.
pub async fn checks_preconditions(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let one = repository.push_image(&image("one"), &["v1"]).await;
    let index = IndexFixture::oci();
    let try_if = async |precondition: Precondition| {
        let tags = vec![TagUpdate {
            tag: tag("v1"),
            precondition,
        }];
        let media_type = Some(index.media_type());
        let options = PutManifest {
            media_type,
            tags,
            ..PutManifest::default()
        };
        repository.check_manifest_with(index.bytes(), options).await
    };
    let error = expect_error(
        try_if(Precondition::Absent).await,
        &Kind::PreconditionFailed,
    );
    assert_eq!(
        (&error.detail()["tag"], &error.detail()["actual"]),
        (&json!("v1"), &json!(one))
    );
    expect_error(
        try_if(Precondition::PointsTo([index.digest()].into())).await,
        &Kind::PreconditionFailed,
    );
    for precondition in [
        Precondition::None,
        Precondition::Present,
        Precondition::PointsTo([one.clone()].into()),
    ] {
        try_if(precondition).await.expect("the precondition holds");
    }
    assert_eq!(repository.resolve_tag("v1").await, Some(one));
}

/// Checks that a dry run creates no repository.
pub async fn creates_no_repository(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "sparse/app");
    let image = image("a");
    repository
        .check_manifest(image.bytes(), &image.media_type(), &["v1"])
        .await
        .expect("the manifest would be accepted");
    let absent = PutManifest {
        media_type: Some(image.media_type()),
        tags: vec![TagUpdate {
            tag: tag("v1"),
            precondition: Precondition::Absent,
        }],
        ..PutManifest::default()
    };
    repository
        .check_manifest_with(image.bytes(), absent)
        .await
        .expect("the tag does not exist");
    expect_error(repository.tags().await, &Kind::RepositoryUnknown);
    let context = Context::anonymous();
    let repositories = registry
        .repositories(&context, &PageRequest::first(10))
        .await
        .expect("the registry lists its repositories");
    assert_eq!(repositories.items, []);
}

/// Checks that a dry run moves no tag.
pub async fn moves_no_tag(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let one = repository.push_image(&image("one"), &["v1"]).await;
    let index = IndexFixture::oci().image(&image("one"), "linux/amd64");
    repository
        .check_manifest(index.bytes(), &index.media_type(), &["v1", "v2"])
        .await
        .expect("the manifest would be accepted");
    repository
        .assert_serves(
            "v1",
            &one,
            &image("one").media_type(),
            &image("one").bytes(),
        )
        .await;
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        ["v1"]
    );
    expect_error(
        repository.get_manifest(index.digest()).await,
        &Kind::ManifestUnknown,
    );
}

/// Checks that a dry run checks children that are blobs as manifests, but does not promote them.
pub async fn promotes_nothing(registry: Arc<dyn Registry>) {
    let repository = test_repository(&registry);
    let (good, hollow) = (image("good"), image("hollow").layers(["nowhere"]));
    for content in good.blobs() {
        repository.push_blob(content).await;
    }
    for image in [&good, &hollow] {
        repository.push_blob(image.bytes()).await;
    }
    let index = IndexFixture::oci().image(&good, "linux/amd64");
    repository
        .check_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await
        .expect("the child would be promoted");
    expect_error(
        repository.get_manifest(good.digest()).await,
        &Kind::ManifestUnknown,
    );

    let index = index.image(&hollow, "linux/arm64");
    let predicted = repository
        .check_manifest(index.bytes(), &index.media_type(), &["v1"])
        .await;
    let error = expect_error(predicted, &Kind::CONTENT_MISSING);
    assert_eq!(
        rejected_documents(&error),
        vec![json!(hollow.digest()); 2],
        "{}",
        error.detail()
    );
}
