//! A layout in a folder: what stands in its files after each change.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use portolan_layout::{LayoutRegistry, layout_repository};
use portolan_model::fixtures::{Index, blob, image, sha512};
use portolan_model::{Digest, MediaType};
use portolan_registry::contract::{Repository, refused};
use portolan_registry::{Context, Deletion, Kind, PageRequest, Preset, PutManifest, Registry};
use serde_json::json;

use crate::place::{blob_path, entries, files, index, place};

async fn open(folder: &Path) -> Arc<LayoutRegistry> {
    Arc::new(LayoutRegistry::open_for_writing(folder).await.unwrap())
}

fn untagged(digest: &Digest) -> (String, Option<String>) {
    (digest.to_string(), None)
}

fn tagged(digest: &Digest, name: &str) -> (String, Option<String>) {
    (digest.to_string(), Some(name.to_owned()))
}

/// Both images and the index of them, each put as a copy puts it: children before their parents.
async fn multi_platform(registry: &Arc<LayoutRegistry>, tags: &[&str]) -> Index {
    let layout = place(registry);
    let (amd64, arm64) = (
        image("amd64").layers(["base", "x"]),
        image("arm64").layers(["base", "y"]).docker(),
    );
    layout.image(&amd64, &[]).await;
    layout.image(&arm64, &[]).await;
    let index = Index::oci()
        .image(&amd64, "linux/amd64")
        .image(&arm64, "linux/arm64");
    layout.index(&index, tags).await;
    index
}

#[tokio::test]
async fn a_layout_has_the_files_of_the_specification_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/layout");
    let registry = open(&path).await;
    let layout = place(&registry);
    layout.image(&image("a").layers(["x"]), &["v1"]).await;
    let long = sha512(&blob("long"));
    layout.put_blob(&long, blob("long")).await.unwrap();
    drop((layout, registry));

    assert_eq!(files(&path), ["blobs", "index.json", "oci-layout"]);
    assert_eq!(
        fs::read_to_string(path.join("oci-layout")).unwrap(),
        r#"{"imageLayoutVersion":"1.0.0"}"#
    );
    let image = image("a").layers(["x"]);
    assert_eq!(
        index(&path),
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": image.digest(),
                "size": image.bytes().len(),
                "annotations": {"org.opencontainers.image.ref.name": "v1"},
            }],
        })
    );
    for content in image.blobs().into_iter().chain([image.bytes()]) {
        assert_eq!(
            fs::read(blob_path(&path, &Digest::sha256(&content))).unwrap(),
            content
        );
    }
    assert_eq!(fs::read(blob_path(&path, &long)).unwrap(), blob("long"));
}

#[tokio::test]
async fn an_image_of_several_platforms_is_one_entry() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let multi = multi_platform(&registry, &[]).await;
    assert_eq!(entries(&index(folder.path())), [untagged(&multi.digest())]);
    place(&registry).index(&multi, &["v1"]).await;
    assert_eq!(
        entries(&index(folder.path())),
        [tagged(&multi.digest(), "v1")]
    );
}

#[tokio::test]
async fn a_tagged_child_keeps_its_entry() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let child = place(&registry)
        .image(&image("amd64").layers(["base", "x"]), &["amd64"])
        .await;
    let multi = multi_platform(&registry, &["v1"]).await;
    assert_eq!(
        entries(&index(folder.path())),
        [tagged(&child, "amd64"), tagged(&multi.digest(), "v1")]
    );
}

#[tokio::test]
async fn children_of_a_deleted_index_get_entries_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let multi = multi_platform(&registry, &["v1"]).await;
    let outer = Index::docker().nested(&multi, None);
    let layout = place(&registry);
    layout.index(&outer, &["outer"]).await;
    layout
        .delete_manifest(&multi.digest(), Deletion::Forced)
        .await
        .unwrap();
    refused(
        layout
            .delete_manifest(&multi.digest(), Deletion::Forced)
            .await,
        &Kind::ManifestUnknown,
    );

    let (amd64, arm64) = (
        image("amd64").layers(["base", "x"]),
        image("arm64").layers(["base", "y"]).docker(),
    );
    let expected = [
        tagged(&outer.digest(), "outer"),
        untagged(&amd64.digest()),
        untagged(&arm64.digest()),
    ];
    assert_eq!(entries(&index(folder.path())), expected);
    for image in [amd64, arm64] {
        layout
            .serves(
                image.digest(),
                &image.digest(),
                &image.media_type(),
                &image.bytes(),
            )
            .await;
    }
}

