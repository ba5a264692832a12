//! Guarded deletion: content that a stored manifest of the repository references is deleted only if
//! the deletion is forced. The manifest guards the content.

use std::sync::Arc;

use portolan_model::fixtures::{IndexFixture, blob, descriptor_json, image};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use super::{TestRepository, expect_error};
use crate::{Deletion, Error, Kind, Registry};

fn reported_parents(error: &Error) -> Vec<(String, String)> {
    let text = |parent: &Value, key: &str| parent[key].as_str().unwrap_or_default().to_owned();
    let detail = error.detail();
    let parents = detail["parents"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut parents: Vec<_> = parents
        .iter()
        .map(|parent| (text(parent, "digest"), text(parent, "pointer")))
        .collect();
    parents.sort_unstable();
    parents
}

fn expected_parents<const N: usize>(parents: [(&Digest, &str); N]) -> Vec<(String, String)> {
    let mut parents = parents
        .map(|(digest, pointer)| (digest.to_string(), pointer.to_owned()))
        .to_vec();
    parents.sort_unstable();
    parents
}

/// Checks that a document of a custom type guards a blob that it references at `pointer`.
async fn assert_guards(registry: &Arc<dyn Registry>, document: &str, pointer: &str) {
    let repository = TestRepository::new(registry, "team/app");
    let digest = repository.push_blob(blob("x")).await;
    let custom = MediaType::new("application/vnd.example.custom+json");
    let parent = repository
        .push_manifest(document.to_owned().into(), &custom, &["custom"])
        .await;
    let error = expect_error(
        repository.delete_blob(&digest, Deletion::Guarded).await,
        &Kind::REFERENCED,
    );
    assert_eq!(
        reported_parents(&error),
        expected_parents([(&parent, pointer)])
    );
    repository
        .delete_manifest(&parent, Deletion::Guarded)
        .await
        .expect("no manifest references it");
    repository
        .delete_blob(&digest, Deletion::Guarded)
        .await
        .expect("no manifest references it anymore");
}

/// Checks that a child cannot be deleted while an index references it, and that the error lists all
/// such indexes.
pub async fn index_guards_its_children(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let child = repository.push_image(&image("a"), &["child"]).await;
    let one = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("a"), "linux/arm64");
    let two = IndexFixture::docker().image(&image("a"), "linux/amd64");
    repository.push_index(&one, &["one"]).await;
    repository.push_index(&two, &[]).await;
    let error = expect_error(
        repository.delete_manifest(&child, Deletion::Guarded).await,
        &Kind::REFERENCED,
    );
    let naming = [
        (&one.digest(), "/manifests/0"),
        (&one.digest(), "/manifests/1"),
        (&two.digest(), "/manifests/0"),
    ];
    assert_eq!(reported_parents(&error), expected_parents(naming));
    assert_eq!(error.detail()["digest"], json!(child));
    repository
        .assert_serves(
            "child",
            &child,
            &image("a").media_type(),
            &image("a").bytes(),
        )
        .await;

    repository
        .delete_tag("child")
        .await
        .expect("a tag is not guarded");
    repository
        .delete_manifest(&one.digest(), Deletion::Guarded)
        .await
        .expect("no manifest references it");
    let error = expect_error(
        repository.delete_manifest(&child, Deletion::Guarded).await,
        &Kind::REFERENCED,
    );
    assert_eq!(
        reported_parents(&error),
        expected_parents([(&two.digest(), "/manifests/0")])
    );
    repository
        .delete_manifest(&two.digest(), Deletion::Guarded)
        .await
        .expect("no manifest references it");
    repository
        .delete_manifest(&child, Deletion::Guarded)
        .await
        .expect("no manifest references it anymore");
}

/// Checks that an image guards its config and its layers.
pub async fn image_guards_its_blobs(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let (one, two) = (
        image("one").layers(["base", "x"]),
        image("two").layers(["base", "y"]),
    );
    repository.push_image(&one, &["one"]).await;
    repository.push_image(&two, &["two"]).await;
    for content in one.blobs().iter().chain(&two.blobs()) {
        expect_error(
            repository
                .delete_blob(&Digest::sha256(content), Deletion::Guarded)
                .await,
            &Kind::REFERENCED,
        );
    }
    let base = Digest::sha256(&blob("base"));
    let error = expect_error(
        repository.delete_blob(&base, Deletion::Guarded).await,
        &Kind::REFERENCED,
    );
    assert_eq!(
        reported_parents(&error),
        expected_parents([(&one.digest(), "/layers/0"), (&two.digest(), "/layers/0")])
    );
    repository
        .delete_manifest(&one.digest(), Deletion::Guarded)
        .await
        .expect("no manifest references it");
    repository
        .delete_blob(&Digest::sha256(&blob("x")), Deletion::Guarded)
        .await
        .expect("no manifest references it anymore");
    expect_error(
        repository.delete_blob(&base, Deletion::Guarded).await,
        &Kind::REFERENCED,
    );
}

/// Checks that an index also guards its children that are blobs.
pub async fn index_guards_its_blob_children(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = repository.push_blob(blob("cache")).await;
    let index = IndexFixture::oci().child_of_type(MediaType::OCI_LAYER_GZIP, &blob("cache"), None);
    repository.push_index(&index, &["cache"]).await;
    expect_error(
        repository.delete_blob(&digest, Deletion::Guarded).await,
        &Kind::REFERENCED,
    );
    repository
        .delete_manifest(&index.digest(), Deletion::Guarded)
        .await
        .expect("no manifest references it");
    repository
        .delete_blob(&digest, Deletion::Guarded)
        .await
        .expect("no manifest references it anymore");
}

