//! Every kind of tree arrives as it was: byte for byte, under the same digests.

use portolan_model::fixtures::{Image, Index, blob, image};
use portolan_model::{Digest, MediaType};
use serde_json::json;

use super::{Ends, platforms};
use crate::Kind;
use crate::contract::refused;

const UNKNOWN: &str = "application/vnd.example.unknown.v1+json";

/// Makes sure that what is under a digest at the source is under it at the target.
async fn same(ends: &Ends, digests: &[Digest]) {
    for digest in digests {
        let there = ends
            .source()
            .get(digest)
            .await
            .expect("it is at the source");
        assert_eq!(
            ends.target().get(digest).await.expect("it has arrived"),
            there
        );
    }
}

async fn pushed(ends: &Ends, images: &[&Image]) {
    for image in images {
        ends.source().image(image, &[]).await;
    }
}

#[tokio::test]
async fn a_mixed_index_with_everything_in_it() {
    let ends = Ends::new();
    let (oci, docker) = (image("a"), image("b").docker().layers(["x", "a"]));
    let inner = Index::docker().image(&docker, "linux/arm64");
    let index = Index::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm/v7")
        .nested(&inner, None)
        .child_of_type(UNKNOWN, b"{\"pushed\":\"as manifest\"}", None)
        .child_of_type(
            "application/vnd.oci.image.layer.v1.tar+gzip",
            &blob("cache"),
            None,
        )
        .child_of_type("application/vnd.example.blob", &blob("as blob"), None);
    pushed(&ends, &[&oci, &docker]).await;
    let source = ends.source();
    source.index(&inner, &[]).await;
    let unknown = source
        .manifest(
            b"{\"pushed\":\"as manifest\"}".as_slice().into(),
            &UNKNOWN.into(),
            &[],
        )
        .await;
    source.blob(blob("cache")).await;
    source.blob(blob("as blob")).await;
    source.index(&index, &["v1"]).await;

    let outcome = ends.copy("v1").await.unwrap();
    assert_eq!(
        (outcome.digest, ends.target().tagged("copied").await),
        (index.digest(), Some(index.digest()))
    );
    same(
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
            ends.target().read(&Digest::sha256(&content)).await.unwrap(),
            content
        );
    }
}

#[tokio::test]
async fn what_need_not_be_there_is_taken_where_it_is() {
    let ends = Ends::new();
    let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    let image = image("a")
        .layer_of_type(foreign, "elsewhere")
        .layer_of_type(foreign, "here");
    let source = ends.source();
    source.image(&image, &["v1"]).await;
    source
        .delete_blob(&Digest::sha256(&blob("elsewhere")), crate::Deletion::Forced)
        .await
        .unwrap();
    let outcome = ends.copy("v1").await.unwrap();
    assert_eq!(outcome.tally.copied, 3);
    refused(
        ends.target()
            .read(&Digest::sha256(&blob("elsewhere")))
            .await,
        &Kind::BlobUnknown,
    );
    assert_eq!(
        ends.target()
            .read(&Digest::sha256(&blob("here")))
            .await
            .unwrap(),
        blob("here")
    );
}

#[tokio::test]
async fn embedded_content_need_not_be_anywhere_else() {
    let ends = Ends::new();
    let digest = Digest::sha256(b"{}");
    let config =
        json!({"mediaType": MediaType::OCI_EMPTY, "digest": digest, "size": 2, "data": "e30="});
    let artifact = image("a").field("config", config);
    ends.source().image(&artifact, &["v1"]).await;
    ends.copy("v1").await.unwrap();
    assert_eq!(ends.target().read(&digest).await.unwrap(), "{}");
}

#[tokio::test]
async fn a_sparse_index_is_copied_only_if_asked_for() {
    let mut ends = Ends::new();
    let index = Index::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("gone"), "linux/arm64");
    pushed(&ends, &[&image("a")]).await;
    ends.source().index(&index, &["v1"]).await;
    let error = refused(ends.copy("v1").await, &Kind::ContentMissing);
    assert!(
        error.message().contains("linux/arm64") && error.message().contains("--sparse"),
        "{error}"
    );
    assert_eq!(ends.target().tagged("copied").await, None);

    ends.options.sparse = true;
    let plan = ends.plan("v1").await.unwrap();
    assert!(
        plan.remarks[0].contains(image("gone").digest().as_str()),
        "{:?}",
        plan.remarks
    );
    ends.copy("v1").await.unwrap();
    same(&ends, &[index.digest(), image("a").digest()]).await;
}

#[tokio::test]
async fn sha512_stays_sha512() {
    let ends = Ends::new();
    let image = image("a");
    let digest = Digest::of(&portolan_model::Algorithm::Sha512, &image.bytes()).unwrap();
    for content in image.blobs() {
        ends.source().blob(content).await;
    }
    let options = crate::PutManifest {
        digest: Some(digest.clone()),
        tags: vec![crate::TagUpdate::always(portolan_model::fixtures::tag(
            "v1",
        ))],
        ..ends.source().options()
    };
    ends.source()
        .put_with(image.bytes(), options)
        .await
        .unwrap();
    assert_eq!(ends.copy("v1").await.unwrap().digest, digest);
    assert_eq!(ends.target().tagged("copied").await, Some(digest));
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let ends = Ends::new();
    let error = refused(ends.copy("v1").await, &Kind::ManifestUnknown);
    assert!(error.message().contains("sparse/from:v1"), "{error}");
}

