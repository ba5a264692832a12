//! Selection and order of transfers: only missing content is copied, once, and never in an order
//! that exposes incomplete content.

use std::sync::{Arc, Mutex};

use portolan_model::fixtures::{ImageFixture, IndexFixture, blob, image, tag};
use portolan_model::{Descriptor, Digest};
use serde_json::{Value, json};

use super::{Ends, copier, handle, no_observer, platforms};
use crate::contract::{TestRepository, expect_error};
use crate::copy::{CopyEvent, CopyObserver, CopyOptions, CopyRequest, PlannedAction};
use crate::{Kind, Precondition, Registry, TagUpdate};

#[tokio::test]
async fn second_run_sends_one_request_to_each_side() {
    let ends = Ends::new();
    ends.source().push_image(&image("a"), &["v1"]).await;
    ends.copy("v1").await.unwrap();
    ends.source.take_calls();
    ends.target.take_calls();
    let plan = ends.plan("v1").await.unwrap();
    assert!(plan.is_up_to_date());
    ends.copier.execute(&plan, &no_observer()).await.unwrap();
    assert_eq!(ends.source.take_calls(), ["head_manifest v1"]);
    assert_eq!(ends.target.take_calls(), ["head_manifest copied"]);
}

#[tokio::test]
async fn does_not_copy_blobs_that_are_present() {
    let ends = Ends::new();
    let image = image("a").layers(["x", "y"]);
    ends.source().push_image(&image, &["v1"]).await;
    ends.target().push_blob(blob("x")).await;
    let plan = ends.plan("v1").await.unwrap();
    let actions: Vec<_> = plan.blobs.iter().map(|blob| blob.action.clone()).collect();
    assert_eq!(
        actions,
        [
            PlannedAction::Copy,
            PlannedAction::Present,
            PlannedAction::Copy
        ]
    );
    let outcome = ends.copier.execute(&plan, &no_observer()).await.unwrap();
    assert_eq!(
        (
            outcome.tally.copied,
            outcome.tally.present,
            outcome.tally.manifests
        ),
        (2, 1, 1)
    );
    assert_eq!(
        ends.source
            .take_calls()
            .iter()
            .filter(|call| call.starts_with("get_blob"))
            .count(),
        2
    );
}

#[tokio::test]
async fn mounts_blobs_within_a_registry() {
    let ends = Ends::new();
    ends.source().push_image(&image("a"), &["v1"]).await;
    let request = CopyRequest {
        target: handle(Arc::clone(&ends.source) as _, "sparse/to"),
        ..ends.request("v1")
    };
    let plan = ends.copier.plan(&request, &ends.options).await.unwrap();
    assert_eq!((plan.tally().mounted, plan.tally().copied), (2, 0));
    let outcome = ends.copier.execute(&plan, &no_observer()).await.unwrap();
    assert_eq!((outcome.tally.mounted, outcome.tally.copied), (2, 0));
}

#[tokio::test]
async fn copies_a_blob_to_a_registry_only_once() {
    let ends = Ends::new();
    let (source, target): (Arc<dyn Registry>, Arc<dyn Registry>) =
        (ends.source.clone(), ends.target.clone());
    let requests: Vec<_> = ["a", "b", "c"]
        .map(|name| {
            let target = handle(Arc::clone(&target), &format!("sparse/{name}"));
            CopyRequest {
                source: handle(Arc::clone(&source), "sparse/from"),
                target,
                ..ends.request(name)
            }
        })
        .into();
    for name in ["a", "b", "c"] {
        let image = image(name).layers(["shared"]);
        ends.source().push_image(&image, &[name]).await;
    }
    let copies = requests.iter().map(|request| async {
        let plan = ends.copier.plan(request, &ends.options).await.unwrap();
        ends.copier
            .execute(&plan, &no_observer())
            .await
            .unwrap()
            .tally
    });
    let tallies = futures_util::future::join_all(copies).await;
    assert_eq!(
        tallies.iter().map(|tally| tally.copied).sum::<usize>(),
        4,
        "three configs and a layer"
    );
    assert_eq!(tallies.iter().map(|tally| tally.mounted).sum::<usize>(), 2);
    let shared = format!("get_blob {}", Digest::sha256(&blob("shared")));
    assert_eq!(
        ends.source
            .take_calls()
            .iter()
            .filter(|call| **call == shared)
            .count(),
        1
    );
}

