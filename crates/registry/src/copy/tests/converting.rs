//! Copies to another format: rewritten documents, updated referrers, and repeated runs.

use std::sync::Arc;

use portolan_model::convert::{Conversion, Effect, ImageFormat};
use portolan_model::fixtures::{IndexFixture, blob, image, sha512, tag};
use portolan_model::{Descriptor, Digest, MediaType};
use serde_json::{Value, json};

use super::{Ends, handle, no_observer, platforms};
use crate::contract::expect_error;
use crate::copy::{CopyOptions, CopyRequest, Plan, PlannedAction};
use crate::{Kind, Registry, TagUpdate};

fn convert_to(format: ImageFormat) -> Conversion {
    Conversion {
        to: Some(format),
        ..Conversion::default()
    }
}

fn ends_with_conversion(conversion: Conversion) -> Ends {
    Ends {
        options: CopyOptions {
            conversion: Some(conversion),
            ..CopyOptions::default()
        },
        ..Ends::new()
    }
}

/// Pushes an OCI index with an OCI image, a Docker image and a Docker list to `v1` of the source.
async fn push_mixed_index(ends: &Ends) -> IndexFixture {
    let (oci, docker) = (image("a"), image("b").docker().layers(["x", "a"]));
    let inner = IndexFixture::docker().image(&docker, "linux/arm64");
    let index = IndexFixture::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm/v7")
        .nested_index(&inner, None);
    for image in [&oci, &docker] {
        ends.source().push_image(image, &[]).await;
    }
    ends.source().push_index(&inner, &[]).await;
    ends.source().push_index(&index, &["v1"]).await;
    index
}

fn new_digest(plan: &Plan, old: &Digest) -> Digest {
    plan.rewritten
        .iter()
        .find(|rewritten| rewritten.old == *old)
        .expect("the document was rewritten")
        .new
        .clone()
}

async fn document(ends: &Ends, reference: impl ToString) -> Value {
    serde_json::from_slice(&ends.target().get_manifest(reference).await.unwrap().1).unwrap()
}

#[tokio::test]
async fn converts_a_mixed_tree_to_one_format() {
    let ends = ends_with_conversion(convert_to(ImageFormat::Oci));
    let index = push_mixed_index(&ends).await;
    let plan = ends.plan("v1").await.unwrap();
    assert_eq!(
        plan.rewritten.len(),
        3,
        "the root, the Docker image, and the list"
    );
    assert_eq!(
        (&plan.rewritten[0].old, &plan.digest),
        (&index.digest(), &new_digest(&plan, &index.digest()))
    );
    let docker = image("b").docker().layers(["x", "a"]).digest();
    let rewritten = plan
        .rewritten
        .iter()
        .find(|rewritten| rewritten.old == docker)
        .unwrap();
    assert_eq!(rewritten.platform, "linux/arm/v7".parse().ok());
    let outcome = ends.copier.execute(&plan, &no_observer()).await.unwrap();
    assert_eq!(
        ends.target().resolve_tag("copied").await,
        Some(outcome.digest.clone())
    );
    assert_eq!(
        outcome.tally.copied, 4,
        "two configs and two layers, unchanged"
    );

    let root = document(&ends, "copied").await;
    let child = document(&ends, root["manifests"][1]["digest"].as_str().unwrap()).await;
    assert_eq!(
        (&child["mediaType"], &child["config"]["mediaType"]),
        (
            &json!(MediaType::OCI_MANIFEST),
            &json!(MediaType::OCI_CONFIG)
        )
    );
    assert_eq!(
        ends.target()
            .read_blob(&Digest::sha256(&blob("x")))
            .await
            .unwrap(),
        blob("x")
    );
    ends.target()
        .get_manifest(image("a").digest())
        .await
        .unwrap();
    expect_error(
        ends.target().get_manifest(docker).await,
        &Kind::ManifestUnknown,
    );
    let head = ends
        .target()
        .head_manifest(root["manifests"][2]["digest"].as_str().unwrap())
        .await
        .unwrap();
    assert_eq!(head.media_type.as_str(), MediaType::OCI_INDEX);
}

