//! Layouts in folders: the content of the files after each change.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use portolan_layout::{LayoutRegistry, layout_repository};
use portolan_model::fixtures::{IndexFixture, blob, image, sha512};
use portolan_model::{Digest, MediaType};
use portolan_registry::contract::{TestRepository, expect_error};
use portolan_registry::{
    Context, Deletion, Kind, LocalRegistry, PageRequest, Policy, Preset, Registry,
};
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

/// Pushes two images and an index of them in the order of a copy: children before their parents.
async fn multi_platform(registry: &Arc<LayoutRegistry>, tags: &[&str]) -> IndexFixture {
    let layout = place(registry);
    let (amd64, arm64) = (
        image("amd64").layers(["base", "x"]),
        image("arm64").layers(["base", "y"]).docker(),
    );
    layout.push_image(&amd64, &[]).await;
    layout.push_image(&arm64, &[]).await;
    let index = IndexFixture::oci()
        .image(&amd64, "linux/amd64")
        .image(&arm64, "linux/arm64");
    layout.push_index(&index, tags).await;
    index
}

#[tokio::test]
async fn a_layout_has_only_the_files_of_the_specification() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/layout");
    let registry = open(&path).await;
    let layout = place(&registry);
    layout.push_image(&image("a").layers(["x"]), &["v1"]).await;
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
async fn a_multi_platform_image_has_one_entry() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let multi = multi_platform(&registry, &[]).await;
    assert_eq!(entries(&index(folder.path())), [untagged(&multi.digest())]);
    place(&registry).push_index(&multi, &["v1"]).await;
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
        .push_image(&image("amd64").layers(["base", "x"]), &["amd64"])
        .await;
    let multi = multi_platform(&registry, &["v1"]).await;
    assert_eq!(
        entries(&index(folder.path())),
        [tagged(&child, "amd64"), tagged(&multi.digest(), "v1")]
    );
}

#[tokio::test]
async fn children_of_a_deleted_index_get_their_own_entries() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let multi = multi_platform(&registry, &["v1"]).await;
    let outer = IndexFixture::docker().nested_index(&multi, None);
    let layout = place(&registry);
    layout.push_index(&outer, &["outer"]).await;
    layout
        .delete_manifest(&multi.digest(), Deletion::Forced)
        .await
        .unwrap();
    expect_error(
        layout
            .delete_manifest(&multi.digest(), Deletion::Forced)
            .await,
        &Kind::ManifestUnknown,
    );

    let (amd64, arm64) = (
        image("amd64").layers(["base", "x"]),
        image("arm64").layers(["base", "y"]).docker(),
    );
    let mut unnamed = [untagged(&amd64.digest()), untagged(&arm64.digest())];
    unnamed.sort();
    let [first, second] = unnamed;
    let expected = [tagged(&outer.digest(), "outer"), first, second];
    assert_eq!(entries(&index(folder.path())), expected);
    for image in [amd64, arm64] {
        layout
            .assert_serves(
                image.digest(),
                &image.digest(),
                &image.media_type(),
                &image.bytes(),
            )
            .await;
    }
}

#[tokio::test]
async fn a_manifest_that_loses_its_tag_remains() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    let old = layout.push_image(&image("old"), &["v1"]).await;
    let new = layout.push_image(&image("new"), &["v1"]).await;
    assert_eq!(
        entries(&index(folder.path())),
        [tagged(&new, "v1"), untagged(&old)]
    );
    layout.delete_tag("v1").await.unwrap();
    let mut unnamed = [untagged(&old), untagged(&new)];
    unnamed.sort();
    assert_eq!(entries(&index(folder.path())), unnamed);
}

#[tokio::test]
async fn referrers_have_unnamed_entries() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    layout.push_image(&image("a"), &["v1"]).await;
    let signature = image("signature")
        .subject(&image("a").descriptor())
        .field("artifactType", json!("a/sig"));
    let digest = layout.push_image(&signature, &[]).await;
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
    layout.push_image(&image("there"), &[]).await;
    let inner = IndexFixture::oci()
        .image(&image("there"), "linux/amd64")
        .image(&image("absent"), "linux/arm64");
    let sparse = registry.handle(Arc::new(Policy::from(Preset::Sparse)));
    let sparse = TestRepository::new(&sparse, layout_repository().as_str());
    sparse.push_index(&inner, &[]).await;
    let outer = IndexFixture::oci().nested_index(&inner, None);
    sparse.push_index(&outer, &[]).await;
    assert_eq!(entries(&index(folder.path())), [untagged(&outer.digest())]);

    let reader = Arc::new(LayoutRegistry::open(folder.path()).await.unwrap());
    let layout = place(&reader);
    let there = image("there");
    layout
        .assert_serves(
            there.digest(),
            &there.digest(),
            &there.media_type(),
            &there.bytes(),
        )
        .await;
    expect_error(
        layout.get_manifest(image("absent").digest()).await,
        &Kind::ManifestUnknown,
    );
}