#[tokio::test]
async fn copies_referrers_of_signatures_and_blobs() {
    let mut ends = Ends::new();
    let unknown = blob("unknown");
    let app = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .child_of_type("application/vnd.example.blob", &unknown, None);
    let [bill, of_bill, of_signature] = ["bill", "of bill", "of signature"].map(image);
    let of_blob = image("of blob").subject(&Descriptor::from_digest(Digest::sha256(&unknown)));
    let referrer = image("referrer").subject(&bill.descriptor());
    let signed =
        |digest: &Digest, suffix: &str| format!("sha256-{}.{suffix}", digest.encoded_part());
    let tags = [
        signed(&app.digest(), "sbom"),
        signed(&bill.digest(), "sig"),
        signed(&of_bill.digest(), "att"),
    ];
    let source = ends.source();
    source.push_image(&image("a"), &[]).await;
    source.push_blob(unknown.clone()).await;
    source.push_index(&app, &["v1"]).await;
    for (image, tag) in [&bill, &of_bill, &of_signature].into_iter().zip(&tags) {
        source.push_image(image, &[tag.as_str()]).await;
    }
    for image in [&of_blob, &referrer] {
        source.push_image(image, &[]).await;
    }
    ends.options.referrers = true;
    ends.copy("v1").await.unwrap();
    for (tag, image) in tags.iter().zip([&bill, &of_bill, &of_signature]) {
        assert_eq!(
            ends.target().resolve_tag(tag).await,
            Some(image.digest()),
            "{tag}"
        );
    }
    for image in [&of_blob, &referrer] {
        ends.target().get_manifest(image.digest()).await.unwrap();
    }
    assert!(ends.plan("v1").await.unwrap().is_up_to_date());
}

/// Records manifests and tags in storage order.
#[derive(Default)]
struct OrderRecorder(Mutex<Vec<String>>);

impl CopyObserver for OrderRecorder {
    fn on_event(&self, event: CopyEvent<'_>) {
        match event {
            CopyEvent::ManifestDone { digest, .. } => {
                self.0.lock().unwrap().push(digest.to_string());
            }
            CopyEvent::TagSet { tag, .. } => self.0.lock().unwrap().push(tag.to_string()),
            _ => (),
        }
    }
}

#[tokio::test]
async fn stores_children_before_parents_and_sets_the_tag_last() {
    let mut ends = Ends::new();
    let child = image("a");
    let inner = IndexFixture::oci().image(&child, "linux/amd64");
    let index = IndexFixture::oci().nested_index(&inner, None);
    let signature = image("signature").subject(&child.descriptor());
    let source = ends.source();
    source.push_image(&child, &[]).await;
    source.push_index(&inner, &[]).await;
    source.push_index(&index, &["v1"]).await;
    source.push_image(&signature, &[]).await;
    ends.options.referrers = true;
    let order = Arc::new(OrderRecorder::default());
    let plan = ends.plan("v1").await.unwrap();
    ends.copier
        .execute(&plan, &(order.clone() as Arc<dyn CopyObserver>))
        .await
        .unwrap();
    let order = std::mem::take(&mut *order.0.lock().unwrap());
    let position = |wanted: &str| order.iter().position(|stored| stored == wanted).unwrap();
    assert!(position(child.digest().as_str()) < position(inner.digest().as_str()));
    assert_eq!(order[3..], [index.digest().to_string(), "copied".into()]);
    assert_eq!(ends.target().referrers(&child.digest()).await.len(), 1);
}

#[tokio::test]
async fn copies_referrers_of_referrers_and_cosign_tags() {
    let mut ends = Ends::new();
    let app = image("app");
    let bill = image("bill").subject(&app.descriptor());
    let signature = image("signature").subject(&bill.descriptor());
    let source = ends.source();
    for (image, tag) in [(&app, "v1"), (&bill, "bill"), (&signature, "signature")] {
        source.push_image(image, &[tag]).await;
    }
    let cosign = format!("sha256-{}.sig", app.digest().encoded_part());
    source
        .push_image(&image("cosign"), &[&cosign, "another", "zzz"])
        .await;
    ends.copy("v1").await.unwrap();
    assert_eq!(
        ends.target().tags().await.unwrap(),
        ["copied"],
        "referrers are copied only on request"
    );

    ends.options.referrers = true;
    ends.copy("v1").await.unwrap();
    assert_eq!(ends.target().tags().await.unwrap(), ["copied", &cosign]);
    for (subject, referrer) in [(&app, &bill), (&bill, &signature)] {
        assert_eq!(
            ends.target().referrers(&subject.digest()).await[0].digest,
            referrer.digest()
        );
    }
}