#[tokio::test]
async fn second_run_copies_nothing_and_looks_up_no_blob() {
    let ends = ends_with_conversion(convert_to(ImageFormat::Oci));
    push_mixed_index(&ends).await;
    ends.copy("v1").await.unwrap();
    ends.target.take_calls();
    let plan = ends.plan("v1").await.unwrap();
    assert!(
        plan.is_up_to_date() && plan.blobs.is_empty(),
        "{}",
        json!(plan)
    );
    assert_eq!(plan.rewritten.len(), 3);
    let calls = ends.target.take_calls();
    assert!(!calls.iter().any(|call| call.contains("blob")), "{calls:?}");
}

#[tokio::test]
async fn consistent_tree_is_copied_unchanged() {
    let mut ends = ends_with_conversion(Conversion {
        flatten: true,
        drop_unknown: true,
        to: Some(ImageFormat::Oci),
    });
    let index = IndexFixture::oci().image(&image("a"), "linux/amd64");
    ends.source().push_image(&image("a"), &[]).await;
    ends.source().push_index(&index, &["v1"]).await;
    let converted = json!(ends.plan("v1").await.unwrap());
    ends.options.conversion = None;
    assert_eq!(json!(ends.plan("v1").await.unwrap()), converted);
    ends.copy("v1").await.unwrap();
    assert_eq!(
        ends.target().resolve_tag("copied").await,
        Some(index.digest())
    );
}

#[tokio::test]
async fn conversion_in_place_moves_the_tag_and_keeps_the_old_tree() {
    let ends = ends_with_conversion(convert_to(ImageFormat::Oci));
    let index = push_mixed_index(&ends).await;
    let request = CopyRequest {
        target: handle(Arc::clone(&ends.source) as Arc<dyn Registry>, "sparse/from"),
        tags: vec![TagUpdate::unconditional(tag("v1"))],
        ..ends.request("v1")
    };
    let plan = ends.copier.plan(&request, &ends.options).await.unwrap();
    assert!(
        plan.blobs
            .iter()
            .all(|blob| blob.action == PlannedAction::Present),
        "{}",
        json!(plan)
    );
    ends.copier.execute(&plan, &no_observer()).await.unwrap();
    assert_eq!(
        ends.source().resolve_tag("v1").await,
        Some(plan.digest.clone())
    );
    ends.source().get_manifest(index.digest()).await.unwrap();
    let again = ends.copier.plan(&request, &ends.options).await.unwrap();
    assert!(again.is_up_to_date() && again.rewritten.is_empty());
}

#[tokio::test]
async fn copies_blobs_that_the_original_lacks_at_the_target() {
    let ends = ends_with_conversion(convert_to(ImageFormat::Oci));
    let docker = image("a").docker();
    ends.source().push_image(&docker, &["v1"]).await;
    ends.target()
        .push_manifest(docker.bytes(), &docker.media_type(), &["copied"])
        .await;
    let plan = ends.plan("v1").await.unwrap();
    let actions: Vec<_> = plan.blobs.iter().map(|blob| blob.action.clone()).collect();
    assert_eq!(
        actions,
        [PlannedAction::Copy, PlannedAction::Copy],
        "the old manifest was pushed without them"
    );
    ends.copier.execute(&plan, &no_observer()).await.unwrap();
    assert_eq!(
        ends.target()
            .read_blob(&Digest::sha256(&blob("a")))
            .await
            .unwrap(),
        blob("a")
    );
}