#[tokio::test]
async fn some_platforms_make_another_index() {
    let mut ends = Ends::new();
    let (amd64, arm64) = (image("a"), image("b"));
    let inner = Index::oci()
        .image(&arm64, "linux/arm64")
        .image(&amd64, "windows/amd64");
    let attestation = image("attestation");
    let mut said = json!(attestation.descriptor());
    said["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    said["annotations"] = json!({"vnd.docker.reference.digest": amd64.digest()});
    let index = Index::oci()
        .image(&amd64, "linux/amd64")
        .image(&image("c"), "linux/s390x")
        .nested(&inner, None)
        .nested(&Index::oci().image(&image("d"), "linux/386"), None)
        .child(said)
        .field("annotations", json!({"kept": "yes"}));
    pushed(
        &ends,
        &[&amd64, &arm64, &attestation, &image("c"), &image("d")],
    )
    .await;
    for nested in [&inner, &Index::oci().image(&image("d"), "linux/386")] {
        ends.source().index(nested, &[]).await;
    }
    ends.source().index(&index, &["v1"]).await;

    ends.options.platforms = platforms(&["linux/amd64", "linux/arm64/v8"]);
    let plan = ends.plan("v1").await.unwrap();
    assert_eq!(plan.rewritten.len(), 2, "the inner index and the outer one");
    let outcome = ends.copy("v1").await.unwrap();
    assert_ne!(outcome.digest, index.digest());
    let (_, written) = ends.target().get("copied").await.unwrap();
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
    same(
        &ends,
        &[amd64.digest(), arm64.digest(), attestation.digest()],
    )
    .await;
    refused(
        ends.target().get(image("c").digest()).await,
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
        "the tag is right"
    );
}

#[tokio::test]
async fn some_platforms_of_a_sparse_index_leave_it_as_it_is() {
    let mut ends = Ends::new();
    let index = Index::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/arm64");
    pushed(&ends, &[&image("a"), &image("b")]).await;
    ends.source().index(&index, &["v1"]).await;
    ends.options = super::Options {
        platforms: platforms(&["linux/arm64"]),
        sparse: true,
        ..ends.options
    };
    assert_eq!(ends.copy("v1").await.unwrap().digest, index.digest());
    same(&ends, &[index.digest(), image("b").digest()]).await;
    refused(
        ends.target().get(image("a").digest()).await,
        &Kind::ManifestUnknown,
    );
    ends.options.platforms.clear();
    ends.options.recheck = true;
    ends.copy("v1").await.unwrap();
    same(&ends, &[image("a").digest()]).await;
}

#[tokio::test]
async fn a_platform_that_nobody_has_is_an_error_with_those_there_are() {
    let mut ends = Ends::new();
    let index = Index::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/arm64");
    pushed(&ends, &[&image("a"), &image("b")]).await;
    ends.source().index(&index, &["v1"]).await;
    ends.options.platforms = platforms(&["plan9/mips"]);
    let error = refused(ends.copy("v1").await, &Kind::ManifestUnknown);
    assert_eq!(
        error.message(),
        "there is no image for plan9/mips, there are: linux/amd64, linux/arm64"
    );
}

#[tokio::test]
async fn each_platform_that_is_wanted_has_to_be_there() {
    let mut ends = Ends::new();
    let index = Index::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/arm64");
    pushed(&ends, &[&image("a"), &image("b")]).await;
    ends.source().index(&index, &["v1"]).await;
    ends.source().image(&image("a"), &["single"]).await;
    ends.options.platforms = platforms(&["linux/amd64", "linux/s390x"]);
    let error = refused(ends.copy("v1").await, &Kind::ManifestUnknown);
    assert_eq!(
        error.message(),
        "there is no image for linux/s390x, there are: linux/amd64, linux/arm64"
    );
    ends.options.platforms = platforms(&["linux/arm64"]);
    let error = refused(ends.copy("single").await, &Kind::ManifestUnknown);
    assert!(
        error
            .message()
            .contains("one image for linux/amd64, and not for linux/arm64"),
        "{error}"
    );
    ends.options.platforms = platforms(&["linux/amd64"]);
    assert_eq!(
        ends.copy("single").await.unwrap().digest,
        image("a").digest()
    );
}

#[tokio::test]
async fn blobs_that_are_left_out_are_told() {
    let mut ends = Ends::new();
    let image = image("a").layers(["x", "y"]);
    ends.source().image(&image, &["v1"]).await;
    let gone = Digest::sha256(&blob("y"));
    ends.source()
        .delete_blob(&gone, crate::Deletion::Forced)
        .await
        .unwrap();
    let error = refused(ends.copy("v1").await, &Kind::BlobUnknown);
    assert!(
        error.message().contains(gone.as_str()) && error.message().contains("--sparse"),
        "{error}"
    );
    ends.options.sparse = true;
    assert_eq!(
        ends.copy("v1").await.unwrap().absent,
        std::slice::from_ref(&gone)
    );
    let within = super::Request {
        target: super::place(std::sync::Arc::clone(&ends.source) as _, "sparse/within"),
        ..ends.request("v1")
    };
    let plan = ends.copier.plan(&within, &ends.options).await.unwrap();
    let outcome = ends
        .copier
        .carry_out(&plan, &super::nobody())
        .await
        .unwrap();
    assert_eq!((outcome.tally.mounted, outcome.absent), (2, vec![gone]));
}