#[tokio::test]
async fn manifests_beyond_the_nesting_limit_keep_their_entries() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    layout.push_image(&image("a"), &[]).await;
    let mut nested = IndexFixture::oci().image(&image("a"), "linux/amd64");
    for depth in 1..=20 {
        layout.push_index(&nested, &[]).await;
        let expected = if depth <= 16 { 1 } else { 2 };
        assert_eq!(
            entries(&index(folder.path())).len(),
            expected,
            "at depth {depth}"
        );
        nested = IndexFixture::oci().nested_index(&nested, None);
    }
    layout
        .assert_serves(
            image("a").digest(),
            &image("a").digest(),
            &image("a").media_type(),
            &image("a").bytes(),
        )
        .await;
}

#[tokio::test]
async fn preserves_changes_by_other_tools() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    layout.push_image(&image("a"), &["v1"]).await;
    let mut foreign = index(folder.path());
    foreign["x-tool"] = json!({"deep": [1]});
    foreign["manifests"][0]["platform"] = json!({"os": "linux", "architecture": "amd64"});
    foreign["manifests"][0]["annotations"]["x-built-by"] = json!("somebody");
    fs::write(folder.path().join("index.json"), foreign.to_string()).unwrap();
    assert_eq!(
        layout.resolve_tag("v1").await,
        Some(image("a").digest()),
        "the change of another tool is visible"
    );

    let new = layout.push_image(&image("b"), &["v1"]).await;
    let mut expected = foreign.clone();
    expected["manifests"][0]["annotations"] = json!({"x-built-by": "somebody"});
    let added = json!({
        "mediaType": MediaType::OCI_MANIFEST,
        "digest": new,
        "size": image("b").bytes().len(),
        "annotations": {"org.opencontainers.image.ref.name": "v1"},
    });
    let manifests = expected["manifests"].as_array_mut().unwrap();
    manifests.insert(0, added);
    assert_eq!(index(folder.path()), expected);
}

#[tokio::test]
async fn detects_corrupted_content() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    layout.push_image(&image("a").layers(["x"]), &["v1"]).await;
    let layer = Digest::sha256(&blob("x"));
    let mut wrong = blob("x").to_vec();
    wrong[3] ^= 1;
    fs::write(blob_path(folder.path(), &layer), wrong).unwrap();
    expect_error(layout.read_blob(&layer).await, &Kind::DigestInvalid);
    let manifest = image("a").layers(["x"]).bytes().to_ascii_uppercase();
    fs::write(
        blob_path(folder.path(), &image("a").layers(["x"]).digest()),
        manifest,
    )
    .unwrap();
    expect_error(layout.get_manifest("v1").await, &Kind::DigestInvalid);

    layout.push_blob(blob("x")).await;
    assert_eq!(
        layout.read_blob(&layer).await.unwrap(),
        blob("x"),
        "storing the blob again repairs it"
    );
}

#[tokio::test]
async fn reports_an_entry_without_content() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    let layout = place(&registry);
    let digest = layout.push_image(&image("a"), &["v1"]).await;
    fs::remove_file(blob_path(folder.path(), &digest)).unwrap();
    let error = expect_error(layout.get_manifest("v1").await, &Kind::ManifestUnknown);
    assert!(
        error.message().contains(digest.as_str())
            && error.message().contains("the content does not exist"),
        "{error}"
    );
    layout.push_image(&image("a"), &[]).await;
    assert_eq!(layout.resolve_tag("v1").await, Some(digest));
}