#[tokio::test]
async fn reports_referrers_of_dropped_documents() {
    let mut ends = ends_with_conversion(Conversion {
        flatten: true,
        drop_unknown: true,
        to: None,
    });
    let inner = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .field("annotations", json!({"inner": "yes"}));
    let index = IndexFixture::oci()
        .nested_index(&inner, None)
        .child_of_type("application/vnd.example.blob", &blob("unknown"), None);
    let bill = image("bill")
        .subject(&inner.descriptor())
        .field("artifactType", json!("application/vnd.example.bill"));
    let of_blob =
        image("of blob").subject(&Descriptor::from_digest(Digest::sha256(&blob("unknown"))));
    let source = ends.source();
    source.push_image(&image("a"), &[]).await;
    source.push_index(&inner, &[]).await;
    source.push_blob(blob("unknown")).await;
    source.push_index(&index, &["v1"]).await;
    let cosign = format!("sha256-{}.sig", inner.digest().encoded_part());
    for (image, tags) in [
        (&bill, &[][..]),
        (&of_blob, &[]),
        (&image("signature"), &[&*cosign]),
    ] {
        source.push_image(image, tags).await;
    }
    let lost_referrers = |plan: &Plan| -> Vec<_> {
        let lost = plan
            .losses
            .iter()
            .filter(|loss| loss.effect == Effect::Lost);
        let of_others = lost.filter(|loss| !loss.message.contains("of the nested index"));
        of_others
            .map(|loss| (loss.document.clone(), loss.message.clone()))
            .collect()
    };
    assert_eq!(
        lost_referrers(&ends.plan("v1").await.unwrap()),
        [],
        "referrers were not requested"
    );
    ends.options.referrers = true;
    let plan = ends.plan("v1").await.unwrap();
    let lost = lost_referrers(&plan);
    for (document, expected) in [
        (
            inner.digest(),
            format!(
                "{} (application/vnd.example.bill) refers to it",
                bill.digest()
            ),
        ),
        (inner.digest(), format!("tag {cosign} refers to it")),
        (
            Digest::sha256(&blob("unknown")),
            format!("{} (", of_blob.digest()),
        ),
    ] {
        assert!(
            lost.iter()
                .any(|(subject, message)| *subject == document && message.starts_with(&expected)),
            "{expected}: {lost:?}"
        );
    }
    assert_eq!((lost.len(), plan.manifests.len()), (3, 2));
}

#[tokio::test]
async fn config_that_is_too_large_declares_no_platform() {
    let ends = ends_with_conversion(convert_to(ImageFormat::Docker));
    let large = image("a").config_field("note", json!("x".repeat(5 << 20)));
    let artifact = image("b").field(
        "config",
        json!({
            "mediaType": "application/vnd.example.config", "digest": Digest::sha256(&blob("gone")), "size": 3,
        }),
    );
    let index = IndexFixture::oci()
        .without_platform(&large)
        .without_platform(&artifact);
    ends.source().push_image(&large, &[]).await;
    ends.source()
        .push_manifest(artifact.bytes(), &artifact.media_type(), &[])
        .await;
    ends.source().push_index(&index, &["v1"]).await;
    let plan = ends.plan("v1").await.unwrap();
    let effects: Vec<_> = plan
        .losses
        .iter()
        .map(|loss| (loss.effect, loss.pointer.as_str()))
        .collect();
    assert!(
        effects.contains(&(Effect::Incomplete, "/manifests/0")),
        "{effects:?}"
    );
    let calls = ends.source.take_calls();
    assert_eq!(
        calls
            .iter()
            .filter(|call| call.starts_with("get_blob"))
            .count(),
        1,
        "the config of an artifact is not read"
    );
}

/// Pushes an image below `levels` nested indexes to `v1` of the source.
async fn push_nested(ends: &Ends, levels: usize) {
    ends.source().push_image(&image("a"), &[]).await;
    let mut index = IndexFixture::oci().image(&image("a"), "linux/amd64");
    for _ in 1..levels {
        ends.source().push_index(&index, &[]).await;
        index = IndexFixture::oci().nested_index(&index, None);
    }
    ends.source().push_index(&index, &["v1"]).await;
}

#[tokio::test]
async fn flattening_allows_deeper_nesting_than_copying() {
    let ends = Ends::new();
    push_nested(&ends, 16).await;
    assert_eq!(ends.copy("v1").await.unwrap().tally.manifests, 17);
    let mut ends = Ends::new();
    push_nested(&ends, 17).await;
    let error = expect_error(ends.copy("v1").await, &Kind::MANIFEST_INVALID);
    assert!(
        error
            .message()
            .contains("more than 16 levels deep; flatten them with"),
        "{error}"
    );
    ends.options.conversion = Some(Conversion {
        flatten: true,
        ..Conversion::default()
    });
    push_nested(&ends, 100).await;
    ends.copy("v1").await.unwrap();
    assert_eq!(
        document(&ends, "copied").await["manifests"][0]["digest"],
        json!(image("a").digest())
    );
    push_nested(&ends, 257).await;
    let error = expect_error(ends.plan("v1").await.map(drop), &Kind::MANIFEST_INVALID);
    assert!(
        error.message().ends_with("more than 256 levels deep"),
        "{error}"
    );
}

