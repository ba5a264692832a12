//! What a stored manifest of the repository names is not deleted, unless by force.

use std::sync::Arc;

use portolan_model::fixtures::{Index, blob, describe, image};
use portolan_model::{Digest, MediaType};
use serde_json::{Value, json};

use super::{Repository, refused};
use crate::{Deletion, Error, Kind, Registry};

fn parents(error: &Error) -> Vec<(String, String)> {
    let text = |parent: &Value, key: &str| parent[key].as_str().unwrap_or_default().to_owned();
    let parents = error.detail()["parents"]
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

fn expected<const N: usize>(parents: [(&Digest, &str); N]) -> Vec<(String, String)> {
    let mut parents = parents
        .map(|(digest, pointer)| (digest.to_string(), pointer.to_owned()))
        .to_vec();
    parents.sort_unstable();
    parents
}

/// A blob that a document names somewhere has to be guarded by it; the document is a custom one.
async fn guards(registry: &Arc<dyn Registry>, document: &str, pointer: &str) {
    let repository = Repository::of(registry, "team/app");
    let digest = repository.blob(blob("x")).await;
    let custom = MediaType::new("application/vnd.example.custom+json");
    let parent = repository
        .manifest(document.to_owned().into(), &custom, &["custom"])
        .await;
    let error = refused(
        repository.delete_blob(&digest, Deletion::Guarded).await,
        &Kind::Referenced,
    );
    assert_eq!(parents(&error), expected([(&parent, pointer)]));
    repository
        .delete_manifest(&parent, Deletion::Guarded)
        .await
        .expect("nothing names it");
    repository
        .delete_blob(&digest, Deletion::Guarded)
        .await
        .expect("nothing names it any more");
}

/// A child is guarded by each index that names it, all of which are told.
pub async fn an_index_guards_its_children(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let child = repository.image(&image("a"), &["child"]).await;
    let one = Index::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("a"), "linux/arm64");
    let two = Index::docker().image(&image("a"), "linux/amd64");
    repository.index(&one, &["one"]).await;
    repository.index(&two, &[]).await;
    let error = refused(
        repository.delete_manifest(&child, Deletion::Guarded).await,
        &Kind::Referenced,
    );
    let naming = [
        (&one.digest(), "/manifests/0"),
        (&one.digest(), "/manifests/1"),
        (&two.digest(), "/manifests/0"),
    ];
    assert_eq!(parents(&error), expected(naming));
    assert_eq!(error.detail()["digest"], json!(child));
    repository
        .serves(
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
        .expect("nothing names it");
    let error = refused(
        repository.delete_manifest(&child, Deletion::Guarded).await,
        &Kind::Referenced,
    );
    assert_eq!(parents(&error), expected([(&two.digest(), "/manifests/0")]));
    repository
        .delete_manifest(&two.digest(), Deletion::Guarded)
        .await
        .expect("nothing names it");
    repository
        .delete_manifest(&child, Deletion::Guarded)
        .await
        .expect("nothing names it any more");
}

/// An image guards its config and its layers.
pub async fn an_image_guards_its_blobs(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let (one, two) = (
        image("one").layers(["base", "x"]),
        image("two").layers(["base", "y"]),
    );
    repository.image(&one, &["one"]).await;
    repository.image(&two, &["two"]).await;
    for content in one.blobs().iter().chain(&two.blobs()) {
        refused(
            repository
                .delete_blob(&Digest::sha256(content), Deletion::Guarded)
                .await,
            &Kind::Referenced,
        );
    }
    let base = Digest::sha256(&blob("base"));
    let error = refused(
        repository.delete_blob(&base, Deletion::Guarded).await,
        &Kind::Referenced,
    );
    assert_eq!(
        parents(&error),
        expected([(&one.digest(), "/layers/0"), (&two.digest(), "/layers/0")])
    );
    repository
        .delete_manifest(&one.digest(), Deletion::Guarded)
        .await
        .expect("nothing names it");
    repository
        .delete_blob(&Digest::sha256(&blob("x")), Deletion::Guarded)
        .await
        .expect("nothing names it any more");
    refused(
        repository.delete_blob(&base, Deletion::Guarded).await,
        &Kind::Referenced,
    );
}

/// A child that is held as a blob is guarded as well.
pub async fn an_index_guards_its_blob_children(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = repository.blob(blob("cache")).await;
    let index = Index::oci().child_of_type(MediaType::OCI_LAYER_GZIP, &blob("cache"), None);
    repository.index(&index, &["cache"]).await;
    refused(
        repository.delete_blob(&digest, Deletion::Guarded).await,
        &Kind::Referenced,
    );
    repository
        .delete_manifest(&index.digest(), Deletion::Guarded)
        .await
        .expect("nothing names it");
    repository
        .delete_blob(&digest, Deletion::Guarded)
        .await
        .expect("nothing names it any more");
}

/// A digest guards at any depth, in fields of any name, in a document of any type.
pub async fn a_digest_at_any_depth_guards(registry: Arc<dyn Registry>) {
    let named = describe("a/b", &blob("x"));
    guards(
        &registry,
        &json!({"x": [{"y/z": [[named]]}]}).to_string(),
        "/x/0/y~1z/0/0",
    )
    .await;
    guards(
        &registry,
        &json!({"Layers": [named]}).to_string(),
        "/Layers/0",
    )
    .await;
    guards(
        &registry,
        &json!({"blob": {"deep": {"subject": named}}}).to_string(),
        "/blob/deep/subject",
    )
    .await;
}

/// Names are compared without case, as Go's readers do.
pub async fn a_digest_in_any_case_guards(registry: Arc<dyn Registry>) {
    let digest = Digest::sha256(&blob("x"));
    guards(
        &registry,
        &json!({"x": {"DIGEST": digest}}).to_string(),
        "/x",
    )
    .await;
    guards(
        &registry,
        &json!({"x": {"Digest": digest, "size": "none of the kind"}}).to_string(),
        "/x",
    )
    .await;
}

/// Of duplicate keys every digest guards, whichever a reader takes.
pub async fn every_duplicate_guards(registry: Arc<dyn Registry>) {
    let (x, other) = (Digest::sha256(&blob("x")), Digest::sha256(b"other"));
    guards(
        &registry,
        &format!(r#"{{"a":{{"digest":"{x}","digest":"{other}"}}}}"#),
        "/a",
    )
    .await;
    guards(
        &registry,
        &format!(r#"{{"a":{{"digest":"{other}","digest":"{x}"}}}}"#),
        "/a",
    )
    .await;
    guards(
        &registry,
        &format!(r#"{{"a":{{"digest":"{other}"}},"a":{{"digest":"{x}"}}}}"#),
        "/a",
    )
    .await;
}

/// Annotations and subjects hold nothing.
pub async fn annotations_and_subjects_do_not_guard(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let digest = repository.blob(blob("x")).await;
    let index = Index::oci()
        .field("annotations", json!({"digest": digest}))
        .field("subject", describe("a/b", &blob("x")));
    repository.index(&index, &["v1"]).await;
    repository
        .delete_blob(&digest, Deletion::Guarded)
        .await
        .expect("nothing holds it");
}

/// A manifest of another repository guards nothing here.
pub async fn other_repositories_do_not_guard(registry: Arc<dyn Registry>) {
    let (one, other) = (
        Repository::of(&registry, "team/app"),
        Repository::of(&registry, "team/other"),
    );
    let index = Index::oci().image(&image("a"), "linux/amd64");
    for repository in [&one, &other] {
        repository.image(&image("a"), &["v1"]).await;
    }
    other.index(&index, &["v2"]).await;
    refused(
        other
            .delete_manifest(&image("a").digest(), Deletion::Guarded)
            .await,
        &Kind::Referenced,
    );
    one.delete_manifest(&image("a").digest(), Deletion::Guarded)
        .await
        .expect("nothing here names it");
}

/// By force, content goes and leaves the manifest without it.
pub async fn force_breaks_the_guard(registry: Arc<dyn Registry>) {
    let repository = Repository::of(&registry, "team/app");
    let image = image("a").layers(["x"]);
    let index = Index::oci().image(&image, "linux/amd64");
    repository.image(&image, &["image"]).await;
    repository.index(&index, &["index"]).await;
    let layer = Digest::sha256(&blob("x"));
    repository
        .delete_blob(&layer, Deletion::Forced)
        .await
        .expect("by force");
    refused(repository.read(&layer).await, &Kind::BlobUnknown);
    repository
        .serves(
            "image",
            &image.digest(),
            &image.media_type(),
            &image.bytes(),
        )
        .await;
    repository
        .delete_manifest(&image.digest(), Deletion::Forced)
        .await
        .expect("by force");
    refused(repository.get("image").await, &Kind::ManifestUnknown);
    refused(repository.get(image.digest()).await, &Kind::ManifestUnknown);
    repository
        .serves(
            "index",
            &index.digest(),
            &index.media_type(),
            &index.bytes(),
        )
        .await;

    refused(
        repository
            .put(index.bytes(), &index.media_type(), &["again"])
            .await,
        &Kind::ContentMissing,
    );
    repository.image(&image, &[]).await;
    repository.index(&index, &["again"]).await;
    refused(
        repository.delete_blob(&layer, Deletion::Guarded).await,
        &Kind::Referenced,
    );
}
