//! Tests of copies of all kinds of trees: byte for byte, with the same digests.

use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, image};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use super::{Ends, platforms};
use crate::Kind;
use crate::contract::expect_error;

const UNKNOWN: &str = "application/vnd.example.unknown.v1+json";

/// Asserts that source and target have the same content for each digest.
async fn assert_same(ends: &Ends, digests: &[Digest]) {
    for digest in digests {
        let expected = ends
            .source()
            .get_manifest(digest)
            .await
            .expect("the source has it");
        assert_eq!(
            ends.target()
                .get_manifest(digest)
                .await
                .expect("the target has it"),
            expected
        );
    }
}

async fn push_all(ends: &Ends, images: &[&ImageFixture]) {
    for image in images {
        ends.source().push_image(image, &[]).await;
    }
}

#[tokio::test]
async fn copies_an_index_with_all_kinds_of_children() {
    let ends = Ends::new();
    let (oci, docker) = (image("a"), image("b").docker().layers(["x", "a"]));
    let inner = IndexFixture::docker().image(&docker, "linux/arm64");
    let index = IndexFixture::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm/v7")
        .nested_index(&inner, None)
        .child_of_type(UNKNOWN, b"{\"pushed\":\"as manifest\"}", None)
        .child_of_type(
            "application/vnd.oci.image.layer.v1.tar+gzip",
            &blob("cache"),
            None,
        )
        .child_of_type("application/vnd.example.blob", &blob("as blob"), None);
    push_all(&ends, &[&oci, &docker]).await;
    let source = ends.source();
    source.push_index(&inner, &[]).await;
    let unknown = source
        .push_manifest(
            b"{\"pushed\":\"as manifest\"}".as_slice().into(),
            &UNKNOWN.into(),
            &[],
        )
        .await;
    source.push_blob(blob("cache")).await;
    source.push_blob(blob("as blob")).await;
    source.push_index(&index, &["v1"]).await;

    let outcome = ends.copy("v1").await.unwrap();
    assert_eq!(
        (outcome.digest, ends.target().resolve_tag("copied").await),
        (index.digest(), Some(index.digest()))
    );
    assert_same(
        &ends,
        &[
            oci.digest(),
            docker.digest(),
            inner.digest(),
            index.digest(),
            unknown,
        ],
    )
    .await;
    for content in [blob("cache"), blob("as blob"), blob("x"), blob("a")] {
        assert_eq!(
            ends.target()
                .read_blob(&Digest::sha256(&content))
                .await
                .unwrap(),
            content
        );
    }
}

#[tokio::test]
async fn copies_foreign_layers_that_the_source_has() {
    let ends = Ends::new();
    let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    let image = image("a")
        .layer_of_type(foreign, "elsewhere")
        .layer_of_type(foreign, "here");
    let source = ends.source();
    source.push_image(&image, &["v1"]).await;
    source
        .delete_blob(&Digest::sha256(&blob("elsewhere")), crate::Deletion::Forced)
        .await
        .unwrap();
    let outcome = ends.copy("v1").await.unwrap();
    assert_eq!(outcome.tally.copied, 3);
    expect_error(
        ends.target()
            .read_blob(&Digest::sha256(&blob("elsewhere")))
            .await,
        &Kind::BlobUnknown,
    );
    assert_eq!(
        ends.target()
            .read_blob(&Digest::sha256(&blob("here")))
            .await
            .unwrap(),
        blob("here")
    );
}

#[tokio::test]
async fn embedded_content_needs_no_blob_at_the_source() {
    let ends = Ends::new();
    let digest = Digest::sha256(b"{}");
    let config =
        json!({"mediaType": MediaType::OCI_EMPTY, "digest": digest, "size": 2, "data": "e30="});
    let artifact = image("a").field("config", config);
    ends.source().push_image(&artifact, &["v1"]).await;
    ends.copy("v1").await.unwrap();
    assert_eq!(ends.target().read_blob(&digest).await.unwrap(), "{}");
}