#[tokio::test]
async fn referrers_of_a_rewritten_index_are_updated() {
    let mut ends = Ends::new();
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/arm64");
    let source = ends.source();
    source.push_image(&image("a"), &[]).await;
    source.push_image(&image("b"), &[]).await;
    source.push_index(&index, &["v1"]).await;
    let subject = portolan_model::Descriptor::new(
        index.media_type(),
        index.digest(),
        index.bytes().len() as u64,
    );
    let bill = image("bill").subject(&subject);
    source.push_image(&bill, &[]).await;
    let attached = format!("sha256-{}.att", index.digest().encoded_part());
    source.push_image(&image("attached"), &[&attached]).await;
    ends.options = CopyOptions {
        platforms: platforms(&["linux/amd64"]),
        referrers: true,
        ..CopyOptions::default()
    };
    let plan = ends.plan("v1").await.unwrap();
    let outcome = ends.copy("v1").await.unwrap();
    assert_ne!(outcome.digest, index.digest());
    let referrers = ends.target().referrers(&outcome.digest).await;
    assert_eq!(referrers.len(), 1);
    assert_ne!(referrers[0].digest, bill.digest());
    assert!(
        plan.rewritten.iter().any(|rewritten| rewritten.new == referrers[0].digest && rewritten.old == bill.digest())
    );
    assert!(
        plan.remarks.iter().any(|remark| remark.contains(&attached)),
        "{:?}",
        plan.remarks
    );
    let attached = format!("sha256-{}.att", outcome.digest.encoded_part());
    assert_eq!(
        ends.target().resolve_tag(&attached).await,
        Some(image("attached").digest())
    );
    assert!(
        ends.plan("v1").await.unwrap().is_up_to_date(),
        "the second run copies nothing"
    );
}

#[tokio::test]
async fn passes_preconditions_to_the_target() {
    let ends = Ends::new();
    ends.source().push_image(&image("a"), &["v1"]).await;
    ends.target().push_image(&image("b"), &["copied"]).await;
    let absent = TagUpdate {
        tag: tag("copied"),
        precondition: Precondition::Absent,
    };
    let request = CopyRequest {
        tags: vec![absent],
        ..ends.request("v1")
    };
    let plan = ends.copier.plan(&request, &ends.options).await.unwrap();
    expect_error(
        ends.copier.execute(&plan, &no_observer()).await,
        &Kind::PreconditionFailed,
    );
    assert_eq!(
        ends.target().resolve_tag("copied").await,
        Some(image("b").digest())
    );
    ends.target().push_image(&image("a"), &["copied"]).await;
    let plan = ends.copier.plan(&request, &ends.options).await.unwrap();
    expect_error(
        ends.copier.execute(&plan, &no_observer()).await,
        &Kind::PreconditionFailed,
    );
}

#[tokio::test]
async fn json_of_a_plan_is_stable() {
    let ends = Ends::new();
    ends.source()
        .push_image(&image("a").layers([]), &["v1"])
        .await;
    let plan = json!(ends.plan("v1").await.unwrap());
    let (manifest, config) = (
        image("a").layers([]).manifest(),
        image("a").blobs()[0].clone(),
    );
    assert_eq!(
        plan,
        json!({
            "source": "sparse/from:v1", "target": "sparse/to",
            "sourceDigest": Digest::sha256(manifest.bytes()), "digest": Digest::sha256(manifest.bytes()),
            "tags": ["copied"], "rewritten": [], "remarks": [],
            "manifests": [{
                "digest": Digest::sha256(manifest.bytes()), "mediaType": manifest.media_type(),
                "size": manifest.bytes().len(), "action": "copy", "tags": ["copied"],
            }],
            "blobs": [{
                "digest": Digest::sha256(&config), "mediaType": "application/vnd.oci.image.config.v1+json",
                "size": config.len(), "action": "copy",
            }],
        })
    );
}

