//! What people call the manifests of a layout, and which one is meant when none is named.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use portolan_layout::LayoutRegistry;
use portolan_model::fixtures::{Image, Index, image};
use portolan_registry::Kind;
use portolan_registry::contract::refused;
use serde_json::json;

use crate::place::{index, place};

async fn holding(folder: &Path, images: &[(&Image, &[&str])]) -> Arc<LayoutRegistry> {
    let registry = Arc::new(LayoutRegistry::open_for_writing(folder).await.unwrap());
    for (image, tags) in images {
        place(&registry).image(image, tags).await;
    }
    registry
}

#[tokio::test]
async fn names_that_are_no_tags_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (image("one"), image("two"));
    let registry = holding(folder.path(), &[(&one, &["v1"]), (&two, &[])]).await;
    let mut document = index(folder.path());
    document["manifests"][1]["annotations"] =
        json!({"org.opencontainers.image.ref.name": "docker.io/library/x:1"});
    fs::write(folder.path().join("index.json"), document.to_string()).unwrap();

    let names = registry.names().await.unwrap();
    let names: Vec<_> = names
        .iter()
        .map(|name| (name.name.as_str(), &name.descriptor.digest))
        .collect();
    assert_eq!(
        names,
        [
            ("v1", &one.digest()),
            ("docker.io/library/x:1", &two.digest())
        ]
    );
    for name in ["docker.io/library/x:1", "x:1", two.digest().as_str()] {
        assert_eq!(
            registry.resolve(name).await.unwrap().digest,
            two.digest(),
            "{name}"
        );
    }
    assert_eq!(registry.resolve("v1").await.unwrap().digest, one.digest());
    let error = refused(registry.resolve("v2").await, &Kind::ManifestUnknown);
    assert!(
        error
            .message()
            .contains("it has: v1, docker.io/library/x:1"),
        "{error}"
    );
    assert_eq!(
        place(&registry).tags().await.unwrap(),
        ["v1"],
        "only one of them is a tag"
    );
}

#[tokio::test]
async fn the_only_manifest_needs_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let one = image("one");
    let registry = holding(folder.path(), &[]).await;
    refused(registry.only_manifest().await, &Kind::ManifestUnknown);
    place(&registry).image(&one, &["v1", "v2"]).await;
    assert_eq!(registry.only_manifest().await.unwrap().digest, one.digest());

    let signature = image("signature").subject(&one.descriptor());
    place(&registry).image(&signature, &[]).await;
    assert_eq!(
        registry.only_manifest().await.unwrap().digest,
        one.digest(),
        "a signature does not count"
    );

    place(&registry).image(&image("two"), &["v3"]).await;
    let error = refused(registry.only_manifest().await, &Kind::Unsupported);
    assert!(error.message().contains("it has: v1, v2, v3"), "{error}");
}

#[tokio::test]
async fn what_others_left_of_an_index_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let registry = holding(folder.path(), &[(&image("one"), &[])]).await;
    let multi = Index::oci().image(&image("one"), "linux/amd64");
    place(&registry).index(&multi, &[]).await;
    let mut document = index(folder.path());
    let child = json!(image("one").descriptor());
    document["manifests"].as_array_mut().unwrap().push(child);
    fs::write(folder.path().join("index.json"), document.to_string()).unwrap();
    assert_eq!(
        registry.only_manifest().await.unwrap().digest,
        multi.digest()
    );
}

#[tokio::test]
async fn a_name_that_several_have_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let registry = holding(
        folder.path(),
        &[(&image("one"), &["v1"]), (&image("two"), &["v2"])],
    )
    .await;
    let text = fs::read_to_string(folder.path().join("index.json"))
        .unwrap()
        .replace("\"v2\"", "\"v1\"");
    fs::write(folder.path().join("index.json"), text).unwrap();
    refused(registry.resolve("v1").await, &Kind::Unsupported);
    refused(place(&registry).get("v1").await, &Kind::Unsupported);
}
