//! Only what is missing moves, once, in an order that shows nobody a half of anything.

use std::sync::{Arc, Mutex};

use portolan_model::fixtures::{Index, blob, image, tag};
use portolan_model::{Descriptor, Digest};
use serde_json::json;

use super::{Ends, copier, nobody, place, platforms};
use crate::contract::{Repository, refused};
use crate::copy::{Action, Event, Observer, Options, Request};
use crate::{Kind, Precondition, Registry, TagUpdate};

#[tokio::test]
async fn a_second_run_asks_each_side_once() {
    let ends = Ends::new();
    ends.source().image(&image("a"), &["v1"]).await;
    ends.copy("v1").await.unwrap();
    ends.source.take_calls();
    ends.target.take_calls();
    let plan = ends.plan("v1").await.unwrap();
    assert!(plan.is_nothing());
    ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    assert_eq!(ends.source.take_calls(), ["head_manifest v1"]);
    assert_eq!(ends.target.take_calls(), ["head_manifest copied"]);
}

#[tokio::test]
async fn what_is_there_does_not_move() {
    let ends = Ends::new();
    let image = image("a").layers(["x", "y"]);
    ends.source().image(&image, &["v1"]).await;
    ends.target().blob(blob("x")).await;
    let plan = ends.plan("v1").await.unwrap();
    let actions: Vec<_> = plan.blobs.iter().map(|blob| blob.action.clone()).collect();
    assert_eq!(actions, [Action::Copy, Action::There, Action::Copy]);
    let outcome = ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    assert_eq!(
        (
            outcome.tally.copied,
            outcome.tally.there,
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
async fn within_a_registry_blobs_are_mounted() {
    let ends = Ends::new();
    ends.source().image(&image("a"), &["v1"]).await;
    let request = Request {
        target: place(Arc::clone(&ends.source) as _, "sparse/to"),
        ..ends.request("v1")
    };
    let plan = ends.copier.plan(&request, &ends.options).await.unwrap();
    assert_eq!((plan.tally().mounted, plan.tally().copied), (2, 0));
    let outcome = ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    assert_eq!((outcome.tally.mounted, outcome.tally.copied), (2, 0));
}

#[tokio::test]
async fn a_blob_goes_to_a_registry_once_in_a_run() {
    let ends = Ends::new();
    let (source, target): (Arc<dyn Registry>, Arc<dyn Registry>) =
        (ends.source.clone(), ends.target.clone());
    let requests: Vec<_> = ["a", "b", "c"]
        .map(|name| {
            let target = place(Arc::clone(&target), &format!("sparse/{name}"));
            Request {
                source: place(Arc::clone(&source), "sparse/from"),
                target,
                ..ends.request(name)
            }
        })
        .into();
    for name in ["a", "b", "c"] {
        let image = image(name).layers(["shared"]);
        ends.source().image(&image, &[name]).await;
    }
    let copies = requests.iter().map(|request| async {
        let plan = ends.copier.plan(request, &ends.options).await.unwrap();
        ends.copier.carry_out(&plan, &nobody()).await.unwrap().tally
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
async fn what_is_said_about_signatures_and_blobs_comes_along_too() {
    let mut ends = Ends::new();
    let unknown = blob("unknown");
    let app = Index::oci()
        .image(&image("a"), "linux/amd64")
        .child_of_type("application/vnd.example.blob", &unknown, None);
    let [bill, of_bill, of_signature] = ["bill", "of bill", "of signature"].map(image);
    let of_blob = image("of blob").subject(&Descriptor::of(Digest::sha256(&unknown)));
    let referrer = image("referrer").subject(&bill.descriptor());
    let signed = |digest: &Digest, suffix: &str| format!("sha256-{}.{suffix}", digest.encoded());
    let tags = [
        signed(&app.digest(), "sbom"),
        signed(&bill.digest(), "sig"),
        signed(&of_bill.digest(), "att"),
    ];
    let source = ends.source();
    source.image(&image("a"), &[]).await;
    source.blob(unknown.clone()).await;
    source.index(&app, &["v1"]).await;
    for (image, tag) in [&bill, &of_bill, &of_signature].into_iter().zip(&tags) {
        source.image(image, &[tag.as_str()]).await;
    }
    for image in [&of_blob, &referrer] {
        source.image(image, &[]).await;
    }
    ends.options.referrers = true;
    ends.copy("v1").await.unwrap();
    for (tag, image) in tags.iter().zip([&bill, &of_bill, &of_signature]) {
        assert_eq!(
            ends.target().tagged(tag).await,
            Some(image.digest()),
            "{tag}"
        );
    }
    for image in [&of_blob, &referrer] {
        ends.target().get(image.digest()).await.unwrap();
    }
    assert!(ends.plan("v1").await.unwrap().is_nothing());
}

/// Writes down the manifests and tags in the order in which they are there.
#[derive(Default)]
struct Order(Mutex<Vec<String>>);

impl Observer for Order {
    fn notice(&self, event: Event<'_>) {
        match event {
            Event::ManifestDone { digest, .. } => self.0.lock().unwrap().push(digest.to_string()),
            Event::TagSet { tag, .. } => self.0.lock().unwrap().push(tag.to_string()),
            _ => (),
        }
    }
}

#[tokio::test]
async fn children_come_before_parents_and_the_tag_last() {
    let mut ends = Ends::new();
    let child = image("a");
    let inner = Index::oci().image(&child, "linux/amd64");
    let index = Index::oci().nested(&inner, None);
    let signature = image("signature").subject(&child.descriptor());
    let source = ends.source();
    source.image(&child, &[]).await;
    source.index(&inner, &[]).await;
    source.index(&index, &["v1"]).await;
    source.image(&signature, &[]).await;
    ends.options.referrers = true;
    let order = Arc::new(Order::default());
    let plan = ends.plan("v1").await.unwrap();
    ends.copier
        .carry_out(&plan, &(order.clone() as Arc<dyn Observer>))
        .await
        .unwrap();
    let order = std::mem::take(&mut *order.0.lock().unwrap());
    let position = |what: &str| order.iter().position(|there| there == what).unwrap();
    assert!(position(child.digest().as_str()) < position(inner.digest().as_str()));
    assert_eq!(order[3..], [index.digest().to_string(), "copied".into()]);
    assert_eq!(ends.target().referrers(&child.digest()).await.len(), 1);
}

#[tokio::test]
async fn referrers_of_referrers_and_tags_of_cosign_come_along() {
    let mut ends = Ends::new();
    let app = image("app");
    let bill = image("bill").subject(&app.descriptor());
    let signature = image("signature").subject(&bill.descriptor());
    let source = ends.source();
    for (image, tag) in [(&app, "v1"), (&bill, "bill"), (&signature, "signature")] {
        source.image(image, &[tag]).await;
    }
    let cosign = format!("sha256-{}.sig", app.digest().encoded());
    source
        .image(&image("cosign"), &[&cosign, "another", "zzz"])
        .await;
    ends.copy("v1").await.unwrap();
    assert_eq!(
        ends.target().tags().await.unwrap(),
        ["copied"],
        "nothing comes along unasked"
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
async fn referrers_follow_an_index_that_is_written_anew() {
    let mut ends = Ends::new();
    let index = Index::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/arm64");
    let source = ends.source();
    source.image(&image("a"), &[]).await;
    source.image(&image("b"), &[]).await;
    source.index(&index, &["v1"]).await;
    let subject = portolan_model::Descriptor::new(
        index.media_type(),
        index.digest(),
        index.bytes().len() as u64,
    );
    let bill = image("bill").subject(&subject);
    source.image(&bill, &[]).await;
    let attached = format!("sha256-{}.att", index.digest().encoded());
    source.image(&image("attached"), &[&attached]).await;
    ends.options = Options {
        platforms: platforms(&["linux/amd64"]),
        referrers: true,
        ..Options::default()
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
    let attached = format!("sha256-{}.att", outcome.digest.encoded());
    assert_eq!(
        ends.target().tagged(&attached).await,
        Some(image("attached").digest())
    );
    assert!(
        ends.plan("v1").await.unwrap().is_nothing(),
        "all of it is found again"
    );
}

#[tokio::test]
async fn a_precondition_goes_with_the_tag() {
    let ends = Ends::new();
    ends.source().image(&image("a"), &["v1"]).await;
    ends.target().image(&image("b"), &["copied"]).await;
    let absent = TagUpdate {
        tag: tag("copied"),
        precondition: Precondition::Absent,
    };
    let request = Request {
        tags: vec![absent],
        ..ends.request("v1")
    };
    let plan = ends.copier.plan(&request, &ends.options).await.unwrap();
    refused(
        ends.copier.carry_out(&plan, &nobody()).await,
        &Kind::PreconditionFailed,
    );
    assert_eq!(
        ends.target().tagged("copied").await,
        Some(image("b").digest())
    );
    ends.target().image(&image("a"), &["copied"]).await;
    let plan = ends.copier.plan(&request, &ends.options).await.unwrap();
    refused(
        ends.copier.carry_out(&plan, &nobody()).await,
        &Kind::PreconditionFailed,
    );
}

#[tokio::test]
async fn a_plan_in_json_has_stable_names() {
    let ends = Ends::new();
    ends.source().image(&image("a").layers([]), &["v1"]).await;
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
async fn a_copy_without_a_tag_is_had_by_its_digest() {
    let ends = Ends::new();
    let digest = ends.source().image(&image("a"), &["v1"]).await;
    let request = Request {
        tags: Vec::new(),
        reference: digest.clone().into(),
        ..ends.request("v1")
    };
    let plan = copier().plan(&request, &ends.options).await.unwrap();
    ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    assert_eq!(
        ends.target().get(&digest).await.unwrap().1,
        image("a").bytes()
    );
    let registry: Arc<dyn Registry> = ends.target.clone();
    assert!(
        Repository::of(&registry, "sparse/to")
            .tags()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_copy_may_be_a_task_of_its_own() {
    let ends = Arc::new(Ends::new());
    ends.source().image(&image("a"), &["v1"]).await;
    let task = tokio::spawn({
        let ends = Arc::clone(&ends);
        async move { ends.copy("v1").await }
    });
    assert_eq!(task.await.unwrap().unwrap().digest, image("a").digest());
}

#[tokio::test]
async fn what_is_there_is_rechecked_there() {
    let mut ends = Ends::new();
    let index = Index::oci().image(&image("a"), "linux/amd64");
    ends.source().image(&image("a"), &[]).await;
    ends.source().index(&index, &["v1"]).await;
    ends.copy("v1").await.unwrap();
    ends.source.take_calls();
    ends.options.recheck = true;
    assert!(ends.plan("v1").await.unwrap().is_nothing());
    assert_eq!(ends.source.take_calls(), ["head_manifest v1"]);
}

#[tokio::test]
async fn an_index_that_refers_is_not_cut_down_to_platforms() {
    let mut ends = Ends::new();
    let index = Index::oci()
        .image(&image("a"), "linux/amd64")
        .image(&image("b"), "linux/arm64");
    let source = ends.source();
    source.image(&image("a"), &[]).await;
    source.image(&image("b"), &[]).await;
    source.index(&index, &["v1"]).await;
    source.image(&image("bundled"), &[]).await;
    let bundle = Index::oci()
        .without_platform(&image("bundled"))
        .field("subject", json!(image("a").descriptor()));
    source.index(&bundle, &[]).await;
    ends.options = Options {
        platforms: platforms(&["linux/amd64"]),
        referrers: true,
        ..Options::default()
    };
    ends.copy("v1").await.unwrap();
    assert_eq!(
        ends.target().get(bundle.digest()).await.unwrap().1,
        bundle.bytes()
    );
    assert_eq!(
        ends.target()
            .get(image("bundled").digest())
            .await
            .unwrap()
            .1,
        image("bundled").bytes()
    );
    assert!(
        ends.plan("v1").await.unwrap().is_nothing(),
        "what was written anew is found again"
    );
}

#[tokio::test]
async fn a_bundle_may_hold_what_it_refers_to() {
    let mut ends = Ends::new();
    let app = image("app");
    let bundle = Index::oci()
        .image(&app, "linux/amd64")
        .field("subject", json!(app.descriptor()));
    ends.source().image(&app, &["v1"]).await;
    ends.source().index(&bundle, &[]).await;
    // Under a policy that wants children to be there.
    let target: Arc<dyn Registry> = ends.target.clone();
    let request = Request {
        target: place(target, "open/to"),
        ..ends.request("v1")
    };
    ends.options.referrers = true;
    let order = Arc::new(Order::default());
    let plan = ends.copier.plan(&request, &ends.options).await.unwrap();
    ends.copier
        .carry_out(&plan, &(order.clone() as Arc<dyn Observer>))
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
async fn what_was_signed_at_the_target_stays() {
    let mut ends = Ends::new();
    let app = image("app");
    let cosign = format!("sha256-{}.sig", app.digest().encoded());
    ends.source().image(&app, &["v1"]).await;
    ends.source().image(&image("signed here"), &[&cosign]).await;
    ends.target()
        .image(&image("signed there"), &[&cosign])
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
        ends.target().tagged(&cosign).await,
        Some(image("signed there").digest())
    );

    let ends = Ends {
        options: Options {
            referrers: true,
            ..Options::default()
        },
        ..Ends::new()
    };
    ends.source().image(&app, &["v1"]).await;
    ends.source().image(&image("signed here"), &[&cosign]).await;
    ends.copy("v1").await.unwrap();
    assert!(
        ends.plan("v1").await.unwrap().is_nothing(),
        "a signature that is there is not set again"
    );
}