#[tokio::test]
async fn copy_without_a_tag_is_available_by_digest() {
    let ends = Ends::new();
    let digest = ends.source().push_image(&image("a"), &["v1"]).await;
    let request = CopyRequest {
        tags: Vec::new(),
        reference: digest.clone().into(),
        ..ends.request("v1")
    };
    let plan = copier().plan(&request, &ends.options).await.unwrap();
    ends.copier.execute(&plan, &no_observer()).await.unwrap();
    assert_eq!(
        ends.target().get_manifest(&digest).await.unwrap().1,
        image("a").bytes()
    );
    let registry: Arc<dyn Registry> = ends.target.clone();
    assert!(
        TestRepository::new(&registry, "sparse/to")
            .tags()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn copy_can_run_in_a_spawned_task() {
    let ends = Arc::new(Ends::new());
    ends.source().push_image(&image("a"), &["v1"]).await;
    let task = tokio::spawn({
        let ends = Arc::clone(&ends);
        async move { ends.copy("v1").await }
    });
    assert_eq!(task.await.unwrap().unwrap().digest, image("a").digest());
}

#[tokio::test]
async fn recheck_reads_present_manifests_from_the_target() {
    let mut ends = Ends::new();
    let index = IndexFixture::oci().image(&image("a"), "linux/amd64");
    ends.source().push_image(&image("a"), &[]).await;
    ends.source().push_index(&index, &["v1"]).await;
    ends.copy("v1").await.unwrap();
    ends.source.take_calls();
    ends.options.recheck = true;
    assert!(ends.plan("v1").await.unwrap().is_up_to_date());
    assert_eq!(ends.source.take_calls(), ["head_manifest v1"]);
}

#[tokio::test]
async fn referring_index_is_not_reduced_to_platforms() {
    let mut ends = Ends::new();
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/arm64");
    let source = ends.source();
    source.push_image(&image("a"), &[]).await;
    source.push_image(&image("b"), &[]).await;
    source.push_index(&index, &["v1"]).await;
    source.push_image(&image("bundled"), &[]).await;
    let bundle = IndexFixture::oci()
        .without_platform(&image("bundled"))
        .field("subject", json!(image("a").descriptor()));
    source.push_index(&bundle, &[]).await;
    ends.options = CopyOptions {
        platforms: platforms(&["linux/amd64"]),
        referrers: true,
        ..CopyOptions::default()
    };
    ends.copy("v1").await.unwrap();
    assert_eq!(
        ends.target().get_manifest(bundle.digest()).await.unwrap().1,
        bundle.bytes()
    );
    assert_eq!(
        ends.target()
            .get_manifest(image("bundled").digest())
            .await
            .unwrap()
            .1,
        image("bundled").bytes()
    );
    assert!(
        ends.plan("v1").await.unwrap().is_up_to_date(),
        "the second run copies nothing"
    );
}

#[tokio::test]
async fn copies_a_bundle_that_contains_its_subject() {
    let mut ends = Ends::new();
    let app = image("app");
    let bundle = IndexFixture::oci()
        .image(&app, "linux/amd64")
        .field("subject", json!(app.descriptor()));
    ends.source().push_image(&app, &["v1"]).await;
    ends.source().push_index(&bundle, &[]).await;
    // The policy of this repository requires children to be present.
    let target: Arc<dyn Registry> = ends.target.clone();
    let request = CopyRequest {
        target: handle(target, "open/to"),
        ..ends.request("v1")
    };
    ends.options.referrers = true;
    let order = Arc::new(OrderRecorder::default());
    let plan = ends.copier.plan(&request, &ends.options).await.unwrap();
    ends.copier
        .execute(&plan, &(order.clone() as Arc<dyn CopyObserver>))
        .await
        .unwrap();
    let order = std::mem::take(&mut *order.0.lock().unwrap());
    assert_eq!(
        order.last().map(String::as_str),
        Some("copied"),
        "{order:?}"
    );
    assert!(order.contains(&bundle.digest().to_string()));
}

#[tokio::test]
async fn keeps_signatures_created_at_the_target() {
    let mut ends = Ends::new();
    let app = image("app");
    let cosign = format!("sha256-{}.sig", app.digest().encoded_part());
    ends.source().push_image(&app, &["v1"]).await;
    ends.source()
        .push_image(&image("signed here"), &[&cosign])
        .await;
    ends.target()
        .push_image(&image("signed there"), &[&cosign])
        .await;
    ends.options.referrers = true;
    let plan = ends.plan("v1").await.unwrap();
    assert!(
        plan.remarks.iter().any(|remark| remark.contains(&cosign)),
        "{:?}",
        plan.remarks
    );
    ends.copy("v1").await.unwrap();
    assert_eq!(
        ends.target().resolve_tag(&cosign).await,
        Some(image("signed there").digest())
    );

    let ends = Ends {
        options: CopyOptions {
            referrers: true,
            ..CopyOptions::default()
        },
        ..Ends::new()
    };
    ends.source().push_image(&app, &["v1"]).await;
    ends.source()
        .push_image(&image("signed here"), &[&cosign])
        .await;
    ends.copy("v1").await.unwrap();
    assert!(
        ends.plan("v1").await.unwrap().is_up_to_date(),
        "a signature that is present is not set again"
    );
}

/// Pushes images, and an index of them, to the source, and returns the children of the index that is
/// copied for `platform`.
async fn copied_children(index: &IndexFixture, images: &[ImageFixture], platform: &str) -> Value {
    let mut ends = Ends::new();
    for image in images {
        ends.source().push_image(image, &[]).await;
    }
    ends.source().push_index(index, &["v1"]).await;
    ends.options.platforms = platforms(&[platform]);
    let copied = ends.copy("v1").await.unwrap();
    let target = ends.target();
    let (_, bytes) = target.get_manifest(&copied.digest).await.unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    document["manifests"].clone()
}

#[tokio::test]
async fn one_entry_of_a_digest_with_several_platforms_is_copied() {
    let index = IndexFixture::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("a"), "linux/arm64");
    let children = copied_children(&index, &[image("a")], "linux/arm64").await;
    assert_eq!(children.as_array().unwrap().len(), 1);
    assert_eq!(children[0]["platform"]["architecture"], "arm64");
}

#[tokio::test]
async fn platforms_are_read_from_configs_if_the_index_states_none() {
    let (arm, windows) = (
        image("arm").built_for("linux/arm64"),
        image("windows")
            .built_for("windows/amd64")
            .config_field("os.version", json!("10.0.20348.1547")),
    );
    let index = IndexFixture::oci()
        .without_platform(&image("a"))
        .without_platform(&arm)
        .without_platform(&windows);
    let images = [image("a"), arm.clone(), windows.clone()];
    for (wanted, image) in [
        ("linux/arm64", &arm),
        ("windows(10.0.20348)/amd64", &windows),
    ] {
        let children = copied_children(&index, &images, wanted).await;
        assert_eq!(children.as_array().unwrap().len(), 1, "{wanted}");
        assert_eq!(children[0]["digest"], json!(image.digest()), "{wanted}");
    }
    let mut ends = Ends::new();
    for image in &images {
        ends.source().push_image(image, &[]).await;
    }
    ends.source().push_index(&index, &["v1"]).await;
    ends.options.platforms = platforms(&["linux/s390x"]);
    let error = expect_error(ends.copy("v1").await, &Kind::ManifestUnknown);
    let expected = "the platforms are linux/amd64, linux/arm64, windows(10.0.20348.1547)/amd64";
    assert_eq!(error.help(), Some(expected));
}

#[tokio::test]
async fn a_lower_variant_is_copied_if_there_is_no_exact_one() {
    let (old, new) = (image("v6"), image("v7"));
    let index = IndexFixture::oci()
        .image(&old, "linux/arm/v6")
        .image(&new, "linux/arm/v7");
    let images = [old.clone(), new.clone()];
    for (wanted, image) in [("linux/armhf", &new), ("linux/arm/v6", &old)] {
        let children = copied_children(&index, &images, wanted).await;
        assert_eq!(children.as_array().unwrap().len(), 1, "{wanted}");
        assert_eq!(children[0]["digest"], json!(image.digest()), "{wanted}");
    }
    let lower = IndexFixture::oci().image(&old, "linux/arm/v6");
    let children = copied_children(&lower, &images, "linux/arm/v7").await;
    assert_eq!(children[0]["digest"], json!(old.digest()));
}