#[tokio::test]
async fn what_a_moved_tag_leaves_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    let old = layout.image(&image("old"), &["v1"]).await;
    let new = layout.image(&image("new"), &["v1"]).await;
    assert_eq!(
        entries(&index(folder.path())),
        [untagged(&old), tagged(&new, "v1")]
    );
    layout.delete_tag("v1").await.unwrap();
    assert_eq!(
        entries(&index(folder.path())),
        [untagged(&old), untagged(&new)]
    );
}

#[tokio::test]
async fn referrers_are_entries_without_names() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    layout.image(&image("a"), &["v1"]).await;
    let signature = image("signature")
        .subject(&image("a").descriptor())
        .field("artifactType", json!("a/sig"));
    let digest = layout.image(&signature, &[]).await;
    let index = index(folder.path());
    assert_eq!(entries(&index)[1], untagged(&digest));
    assert_eq!(index["manifests"][1]["artifactType"], "a/sig");
    assert_eq!(
        layout.referrers(&image("a").digest()).await[0].digest,
        digest
    );
}

#[tokio::test]
async fn an_index_may_be_sparse_and_nested() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    layout.image(&image("there"), &[]).await;
    let inner = Index::oci()
        .image(&image("there"), "linux/amd64")
        .image(&image("absent"), "linux/arm64");
    let sparse = |index: &Index| PutManifest {
        media_type: Some(index.media_type()),
        policy: Preset::Sparse.into(),
        ..PutManifest::default()
    };
    layout
        .put_with(inner.bytes(), sparse(&inner))
        .await
        .unwrap();
    let outer = Index::oci().nested(&inner, None);
    layout
        .put_with(outer.bytes(), sparse(&outer))
        .await
        .unwrap();
    assert_eq!(entries(&index(folder.path())), [untagged(&outer.digest())]);

    let reader = Arc::new(LayoutRegistry::open(folder.path()).await.unwrap());
    let layout = place(&reader);
    let there = image("there");
    layout
        .serves(
            there.digest(),
            &there.digest(),
            &there.media_type(),
            &there.bytes(),
        )
        .await;
    refused(
        layout.get(image("absent").digest()).await,
        &Kind::ManifestUnknown,
    );
}

#[tokio::test]
async fn what_is_nested_too_deep_keeps_its_entry() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    layout.image(&image("a"), &[]).await;
    let mut nested = Index::oci().image(&image("a"), "linux/amd64");
    for depth in 1..=20 {
        layout.index(&nested, &[]).await;
        let expected = if depth <= 16 { 1 } else { 2 };
        assert_eq!(
            entries(&index(folder.path())).len(),
            expected,
            "at depth {depth}"
        );
        nested = Index::oci().nested(&nested, None);
    }
    layout
        .serves(
            image("a").digest(),
            &image("a").digest(),
            &image("a").media_type(),
            &image("a").bytes(),
        )
        .await;
}

#[tokio::test]
async fn what_others_wrote_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    layout.image(&image("a"), &["v1"]).await;
    let mut foreign = index(folder.path());
    foreign["x-tool"] = json!({"deep": [1]});
    foreign["manifests"][0]["platform"] = json!({"os": "linux", "architecture": "amd64"});
    foreign["manifests"][0]["annotations"]["x-built-by"] = json!("somebody");
    fs::write(folder.path().join("index.json"), foreign.to_string()).unwrap();
    assert_eq!(
        layout.tagged("v1").await,
        Some(image("a").digest()),
        "another's change is seen"
    );

    let new = layout.image(&image("b"), &["v1"]).await;
    let mut expected = foreign.clone();
    expected["manifests"][0]["annotations"] = json!({"x-built-by": "somebody"});
    let added = json!({
        "mediaType": MediaType::OCI_MANIFEST,
        "digest": new,
        "size": image("b").bytes().len(),
        "annotations": {"org.opencontainers.image.ref.name": "v1"},
    });
    expected["manifests"].as_array_mut().unwrap().push(added);
    assert_eq!(index(folder.path()), expected);
}

#[tokio::test]
async fn content_that_is_not_what_it_should_be_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    layout.image(&image("a").layers(["x"]), &["v1"]).await;
    let layer = Digest::sha256(&blob("x"));
    let mut wrong = blob("x").to_vec();
    wrong[3] ^= 1;
    fs::write(blob_path(folder.path(), &layer), wrong).unwrap();
    refused(layout.read(&layer).await, &Kind::DigestInvalid);
    let manifest = image("a").layers(["x"]).bytes().to_ascii_uppercase();
    fs::write(
        blob_path(folder.path(), &image("a").layers(["x"]).digest()),
        manifest,
    )
    .unwrap();
    refused(layout.get("v1").await, &Kind::DigestInvalid);

    layout.blob(blob("x")).await;
    assert_eq!(
        layout.read(&layer).await.unwrap(),
        blob("x"),
        "what is stored again is right again"
    );
}