/// Checks that a digest guards its content at any depth, in a field of any name, and in a document
/// of any type.
pub async fn digest_at_any_depth_guards(registry: Arc<dyn Registry>) {
    let named = descriptor_json("a/b", &blob("x"));
    assert_guards(
        &registry,
        &json!({"x": [{"y/z": [[named]]}]}).to_string(),
        "/x/0/y~1z/0/0",
    )
    .await;
    assert_guards(
        &registry,
        &json!({"Layers": [named]}).to_string(),
        "/Layers/0",
    )
    .await;
    assert_guards(
        &registry,
        &json!({"blob": {"deep": {"subject": named}}}).to_string(),
        "/blob/deep/subject",
    )
    .await;
}

/// Checks that a key `digest` in any case guards its content, because Go's JSON decoder ignores
/// case.
pub async fn digest_key_in_any_case_guards(registry: Arc<dyn Registry>) {
    let digest = Digest::sha256(&blob("x"));
    assert_guards(
        &registry,
        &json!({"x": {"DIGEST": digest}}).to_string(),
        "/x",
    )
    .await;
    assert_guards(
        &registry,
        &json!({"x": {"Digest": digest, "size": "none of the kind"}}).to_string(),
        "/x",
    )
    .await;
}

/// Checks that the digest in each of several duplicate `digest` keys guards its content, because
/// parsers differ in which key they use.
pub async fn every_duplicate_key_guards(registry: Arc<dyn Registry>) {
    let (x, other) = (Digest::sha256(&blob("x")), Digest::sha256(b"other"));
    assert_guards(
        &registry,
        &format!(r#"{{"a":{{"digest":"{x}","digest":"{other}"}}}}"#),
        "/a",
    )
    .await;
    assert_guards(
        &registry,
        &format!(r#"{{"a":{{"digest":"{other}","digest":"{x}"}}}}"#),
        "/a",
    )
    .await;
    assert_guards(
        &registry,
        &format!(r#"{{"a":{{"digest":"{other}"}},"a":{{"digest":"{x}"}}}}"#),
        "/a",
    )
    .await;
}

/// Checks that annotations and subjects guard nothing.
pub async fn annotations_and_subjects_do_not_guard(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let digest = repository.push_blob(blob("x")).await;
    let index = IndexFixture::oci()
        .field("annotations", json!({"digest": digest}))
        .field("subject", descriptor_json("a/b", &blob("x")));
    repository.push_index(&index, &["v1"]).await;
    repository
        .delete_blob(&digest, Deletion::Guarded)
        .await
        .expect("no manifest guards it");
}

/// Checks that a manifest of another repository guards nothing in this repository.
pub async fn other_repositories_do_not_guard(registry: Arc<dyn Registry>) {
    let (one, other) = (
        TestRepository::new(&registry, "team/app"),
        TestRepository::new(&registry, "team/other"),
    );
    let index = IndexFixture::oci().image(&image("a"), "linux/amd64");
    for repository in [&one, &other] {
        repository.push_image(&image("a"), &["v1"]).await;
    }
    other.push_index(&index, &["v2"]).await;
    expect_error(
        other
            .delete_manifest(&image("a").digest(), Deletion::Guarded)
            .await,
        &Kind::REFERENCED,
    );
    one.delete_manifest(&image("a").digest(), Deletion::Guarded)
        .await
        .expect("no manifest of this repository references it");
}

/// Checks that a forced deletion removes the content, and that the manifest stays without it.
pub async fn force_overrides_the_guard(registry: Arc<dyn Registry>) {
    let repository = TestRepository::new(&registry, "team/app");
    let image = image("a").layers(["x"]);
    let index = IndexFixture::oci().image(&image, "linux/amd64");
    repository.push_image(&image, &["image"]).await;
    repository.push_index(&index, &["index"]).await;
    let layer = Digest::sha256(&blob("x"));
    repository
        .delete_blob(&layer, Deletion::Forced)
        .await
        .expect("a forced deletion succeeds");
    expect_error(repository.read_blob(&layer).await, &Kind::BlobUnknown);
    repository
        .assert_serves(
            "image",
            &image.digest(),
            &image.media_type(),
            &image.bytes(),
        )
        .await;
    repository
        .delete_manifest(&image.digest(), Deletion::Forced)
        .await
        .expect("a forced deletion succeeds");
    expect_error(
        repository.get_manifest("image").await,
        &Kind::ManifestUnknown,
    );
    expect_error(
        repository.get_manifest(image.digest()).await,
        &Kind::ManifestUnknown,
    );
    repository
        .assert_serves(
            "index",
            &index.digest(),
            &index.media_type(),
            &index.bytes(),
        )
        .await;

    expect_error(
        repository
            .put_manifest(index.bytes(), &index.media_type(), &["again"])
            .await,
        &Kind::CONTENT_MISSING,
    );
    repository.push_image(&image, &[]).await;
    repository.push_index(&index, &["again"]).await;
    expect_error(
        repository.delete_blob(&layer, Deletion::Guarded).await,
        &Kind::REFERENCED,
    );
}