#[tokio::test]
async fn copies_an_incomplete_index_only_if_sparse() {
    let mut ends = Ends::new();
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("gone"), "linux/arm64");
    push_all(&ends, &[&image("a")]).await;
    ends.source().push_index(&index, &["v1"]).await;
    let error = expect_error(ends.copy("v1").await, &Kind::CONTENT_MISSING);
    assert!(
        error.message().contains("linux/arm64") && error.help().unwrap().contains("--sparse"),
        "{error}"
    );
    assert_eq!(ends.target().resolve_tag("copied").await, None);

    ends.options.sparse = true;
    let plan = ends.plan("v1").await.unwrap();
    assert!(
        plan.remarks[0].contains(image("gone").digest().as_str()),
        "{:?}",
        plan.remarks
    );
    ends.copy("v1").await.unwrap();
    assert_same(&ends, &[index.digest(), image("a").digest()]).await;
}

#[tokio::test]
async fn keeps_sha512_digests() {
    let ends = Ends::new();
    let image = image("a");
    let digest = Digest::compute(&portolan_model::Algorithm::Sha512, &image.bytes()).unwrap();
    for content in image.blobs() {
        ends.source().push_blob(content).await;
    }
    let options = crate::PutManifest {
        digest: Some(digest.clone()),
        tags: vec![crate::TagUpdate::unconditional(
            portolan_model::fixtures::tag("v1"),
        )],
        ..crate::PutManifest::default()
    };
    ends.source()
        .put_manifest_with(image.bytes(), options)
        .await
        .unwrap();
    assert_eq!(ends.copy("v1").await.unwrap().digest, digest);
    assert_eq!(ends.target().resolve_tag("copied").await, Some(digest));
}

#[tokio::test]
async fn error_names_the_missing_source() {
    let ends = Ends::new();
    let error = expect_error(ends.copy("v1").await, &Kind::ManifestUnknown);
    assert!(error.message().contains("sparse/from:v1"), "{error}");
}

