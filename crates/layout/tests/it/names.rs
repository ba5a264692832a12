//! Names of the manifests in a layout, and the default manifest when no name is given.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use portolan_layout::LayoutRegistry;
use portolan_model::fixtures::{ImageFixture, IndexFixture, image};
use portolan_registry::Kind;
use portolan_registry::contract::expect_error;
use serde_json::json;

use crate::place::{index, place};

async fn with_images(folder: &Path, images: &[(&ImageFixture, &[&str])]) -> Arc<LayoutRegistry> {
    let registry = Arc::new(LayoutRegistry::open_for_writing(folder).await.unwrap());
    for (image, tags) in images {
        place(&registry).push_image(image, tags).await;
    }
    registry
}

#[tokio::test]
async fn finds_names_that_are_not_tags() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (image("one"), image("two"));
    let registry = with_images(folder.path(), &[(&one, &["v1"]), (&two, &[])]).await;
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
    let error = expect_error(registry.resolve("v2").await, &Kind::ManifestUnknown);
    assert!(
        error
            .help()
            .unwrap()
            .contains("names are v1, docker.io/library/x:1"),
        "{error}"
    );
    assert_eq!(
        place(&registry).tags().await.unwrap(),
        ["v1"],
        "only one name is a tag"
    );
}

#[tokio::test]
async fn the_only_manifest_needs_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let one = image("one");
    let registry = with_images(folder.path(), &[]).await;
    expect_error(registry.only_manifest().await, &Kind::ManifestUnknown);
    place(&registry).push_image(&one, &["v1", "v2"]).await;
    assert_eq!(registry.only_manifest().await.unwrap().digest, one.digest());

    let signature = image("signature").subject(&one.descriptor());
    place(&registry).push_image(&signature, &[]).await;
    assert_eq!(
        registry.only_manifest().await.unwrap().digest,
        one.digest(),
        "a signature does not count"
    );

    place(&registry).push_image(&image("two"), &["v3"]).await;
    let error = expect_error(registry.only_manifest().await, &Kind::Unsupported);
    assert!(
        error.help().unwrap().contains("names are v1, v2, v3"),
        "{error}"
    );
}

#[tokio::test]
async fn children_of_an_index_with_their_own_entries_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let registry = with_images(folder.path(), &[(&image("one"), &[])]).await;
    let multi = IndexFixture::oci().image(&image("one"), "linux/amd64");
    place(&registry).push_index(&multi, &[]).await;
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
async fn an_ambiguous_name_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let registry = with_images(
        folder.path(),
        &[(&image("one"), &["v1"]), (&image("two"), &["v2"])],
    )
    .await;
    let text = fs::read_to_string(folder.path().join("index.json"))
        .unwrap()
        .replace("\"v2\"", "\"v1\"");
    fs::write(folder.path().join("index.json"), text).unwrap();
    expect_error(registry.resolve("v1").await, &Kind::Unsupported);
    expect_error(
        place(&registry).get_manifest("v1").await,
        &Kind::Unsupported,
    );
}

/// Sets the annotations of the entry at a position in `index.json`.
fn annotate(folder: &Path, position: usize, annotations: &serde_json::Value) {
    let mut document = index(folder);
    document["manifests"][position]["annotations"] = annotations.clone();
    fs::write(folder.join("index.json"), document.to_string()).unwrap();
}

#[tokio::test]
async fn containerd_names_distinguish_equal_tags() {
    let folder = tempfile::tempdir().unwrap();
    let images = [image("one"), image("two"), image("three")];
    let named = [
        (&images[0], &["a"][..]),
        (&images[1], &["b"]),
        (&images[2], &["c"]),
    ];
    let registry = with_images(folder.path(), &named).await;
    let names = ["docker.io/library/app:latest", "quay.io/team/app:latest"];
    for (position, name) in names.iter().enumerate() {
        let annotations = json!({
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": "latest",
        });
        annotate(folder.path(), position, &annotations);
    }
    for (name, image) in [
        ("docker.io/library/app:latest", 0),
        ("app", 0),
        ("app:latest", 0),
        ("quay.io/team/app:latest", 1),
        ("quay.io/team/app", 1),
        ("c", 2),
    ] {
        let found = registry.resolve(name).await.unwrap();
        assert_eq!(found.digest, images[image].digest(), "{name}");
    }
    let listed = registry.names().await.unwrap().into_iter();
    let listed: Vec<_> = listed.map(|name| name.name).collect();
    assert_eq!(
        listed,
        [names[0], names[1], "c"],
        "the shortest unique names"
    );

    let errors = [
        expect_error(registry.resolve("latest").await, &Kind::Unsupported),
        expect_error(
            place(&registry).get_manifest("latest").await,
            &Kind::Unsupported,
        ),
    ];
    for error in errors {
        for (image, name) in images.iter().zip(names) {
            let expected = format!("{name} ({})", image.digest());
            assert!(error.message().contains(&expected), "{error}");
        }
    }
}

#[tokio::test]
async fn accepts_the_names_that_other_tools_write() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (image("one"), image("two"));
    let registry = with_images(folder.path(), &[(&one, &["v1"]), (&two, &["v2"])]).await;
    // As `skopeo copy … oci:folder:app:1.0` and `oci:folder:quay.io/team/app:2.0`.
    for (position, name) in ["app:1.0", "quay.io/team/app:2.0"].iter().enumerate() {
        let annotations = json!({"org.opencontainers.image.ref.name": name});
        annotate(folder.path(), position, &annotations);
    }
    for (name, image) in [
        ("app:1.0", &one),
        ("docker.io/library/app:1.0", &one),
        ("1.0", &one),
        ("quay.io/team/app:2.0", &two),
        ("2.0", &two),
    ] {
        let found = registry.resolve(name).await.unwrap();
        assert_eq!(found.digest, image.digest(), "{name}");
    }
}

#[tokio::test]
async fn the_platform_distinguishes_entries_with_equal_names() {
    let folder = tempfile::tempdir().unwrap();
    let registry = with_images(
        folder.path(),
        &[(&image("one"), &["v1"]), (&image("two"), &["v2"])],
    )
    .await;
    let mut document = index(folder.path());
    for (position, architecture) in ["amd64", "arm64"].iter().enumerate() {
        let entry = &mut document["manifests"][position];
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": "v1"});
        entry["platform"] = json!({"os": "linux", "architecture": architecture});
    }
    fs::write(folder.path().join("index.json"), document.to_string()).unwrap();
    let error = expect_error(registry.resolve("v1").await, &Kind::Unsupported);
    for platform in ["linux/amd64", "linux/arm64"] {
        assert!(
            error.message().contains(&format!("{platform} (sha256:")),
            "{error}"
        );
    }
}