#[tokio::test]
async fn an_entry_without_content_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    let digest = layout.image(&image("a"), &["v1"]).await;
    fs::remove_file(blob_path(folder.path(), &digest)).unwrap();
    let error = refused(layout.get("v1").await, &Kind::ManifestUnknown);
    assert!(
        error.message().contains(digest.as_str()) && error.message().contains("does not hold it"),
        "{error}"
    );
    layout.image(&image("a"), &[]).await;
    assert_eq!(layout.tagged("v1").await, Some(digest));
}

#[tokio::test]
async fn what_is_no_layout_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let said = async |path: &Path, kind: &Kind, words: &str| {
        let error = refused(LayoutRegistry::open(path).await.map(drop), kind);
        assert!(error.message().contains(words), "{error}");
    };
    let path = folder.path().join("layout");
    said(&path, &Kind::RepositoryUnknown, "there is no folder").await;
    fs::create_dir(&path).unwrap();
    said(&path, &Kind::RepositoryUnknown, "it has no file oci-layout").await;
    fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    said(&path, &Kind::RepositoryUnknown, "it has no file index.json").await;
    fs::write(path.join("index.json"), "{}").unwrap();
    said(&path, &Kind::Unsupported, "\"2.0.0\"").await;
    fs::write(path.join("oci-layout"), "1.0.0").unwrap();
    said(&path, &Kind::Unsupported, "cannot be read").await;
    said(
        &path.join("index.json"),
        &Kind::RepositoryUnknown,
        "oci-archive:",
    )
    .await;
}

#[tokio::test]
async fn a_layout_is_one_repository() {
    let folder = tempfile::tempdir().unwrap();
    let registry: Arc<dyn Registry> = open(folder.path()).await;
    let (own, other) = (
        Repository::of(&registry, "layout"),
        Repository::of(&registry, "other"),
    );
    let digest = own.image(&image("a"), &["v1"]).await;
    refused(other.get("v1").await, &Kind::ManifestUnknown);
    refused(other.read(&digest).await, &Kind::BlobUnknown);
    let error = refused(
        other.put_blob(&digest, image("a").bytes()).await,
        &Kind::Unsupported,
    );
    assert!(error.message().contains("called layout"), "{error}");
    let page = registry
        .repositories(&Context::anonymous(), &PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(page.items, [layout_repository()]);
}

#[tokio::test]
async fn a_folder_that_holds_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "years of work").unwrap();
    let error = refused(
        LayoutRegistry::open_for_writing(folder.path())
            .await
            .map(drop),
        &Kind::Unsupported,
    );
    assert!(error.message().contains("thesis.tex"), "{error}");
    assert_eq!(files(folder.path()), ["thesis.tex"]);
    let file = folder.path().join("thesis.tex");
    refused(
        LayoutRegistry::open_for_writing(file).await.map(drop),
        &Kind::RepositoryUnknown,
    );
}

#[tokio::test]
async fn a_reader_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(folder.path()).await;
    let digest = place(&writer).image(&image("a"), &["v1"]).await;
    drop(writer);
    let reader = Arc::new(LayoutRegistry::open(folder.path()).await.unwrap());
    let layout = place(&reader);
    refused(
        layout
            .put_blob(&Digest::sha256(b"x"), Bytes::from("x"))
            .await,
        &Kind::Unsupported,
    );
    refused(
        layout
            .put(image("a").bytes(), &image("a").media_type(), &["v2"])
            .await,
        &Kind::Unsupported,
    );
    refused(layout.delete_tag("v1").await, &Kind::Unsupported);
    refused(
        layout.delete_manifest(&digest, Deletion::Guarded).await,
        &Kind::Unsupported,
    );
    assert_eq!(files(folder.path()), ["blobs", "index.json", "oci-layout"]);
    assert_eq!(layout.tagged("v1").await, Some(digest));
}

#[tokio::test]
async fn the_permissions_of_the_index_stay_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    place(&registry).image(&image("a"), &["v1"]).await;
    let path = folder.path().join("index.json");
    for mode in [0o600, 0o664] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        place(&registry)
            .image(&image("a"), &[&format!("v{mode}")])
            .await;
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            mode
        );
    }
}

#[tokio::test]
async fn a_pipe_in_the_place_of_a_blob_is_no_blob() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    place(&registry).image(&image("a"), &["v1"]).await;
    let digest = Digest::sha256(b"nobody writes to the pipe");
    assert!(
        Command::new("mkfifo")
            .arg(blob_path(folder.path(), &digest))
            .status()
            .unwrap()
            .success()
    );
    refused(place(&registry).read(&digest).await, &Kind::BlobUnknown);
}