#[tokio::test]
async fn flattening_drops_nested_indexes_and_unknown_blobs() {
    let ends = ends_with_conversion(Conversion {
        flatten: true,
        drop_unknown: true,
        to: None,
    });
    let inner = IndexFixture::oci().image(&image("a"), "linux/amd64");
    let index = IndexFixture::oci()
        .nested_index(&inner, None)
        .image(&image("b"), "linux/arm64")
        .child_of_type("application/vnd.example.blob", &blob("unknown"), None)
        .child_of_type(MediaType::OCI_LAYER_GZIP, &blob("cache"), None);
    for name in ["a", "b"] {
        ends.source().push_image(&image(name), &[]).await;
    }
    ends.source().push_index(&inner, &[]).await;
    for content in [blob("unknown"), blob("cache")] {
        ends.source().push_blob(content).await;
    }
    ends.source().push_index(&index, &["v1"]).await;
    let plan = ends.plan("v1").await.unwrap();
    assert_eq!(
        (plan.rewritten.len(), plan.manifests.len(), plan.blobs.len()),
        (1, 3, 4),
        "{}",
        json!(plan)
    );
    assert!(
        plan.losses
            .iter()
            .all(|loss| loss.effect == Effect::Dropped)
            && plan.losses.len() == 2
    );
    ends.copier.execute(&plan, &no_observer()).await.unwrap();
    expect_error(
        ends.target().get_manifest(inner.digest()).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(
        document(&ends, "copied").await["manifests"][0]["digest"],
        json!(image("a").digest())
    );
}

#[tokio::test]
async fn referrers_are_updated_but_not_converted() {
    let mut ends = ends_with_conversion(convert_to(ImageFormat::Docker));
    let app = image("app");
    let bill = image("bill").subject(&app.descriptor());
    let signature = image("signature").subject(&bill.descriptor());
    let cosign = format!("sha256-{}.sig", app.digest().encoded_part());
    for (image, tag) in [
        (&app, "v1"),
        (&bill, "bill"),
        (&signature, "s"),
        (&image("cosign"), &*cosign),
    ] {
        ends.source().push_image(image, &[tag]).await;
    }
    ends.options.referrers = true;
    let plan = ends.plan("v1").await.unwrap();
    ends.copier.execute(&plan, &no_observer()).await.unwrap();
    let [app, bill, signature] =
        [&app, &bill, &signature].map(|image| new_digest(&plan, &image.digest()));
    assert_eq!(
        ends.target()
            .head_manifest(&app)
            .await
            .unwrap()
            .media_type
            .as_str(),
        MediaType::DOCKER_MANIFEST
    );
    for (subject, referrer) in [(&app, &bill), (&bill, &signature)] {
        assert_eq!(ends.target().referrers(subject).await[0].digest, *referrer);
        let stored = document(&ends, referrer).await;
        let media_type = ends
            .target()
            .head_manifest(subject)
            .await
            .unwrap()
            .media_type;
        assert_eq!(
            (&stored["mediaType"], &stored["subject"]["mediaType"]),
            (&json!(MediaType::OCI_MANIFEST), &json!(media_type))
        );
    }
    let followed = format!("sha256-{}.sig", app.encoded_part());
    assert_eq!(
        ends.target().resolve_tag(&followed).await,
        Some(image("cosign").digest())
    );
    assert!(
        plan.remarks
            .iter()
            .any(|remark| remark.contains(&followed) && remark.contains("no longer valid"))
    );
    assert!(ends.plan("v1").await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn reads_missing_platforms_from_the_configs() {
    let ends = ends_with_conversion(convert_to(ImageFormat::Docker));
    let index = IndexFixture::oci().without_platform(&image("a"));
    ends.source().push_image(&image("a"), &[]).await;
    ends.source().push_index(&index, &["v1"]).await;
    ends.copy("v1").await.unwrap();
    let list = document(&ends, "copied").await;
    assert_eq!(
        list["manifests"][0]["platform"],
        json!({"os": "linux", "architecture": "amd64"})
    );
}

#[tokio::test]
async fn fails_before_writing_if_the_root_cannot_be_converted() {
    let ends = ends_with_conversion(convert_to(ImageFormat::Docker));
    let zstd = image("a").layer_of_type("application/vnd.oci.image.layer.v1.tar+zstd", "z");
    ends.source().push_image(&zstd, &["v1"]).await;
    let error = expect_error(ends.copy("v1").await, &Kind::Unsupported);
    assert!(
        error.message().contains("tar+zstd") && error.message().contains("/layers/1"),
        "{error}"
    );
    let index = IndexFixture::oci().image(&zstd, "linux/amd64");
    ends.source().push_index(&index, &["v2"]).await;
    let plan = ends.plan("v2").await.unwrap();
    assert_eq!(
        (plan.losses[0].effect, &plan.losses[0].document),
        (Effect::Left, &index.digest())
    );
    ends.copier.execute(&plan, &no_observer()).await.unwrap();
    ends.target().get_manifest(zstd.digest()).await.unwrap();
}

#[tokio::test]
async fn converts_a_subset_of_platforms() {
    let mut ends = ends_with_conversion(convert_to(ImageFormat::Oci));
    let index = push_mixed_index(&ends).await;
    ends.options.platforms = platforms(&["linux/arm64"]);
    let plan = ends.plan("v1").await.unwrap();
    let old: Vec<_> = plan
        .rewritten
        .iter()
        .map(|rewritten| rewritten.old.clone())
        .collect();
    assert_eq!(
        (old.len(), &old[0]),
        (3, &index.digest()),
        "no intermediate digest is reported"
    );
    assert!(plan.losses.iter().all(|loss| old.contains(&loss.document)));
    ends.copier.execute(&plan, &no_observer()).await.unwrap();
    assert_eq!(
        document(&ends, "copied").await["manifests"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert!(ends.plan("v1").await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn conversion_keeps_the_digest_algorithm() {
    let ends = ends_with_conversion(convert_to(ImageFormat::Oci));
    let docker = image("a").docker();
    for content in docker.blobs() {
        ends.source().push_blob(content).await;
    }
    let options = crate::PutManifest {
        digest: Some(sha512(&docker.bytes())),
        tags: vec![TagUpdate::unconditional(tag("v1"))],
        ..crate::PutManifest::default()
    };
    ends.source()
        .put_manifest_with(docker.bytes(), options)
        .await
        .unwrap();
    let plan = ends.plan("v1").await.unwrap();
    ends.copier.execute(&plan, &no_observer()).await.unwrap();
    let (info, bytes) = ends.target().get_manifest("copied").await.unwrap();
    assert_eq!((info.digest, plan.digest), (sha512(&bytes), sha512(&bytes)));
}

#[tokio::test]
async fn sparse_conversion_keeps_references_to_missing_content() {
    let mut ends = ends_with_conversion(convert_to(ImageFormat::Oci));
    let index = IndexFixture::oci()
        .image(&image("a").docker(), "linux/amd64")
        .image(&image("gone").docker(), "linux/arm64");
    ends.source().push_image(&image("a").docker(), &[]).await;
    ends.source().push_index(&index, &["v1"]).await;
    expect_error(ends.plan("v1").await.map(drop), &Kind::CONTENT_MISSING);
    ends.options.sparse = true;
    let plan = ends.plan("v1").await.unwrap();
    assert_eq!(plan.losses[0].effect, Effect::Left);
    assert!(
        plan.manifests
            .iter()
            .all(|document| document.action == PlannedAction::Copy)
    );
    ends.copier.execute(&plan, &no_observer()).await.unwrap();
    let children = document(&ends, "copied").await["manifests"].clone();
    assert_eq!(
        children[1]["digest"],
        json!(image("gone").docker().digest())
    );
}
