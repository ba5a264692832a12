//! Tests of tags: created, moved, and protected by preconditions.

use std::sync::Arc;

use portolan_model::fixtures::image;
use serde_json::json;

use super::{TestRepository, expect_error, unknown_digest};
use crate::{Kind, Precondition, Registry};

/// Creates a repository with the blobs of two images, and the tag `v1` for the image `one`.
async fn prepare_repository(registry: &Arc<dyn Registry>) -> TestRepository {
    let repository = TestRepository::new(registry, "team/app");
    repository.push_image(&image("two"), &[]).await;
    repository.push_image(&image("one"), &["v1"]).await;
    repository
}

/// Checks that a push moves a tag, and that the previous manifest stays.
pub async fn moves_a_tag(registry: Arc<dyn Registry>) {
    let repository = prepare_repository(&registry).await;
    assert_eq!(
        repository.resolve_tag("v1").await,
        Some(image("one").digest())
    );
    repository.push_image(&image("two"), &["v1"]).await;
    let two = image("two");
    repository
        .assert_serves("v1", &two.digest(), &two.media_type(), &two.bytes())
        .await;
    repository
        .get_manifest(image("one").digest())
        .await
        .expect("the manifest still exists");
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        ["v1"]
    );
}

/// Checks that [`Precondition::Absent`] creates a tag only once, and that the error reports the
/// current digest.
pub async fn requires_an_absent_tag(registry: Arc<dyn Registry>) {
    let repository = prepare_repository(&registry).await;
    let rejected = repository
        .put_image_if(&image("two"), "v1", Precondition::Absent)
        .await;
    let error = expect_error(rejected, &Kind::PreconditionFailed);
    assert_eq!(
        error.detail(),
        json!({"tag": "v1", "expected": "absent", "actual": image("one").digest()})
    );
    assert_eq!(
        repository.resolve_tag("v1").await,
        Some(image("one").digest())
    );
    repository
        .put_image_if(&image("two"), "v2", Precondition::Absent)
        .await
        .expect("the tag does not exist yet");
    assert_eq!(
        repository.resolve_tag("v2").await,
        Some(image("two").digest())
    );
}

/// Checks that [`Precondition::Present`] does not create a tag.
pub async fn requires_a_present_tag(registry: Arc<dyn Registry>) {
    let repository = prepare_repository(&registry).await;
    let rejected = repository
        .put_image_if(&image("two"), "v2", Precondition::Present)
        .await;
    let error = expect_error(rejected, &Kind::PreconditionFailed);
    assert_eq!(
        error.detail(),
        json!({"tag": "v2", "expected": "present", "actual": null})
    );
    assert_eq!(repository.resolve_tag("v2").await, None);
    repository
        .put_image_if(&image("two"), "v1", Precondition::Present)
        .await
        .expect("the tag exists");
    assert_eq!(
        repository.resolve_tag("v1").await,
        Some(image("two").digest())
    );
}

/// Checks that [`Precondition::PointsTo`] moves a tag only from the expected digest, and that the
/// error reports the current digest.
pub async fn requires_the_expected_digest(registry: Arc<dyn Registry>) {
    let repository = prepare_repository(&registry).await;
    let (one, two) = (image("one").digest(), image("two").digest());
    let at = |digest| Precondition::PointsTo([digest].into());
    let rejected = repository
        .put_image_if(&image("two"), "v1", at(two.clone()))
        .await;
    let error = expect_error(rejected, &Kind::PreconditionFailed);
    assert_eq!(
        error.detail(),
        json!({"tag": "v1", "expected": [two], "actual": one})
    );
    expect_error(
        repository
            .put_image_if(&image("two"), "v2", at(one.clone()))
            .await,
        &Kind::PreconditionFailed,
    );
    repository
        .put_image_if(&image("two"), "v1", at(one.clone()))
        .await
        .expect("the tag exists");
    assert_eq!(repository.resolve_tag("v1").await, Some(two.clone()));
    expect_error(
        repository.put_image_if(&image("one"), "v1", at(one)).await,
        &Kind::PreconditionFailed,
    );
    assert_eq!(repository.resolve_tag("v1").await, Some(two));
}

/// Checks that [`Precondition::PointsTo`] accepts several digests.
pub async fn requires_one_of_several_digests(registry: Arc<dyn Registry>) {
    let repository = prepare_repository(&registry).await;
    let precondition = Precondition::PointsTo([unknown_digest(), image("one").digest()].into());
    repository
        .put_image_if(&image("two"), "v1", precondition.clone())
        .await
        .expect("the tag points to one of the digests");
    expect_error(
        repository
            .put_image_if(&image("two"), "v1", precondition)
            .await,
        &Kind::PreconditionFailed,
    );
}

/// Checks that the registry does not store the manifest if a precondition fails.
pub async fn failed_precondition_stores_nothing(registry: Arc<dyn Registry>) {
    let repository = prepare_repository(&registry).await;
    let three = image("one").field("annotations", json!({"another": "manifest"}));
    expect_error(
        repository
            .put_image_if(&three, "v1", Precondition::Absent)
            .await,
        &Kind::PreconditionFailed,
    );
    expect_error(
        repository.get_manifest(three.digest()).await,
        &Kind::ManifestUnknown,
    );
}

/// Checks that setting a tag succeeds if the tag already points to the digest.
pub async fn accepts_an_unchanged_tag(registry: Arc<dyn Registry>) {
    let repository = prepare_repository(&registry).await;
    let one = image("one").digest();
    repository
        .put_image_if(
            &image("one"),
            "v1",
            Precondition::PointsTo([one.clone()].into()),
        )
        .await
        .expect("the tag exists");
    repository
        .put_image_if(&image("one"), "v1", Precondition::Present)
        .await
        .expect("the tag exists");
    assert_eq!(repository.resolve_tag("v1").await, Some(one));
}

/// Checks that tags are case-sensitive, and that a tag may look like the hexadecimal part of a
/// digest.
pub async fn treats_tags_literally(registry: Arc<dyn Registry>) {
    let repository = prepare_repository(&registry).await;
    let hexadecimal = image("one").digest().encoded_part().to_owned();
    let fallback = format!("sha256-{hexadecimal}");
    for tag in [
        "V1",
        "_x",
        "1.0-rc.1",
        hexadecimal.as_str(),
        fallback.as_str(),
        &"t".repeat(128),
    ] {
        expect_error(repository.get_manifest(tag).await, &Kind::ManifestUnknown);
        repository.push_image(&image("two"), &[tag]).await;
        assert_eq!(
            repository.resolve_tag(tag).await,
            Some(image("two").digest()),
            "{tag}"
        );
    }
    assert_eq!(
        repository.resolve_tag("v1").await,
        Some(image("one").digest())
    );
}

/// Checks that listing the tags of an unknown repository is an error and not an empty list.
pub async fn unknown_repository_has_no_tag_list(registry: Arc<dyn Registry>) {
    prepare_repository(&registry).await;
    let error = expect_error(
        TestRepository::new(&registry, "team").tags().await,
        &Kind::RepositoryUnknown,
    );
    assert_eq!(error.detail(), json!({"repository": "team"}));
}