#[tokio::test]
async fn subset_of_platforms_rewrites_the_index() {
    let mut ends = Ends::new();
    let (amd64, arm64) = (image("a"), image("b"));
    let inner = IndexFixture::oci()
        .image(&arm64, "linux/arm64")
        .image(&amd64, "windows/amd64");
    let attestation = image("attestation");
    let mut descriptor = json!(attestation.descriptor());
    descriptor["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    descriptor["annotations"] = json!({"vnd.docker.reference.digest": amd64.digest()});
    let index = IndexFixture::oci()
        .image(&amd64, "linux/amd64")
        .image(&image("c"), "linux/s390x")
        .nested_index(&inner, None)
        .nested_index(&IndexFixture::oci().image(&image("d"), "linux/386"), None)
        .child(descriptor)
        .field("annotations", json!({"kept": "yes"}));
    push_all(
        &ends,
        &[&amd64, &arm64, &attestation, &image("c"), &image("d")],
    )
    .await;
    for nested in [&inner, &IndexFixture::oci().image(&image("d"), "linux/386")] {
        ends.source().push_index(nested, &[]).await;
    }
    ends.source().push_index(&index, &["v1"]).await;

    ends.options.platforms = platforms(&["linux/amd64", "linux/arm64/v8"]);
    let plan = ends.plan("v1").await.unwrap();
    assert_eq!(plan.rewritten.len(), 2, "the inner index and the outer one");
    let outcome = ends.copy("v1").await.unwrap();
    assert_ne!(outcome.digest, index.digest());
    let (_, written) = ends.target().get_manifest("copied").await.unwrap();
    let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
    let children: Vec<_> = written["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| &child["mediaType"])
        .collect();
    assert_eq!(
        children,
        [
            MediaType::OCI_MANIFEST,
            MediaType::OCI_INDEX,
            MediaType::OCI_MANIFEST
        ]
    );
    assert_eq!(written["annotations"]["kept"], "yes");
    assert_same(
        &ends,
        &[amd64.digest(), arm64.digest(), attestation.digest()],
    )
    .await;
    expect_error(
        ends.target().get_manifest(image("c").digest()).await,
        &Kind::ManifestUnknown,
    );

    ends.target.take_calls();
    assert!(
        ends.plan("v1")
            .await
            .unwrap()
            .manifests
            .iter()
            .all(|document| document.tags.is_empty()),
        "the tag is already up to date"
    );
}

#[tokio::test]
async fn sparse_copy_of_some_platforms_keeps_the_index() {
    let mut ends = Ends::new();
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/arm64");
    push_all(&ends, &[&image("a"), &image("b")]).await;
    ends.source().push_index(&index, &["v1"]).await;
    ends.options = super::CopyOptions {
        platforms: platforms(&["linux/arm64"]),
        sparse: true,
        ..ends.options
    };
    assert_eq!(ends.copy("v1").await.unwrap().digest, index.digest());
    assert_same(&ends, &[index.digest(), image("b").digest()]).await;
    expect_error(
        ends.target().get_manifest(image("a").digest()).await,
        &Kind::ManifestUnknown,
    );
    ends.options.platforms.clear();
    ends.options.recheck = true;
    ends.copy("v1").await.unwrap();
    assert_same(&ends, &[image("a").digest()]).await;
}

#[tokio::test]
async fn error_for_an_unknown_platform_lists_the_available_ones() {
    let mut ends = Ends::new();
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/arm64");
    push_all(&ends, &[&image("a"), &image("b")]).await;
    ends.source().push_index(&index, &["v1"]).await;
    ends.options.platforms = platforms(&["plan9/mips"]);
    let error = expect_error(ends.copy("v1").await, &Kind::ManifestUnknown);
    assert!(
        error
            .message()
            .ends_with("the index has no image for plan9/mips"),
        "{error}"
    );
    assert_eq!(
        error.help(),
        Some("the platforms are linux/amd64, linux/arm64")
    );
}

#[tokio::test]
async fn fails_if_any_selected_platform_is_missing() {
    let mut ends = Ends::new();
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/arm64");
    push_all(&ends, &[&image("a"), &image("b")]).await;
    ends.source().push_index(&index, &["v1"]).await;
    ends.source().push_image(&image("a"), &["single"]).await;
    ends.options.platforms = platforms(&["linux/amd64", "linux/s390x"]);
    let error = expect_error(ends.copy("v1").await, &Kind::ManifestUnknown);
    assert!(
        error
            .message()
            .ends_with("the index has no image for linux/s390x"),
        "{error}"
    );
    assert_eq!(
        error.help(),
        Some("the platforms are linux/amd64, linux/arm64")
    );
    ends.options.platforms = platforms(&["linux/arm64"]);
    let error = expect_error(ends.copy("single").await, &Kind::ManifestUnknown);
    assert!(
        error
            .message()
            .contains("a single image for linux/amd64, not for linux/arm64"),
        "{error}"
    );
    ends.options.platforms = platforms(&["linux/amd64"]);
    assert_eq!(
        ends.copy("single").await.unwrap().digest,
        image("a").digest()
    );
}

#[tokio::test]
async fn outcome_lists_skipped_blobs() {
    let mut ends = Ends::new();
    let image = image("a").layers(["x", "y"]);
    ends.source().push_image(&image, &["v1"]).await;
    let gone = Digest::sha256(&blob("y"));
    ends.source()
        .delete_blob(&gone, crate::Deletion::Forced)
        .await
        .unwrap();
    let error = expect_error(ends.copy("v1").await, &Kind::BlobUnknown);
    assert!(
        error.message().contains(gone.as_str()) && error.help().unwrap().contains("--sparse"),
        "{error}"
    );
    ends.options.sparse = true;
    assert_eq!(
        ends.copy("v1").await.unwrap().absent,
        std::slice::from_ref(&gone)
    );
    let within = super::CopyRequest {
        target: super::handle(std::sync::Arc::clone(&ends.source) as _, "sparse/within"),
        ..ends.request("v1")
    };
    let plan = ends.copier.plan(&within, &ends.options).await.unwrap();
    let outcome = ends
        .copier
        .execute(&plan, &super::no_observer())
        .await
        .unwrap();
    assert_eq!((outcome.tally.mounted, outcome.absent), (2, vec![gone]));
}
