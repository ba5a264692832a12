//! Tags: set, moved, kept where they are by preconditions.

use std::sync::Arc;

use portolan_model::fixtures::image;
use serde_json::json;

use super::{Repository, refused, unknown_digest};
use crate::{Kind, Precondition, Registry};

/// A repository with the blobs of two images, of which `one` is tagged `v1`.
async fn prepared(registry: &Arc<dyn Registry>) -> Repository {
    let repository = Repository::of(registry, "team/app");
    repository.image(&image("two"), &[]).await;
    repository.image(&image("one"), &["v1"]).await;
    repository
}

/// A tag is moved to another manifest; the one before stays.
pub async fn a_tag_moves(registry: Arc<dyn Registry>) {
    let repository = prepared(&registry).await;
    assert_eq!(repository.tagged("v1").await, Some(image("one").digest()));
    repository.image(&image("two"), &["v1"]).await;
    let two = image("two");
    repository
        .serves("v1", &two.digest(), &two.media_type(), &two.bytes())
        .await;
    repository
        .get(image("one").digest())
        .await
        .expect("the manifest stays");
    assert_eq!(
        repository.tags().await.expect("the repository exists"),
        ["v1"]
    );
}

/// A tag that must not exist is set once, and the refusal says where it is.
pub async fn a_tag_that_must_be_absent(registry: Arc<dyn Registry>) {
    let repository = prepared(&registry).await;
    let refusal = repository
        .put_if(&image("two"), "v1", Precondition::Absent)
        .await;
    let error = refused(refusal, &Kind::PreconditionFailed);
    assert_eq!(
        error.detail(),
        &json!({"tag": "v1", "expected": "absent", "actual": image("one").digest()})
    );
    assert_eq!(repository.tagged("v1").await, Some(image("one").digest()));
    repository
        .put_if(&image("two"), "v2", Precondition::Absent)
        .await
        .expect("there is no such tag yet");
    assert_eq!(repository.tagged("v2").await, Some(image("two").digest()));
}

/// A tag that must exist is not made.
pub async fn a_tag_that_must_be_present(registry: Arc<dyn Registry>) {
    let repository = prepared(&registry).await;
    let refusal = repository
        .put_if(&image("two"), "v2", Precondition::Present)
        .await;
    let error = refused(refusal, &Kind::PreconditionFailed);
    assert_eq!(
        error.detail(),
        &json!({"tag": "v2", "expected": "present", "actual": null})
    );
    assert_eq!(repository.tagged("v2").await, None);
    repository
        .put_if(&image("two"), "v1", Precondition::Present)
        .await
        .expect("the tag exists");
    assert_eq!(repository.tagged("v1").await, Some(image("two").digest()));
}

/// A tag is moved only from where its sender saw it, and the refusal says where it is.
pub async fn a_tag_that_must_be_where_it_was(registry: Arc<dyn Registry>) {
    let repository = prepared(&registry).await;
    let (one, two) = (image("one").digest(), image("two").digest());
    let at = |digest| Precondition::At(vec![digest]);
    let refusal = repository
        .put_if(&image("two"), "v1", at(two.clone()))
        .await;
    let error = refused(refusal, &Kind::PreconditionFailed);
    assert_eq!(
        error.detail(),
        &json!({"tag": "v1", "expected": [two], "actual": one})
    );
    refused(
        repository
            .put_if(&image("two"), "v2", at(one.clone()))
            .await,
        &Kind::PreconditionFailed,
    );
    repository
        .put_if(&image("two"), "v1", at(one.clone()))
        .await
        .expect("the tag is there");
    assert_eq!(repository.tagged("v1").await, Some(two.clone()));
    refused(
        repository.put_if(&image("one"), "v1", at(one)).await,
        &Kind::PreconditionFailed,
    );
    assert_eq!(repository.tagged("v1").await, Some(two));
}

/// Several places may be named where a tag may be.
pub async fn a_tag_that_must_be_at_one_of_several(registry: Arc<dyn Registry>) {
    let repository = prepared(&registry).await;
    let places = Precondition::At(vec![unknown_digest(), image("one").digest()]);
    repository
        .put_if(&image("two"), "v1", places.clone())
        .await
        .expect("the tag is at one of them");
    refused(
        repository.put_if(&image("two"), "v1", places).await,
        &Kind::PreconditionFailed,
    );
}

/// A manifest whose precondition does not hold is not stored.
pub async fn a_failed_precondition_stores_nothing(registry: Arc<dyn Registry>) {
    let repository = prepared(&registry).await;
    let three = image("one").field("annotations", json!({"another": "manifest"}));
    refused(
        repository.put_if(&three, "v1", Precondition::Absent).await,
        &Kind::PreconditionFailed,
    );
    refused(repository.get(three.digest()).await, &Kind::ManifestUnknown);
}

/// Setting a tag to where it is already is no error.
pub async fn a_tag_may_stay_where_it_is(registry: Arc<dyn Registry>) {
    let repository = prepared(&registry).await;
    let one = image("one").digest();
    repository
        .put_if(&image("one"), "v1", Precondition::At(vec![one.clone()]))
        .await
        .expect("the tag is there");
    repository
        .put_if(&image("one"), "v1", Precondition::Present)
        .await
        .expect("the tag is there");
    assert_eq!(repository.tagged("v1").await, Some(one));
}

/// Tags differ by case, and one may look like the hexadecimal half of a digest.
pub async fn tags_are_taken_literally(registry: Arc<dyn Registry>) {
    let repository = prepared(&registry).await;
    let hexadecimal = image("one").digest().encoded().to_owned();
    let fallback = format!("sha256-{hexadecimal}");
    for tag in [
        "V1",
        "_x",
        "1.0-rc.1",
        hexadecimal.as_str(),
        fallback.as_str(),
        &"t".repeat(128),
    ] {
        refused(repository.get(tag).await, &Kind::ManifestUnknown);
        repository.image(&image("two"), &[tag]).await;
        assert_eq!(
            repository.tagged(tag).await,
            Some(image("two").digest()),
            "{tag}"
        );
    }
    assert_eq!(repository.tagged("v1").await, Some(image("one").digest()));
}

/// Tags of a repository that nobody knows are no empty list.
pub async fn an_unknown_repository_has_no_list_of_tags(registry: Arc<dyn Registry>) {
    prepared(&registry).await;
    let error = refused(
        Repository::of(&registry, "team").tags().await,
        &Kind::RepositoryUnknown,
    );
    assert_eq!(error.detail(), &json!({"repository": "team"}));
}