#[tokio::test]
async fn reports_why_a_folder_is_not_a_layout() {
    let folder = tempfile::tempdir().unwrap();
    let check = async |path: &Path, kind: &Kind, expected: &str| {
        let error = expect_error(LayoutRegistry::open(path).await.map(drop), kind);
        let help = error.help().unwrap_or_default();
        assert!(
            error.message().contains(expected) || help.contains(expected),
            "{error}"
        );
    };
    let path = folder.path().join("layout");
    check(&path, &Kind::RepositoryUnknown, "layout does not exist").await;
    fs::create_dir(&path).unwrap();
    fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    check(
        &path,
        &Kind::RepositoryUnknown,
        "file index.json does not exist",
    )
    .await;
    fs::write(path.join("index.json"), "{}").unwrap();
    check(&path, &Kind::Unsupported, "\"2.0.0\"").await;
    fs::write(path.join("oci-layout"), "1.0.0").unwrap();
    check(&path, &Kind::Unsupported, "failed to parse the version").await;
    check(
        &path.join("index.json"),
        &Kind::RepositoryUnknown,
        "oci-archive:",
    )
    .await;
}

#[tokio::test]
async fn a_layout_has_one_repository() {
    let folder = tempfile::tempdir().unwrap();
    let registry: Arc<dyn Registry> = open(folder.path()).await;
    let (own, other) = (
        TestRepository::new(&registry, "layout"),
        TestRepository::new(&registry, "other"),
    );
    let digest = own.push_image(&image("a"), &["v1"]).await;
    expect_error(other.get_manifest("v1").await, &Kind::ManifestUnknown);
    expect_error(other.read_blob(&digest).await, &Kind::BlobUnknown);
    let error = expect_error(
        other.put_blob(&digest, image("a").bytes()).await,
        &Kind::Unsupported,
    );
    assert!(
        error.message().contains("only the repository layout"),
        "{error}"
    );
    let page = registry
        .repositories(&Context::anonymous(), &PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(page.items, [layout_repository()]);
}

#[tokio::test]
async fn does_not_write_to_a_folder_with_other_contents() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "years of work").unwrap();
    let error = expect_error(
        LayoutRegistry::open_for_writing(folder.path())
            .await
            .map(drop),
        &Kind::Unsupported,
    );
    assert!(error.message().contains("thesis.tex"), "{error}");
    assert_eq!(files(folder.path()), ["thesis.tex"]);
    let file = folder.path().join("thesis.tex");
    expect_error(
        LayoutRegistry::open_for_writing(file).await.map(drop),
        &Kind::RepositoryUnknown,
    );
}

#[tokio::test]
async fn a_read_only_layout_rejects_writes() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open(folder.path()).await;
    let digest = place(&writer).push_image(&image("a"), &["v1"]).await;
    drop(writer);
    let reader = Arc::new(LayoutRegistry::open(folder.path()).await.unwrap());
    let layout = place(&reader);
    expect_error(
        layout
            .put_blob(&Digest::sha256(b"x"), Bytes::from("x"))
            .await,
        &Kind::Unsupported,
    );
    expect_error(
        layout
            .put_manifest(image("a").bytes(), &image("a").media_type(), &["v2"])
            .await,
        &Kind::Unsupported,
    );
    expect_error(layout.delete_tag("v1").await, &Kind::Unsupported);
    expect_error(
        layout.delete_manifest(&digest, Deletion::Guarded).await,
        &Kind::Unsupported,
    );
    assert_eq!(files(folder.path()), ["blobs", "index.json", "oci-layout"]);
    assert_eq!(layout.resolve_tag("v1").await, Some(digest));
}

#[tokio::test]
async fn preserves_the_permissions_of_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    place(&registry).push_image(&image("a"), &["v1"]).await;
    let path = folder.path().join("index.json");
    for mode in [0o600, 0o664] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        place(&registry)
            .push_image(&image("a"), &[&format!("v{mode}")])
            .await;
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            mode
        );
    }
}

#[tokio::test]
async fn ignores_a_pipe_at_the_path_of_a_blob() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path()).await;
    place(&registry).push_image(&image("a"), &["v1"]).await;
    let digest = Digest::sha256(b"nobody writes to the pipe");
    assert!(
        Command::new("mkfifo")
            .arg(blob_path(folder.path(), &digest))
            .status()
            .unwrap()
            .success()
    );
    expect_error(
        place(&registry).read_blob(&digest).await,
        &Kind::BlobUnknown,
    );
}
