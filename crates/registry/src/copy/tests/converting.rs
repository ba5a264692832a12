//! Trees that arrive in another format: what changes, what follows, and what a second run finds.

use std::sync::Arc;

use portolan_model::convert::{Conversion, Effect, Format};
use portolan_model::fixtures::{Index, blob, image, sha512, tag};
use portolan_model::{Descriptor, Digest, MediaType};
use serde_json::{Value, json};

use super::{Ends, nobody, place, platforms};
use crate::contract::refused;
use crate::copy::{Action, Options, Plan, Request};
use crate::{Kind, Registry, TagUpdate};

fn to(format: Format) -> Conversion {
    Conversion {
        to: Some(format),
        ..Conversion::default()
    }
}

fn converting(conversion: Conversion) -> Ends {
    Ends {
        options: Options {
            conversion: Some(conversion),
            ..Options::default()
        },
        ..Ends::new()
    }
}

/// An OCI index with an OCI image, a Docker image and a Docker list in it, at `v1` of the source.
async fn mixed(ends: &Ends) -> Index {
    let (oci, docker) = (image("a"), image("b").docker().layers(["x", "a"]));
    let inner = Index::docker().image(&docker, "linux/arm64");
    let index = Index::oci()
        .image(&oci, "linux/amd64")
        .image(&docker, "linux/arm/v7")
        .nested(&inner, None);
    for image in [&oci, &docker] {
        ends.source().image(image, &[]).await;
    }
    ends.source().index(&inner, &[]).await;
    ends.source().index(&index, &["v1"]).await;
    index
}

fn became(plan: &Plan, old: &Digest) -> Digest {
    plan.rewritten
        .iter()
        .find(|rewritten| rewritten.old == *old)
        .expect("it was written anew")
        .new
        .clone()
}

async fn document(ends: &Ends, reference: impl ToString) -> Value {
    serde_json::from_slice(&ends.target().get(reference).await.unwrap().1).unwrap()
}

#[tokio::test]
async fn a_mixed_tree_arrives_in_one_format() {
    let ends = converting(to(Format::Oci));
    let index = mixed(&ends).await;
    let plan = ends.plan("v1").await.unwrap();
    assert_eq!(
        plan.rewritten.len(),
        3,
        "the root, the Docker image, and the list"
    );
    assert_eq!(
        (&plan.rewritten[0].old, &plan.digest),
        (&index.digest(), &became(&plan, &index.digest()))
    );
    let docker = image("b").docker().layers(["x", "a"]).digest();
    let rewritten = plan
        .rewritten
        .iter()
        .find(|rewritten| rewritten.old == docker)
        .unwrap();
    assert_eq!(rewritten.platform, "linux/arm/v7".parse().ok());
    let outcome = ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    assert_eq!(
        ends.target().tagged("copied").await,
        Some(outcome.digest.clone())
    );
    assert_eq!(
        outcome.tally.copied, 4,
        "two configs and two layers, as they were"
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
            .read(&Digest::sha256(&blob("x")))
            .await
            .unwrap(),
        blob("x")
    );
    ends.target().get(image("a").digest()).await.unwrap();
    refused(ends.target().get(docker).await, &Kind::ManifestUnknown);
    let head = ends
        .target()
        .head(root["manifests"][2]["digest"].as_str().unwrap())
        .await
        .unwrap();
    assert_eq!(head.media_type.as_str(), MediaType::OCI_INDEX);
}

#[tokio::test]
async fn a_second_run_moves_nothing_and_looks_for_no_blob() {
    let ends = converting(to(Format::Oci));
    mixed(&ends).await;
    ends.copy("v1").await.unwrap();
    ends.target.take_calls();
    let plan = ends.plan("v1").await.unwrap();
    assert!(
        plan.is_nothing() && plan.blobs.is_empty(),
        "{}",
        json!(plan)
    );
    assert_eq!(plan.rewritten.len(), 3);
    let calls = ends.target.take_calls();
    assert!(!calls.iter().any(|call| call.contains("blob")), "{calls:?}");
}

#[tokio::test]
async fn a_consistent_tree_is_copied_as_without_a_wish() {
    let mut ends = converting(Conversion {
        flatten: true,
        drop_unknown: true,
        to: Some(Format::Oci),
    });
    let index = Index::oci().image(&image("a"), "linux/amd64");
    ends.source().image(&image("a"), &[]).await;
    ends.source().index(&index, &["v1"]).await;
    let converted = json!(ends.plan("v1").await.unwrap());
    ends.options.conversion = None;
    assert_eq!(json!(ends.plan("v1").await.unwrap()), converted);
    ends.copy("v1").await.unwrap();
    assert_eq!(ends.target().tagged("copied").await, Some(index.digest()));
}

#[tokio::test]
async fn in_place_the_tag_moves_and_the_old_tree_stays() {
    let ends = converting(to(Format::Oci));
    let index = mixed(&ends).await;
    let request = Request {
        target: place(Arc::clone(&ends.source) as Arc<dyn Registry>, "sparse/from"),
        tags: vec![TagUpdate::always(tag("v1"))],
        ..ends.request("v1")
    };
    let plan = ends.copier.plan(&request, &ends.options).await.unwrap();
    assert!(
        plan.blobs.iter().all(|blob| blob.action == Action::There),
        "{}",
        json!(plan)
    );
    ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    assert_eq!(ends.source().tagged("v1").await, Some(plan.digest.clone()));
    ends.source().get(index.digest()).await.unwrap();
    let again = ends.copier.plan(&request, &ends.options).await.unwrap();
    assert!(again.is_nothing() && again.rewritten.is_empty());
}

#[tokio::test]
async fn what_the_old_tree_lacks_there_comes_with_the_new_one() {
    let ends = converting(to(Format::Oci));
    let docker = image("a").docker();
    ends.source().image(&docker, &["v1"]).await;
    ends.target()
        .manifest(docker.bytes(), &docker.media_type(), &["copied"])
        .await;
    let plan = ends.plan("v1").await.unwrap();
    let actions: Vec<_> = plan.blobs.iter().map(|blob| blob.action.clone()).collect();
    assert_eq!(
        actions,
        [Action::Copy, Action::Copy],
        "the old manifest was pushed without them"
    );
    ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    assert_eq!(
        ends.target()
            .read(&Digest::sha256(&blob("a")))
            .await
            .unwrap(),
        blob("a")
    );
}

#[tokio::test]
async fn what_says_something_about_a_document_that_goes_is_told() {
    let mut ends = converting(Conversion {
        flatten: true,
        drop_unknown: true,
        to: None,
    });
    let inner = Index::oci()
        .image(&image("a"), "linux/amd64")
        .field("annotations", json!({"inner": "yes"}));
    let index = Index::oci().nested(&inner, None).child_of_type(
        "application/vnd.example.blob",
        &blob("unknown"),
        None,
    );
    let bill = image("bill")
        .subject(&inner.descriptor())
        .field("artifactType", json!("application/vnd.example.bill"));
    let of_blob = image("of blob").subject(&Descriptor::of(Digest::sha256(&blob("unknown"))));
    let source = ends.source();
    source.image(&image("a"), &[]).await;
    source.index(&inner, &[]).await;
    source.blob(blob("unknown")).await;
    source.index(&index, &["v1"]).await;
    let cosign = format!("sha256-{}.sig", inner.digest().encoded());
    for (image, tags) in [
        (&bill, &[][..]),
        (&of_blob, &[]),
        (&image("signature"), &[&*cosign]),
    ] {
        source.image(image, tags).await;
    }
    let told = |plan: &Plan| -> Vec<_> {
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
        told(&ends.plan("v1").await.unwrap()),
        [],
        "nobody asked for them"
    );
    ends.options.referrers = true;
    let plan = ends.plan("v1").await.unwrap();
    let lost = told(&plan);
    for (document, said) in [
        (
            inner.digest(),
            format!(
                "{} (application/vnd.example.bill) refers to it",
                bill.digest()
            ),
        ),
        (inner.digest(), format!("the tag {cosign} is about it")),
        (
            Digest::sha256(&blob("unknown")),
            format!("{} (", of_blob.digest()),
        ),
    ] {
        assert!(
            lost.iter()
                .any(|(about, told)| *about == document && told.starts_with(&said)),
            "{said}: {lost:?}"
        );
    }
    assert_eq!((lost.len(), plan.manifests.len()), (3, 2));
}

#[tokio::test]
async fn a_config_that_is_too_large_says_no_platform() {
    let ends = converting(to(Format::Docker));
    let large = image("a").config_field("note", json!("x".repeat(5 << 20)));
    let artifact = image("b").field(
        "config",
        json!({
            "mediaType": "application/vnd.example.config", "digest": Digest::sha256(&blob("gone")), "size": 3,
        }),
    );
    let index = Index::oci()
        .without_platform(&large)
        .without_platform(&artifact);
    ends.source().image(&large, &[]).await;
    ends.source()
        .manifest(artifact.bytes(), &artifact.media_type(), &[])
        .await;
    ends.source().index(&index, &["v1"]).await;
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
        "an artifact's is not read"
    );
}

/// An index in an index and so on, so many levels above an image, at `v1`.
async fn nest(ends: &Ends, levels: usize) {
    ends.source().image(&image("a"), &[]).await;
    let mut index = Index::oci().image(&image("a"), "linux/amd64");
    for _ in 1..levels {
        ends.source().index(&index, &[]).await;
        index = Index::oci().nested(&index, None);
    }
    ends.source().index(&index, &["v1"]).await;
}

#[tokio::test]
async fn indexes_are_followed_as_deep_as_lint_looks_and_taken_apart_deeper() {
    let ends = Ends::new();
    nest(&ends, 16).await;
    assert_eq!(ends.copy("v1").await.unwrap().tally.manifests, 17);
    let mut ends = Ends::new();
    nest(&ends, 17).await;
    let error = refused(ends.copy("v1").await, &Kind::ManifestInvalid);
    assert!(
        error
            .message()
            .contains("more than 16 levels deep; take them apart with"),
        "{error}"
    );
    ends.options.conversion = Some(Conversion {
        flatten: true,
        ..Conversion::default()
    });
    nest(&ends, 100).await;
    ends.copy("v1").await.unwrap();
    assert_eq!(
        document(&ends, "copied").await["manifests"][0]["digest"],
        json!(image("a").digest())
    );
    nest(&ends, 257).await;
    let error = refused(ends.plan("v1").await.map(drop), &Kind::ManifestInvalid);
    assert!(
        error.message().ends_with("more than 256 levels deep"),
        "{error}"
    );
}

#[tokio::test]
async fn a_flat_tree_brings_no_nested_index_and_no_blob_of_what_was_dropped() {
    let ends = converting(Conversion {
        flatten: true,
        drop_unknown: true,
        to: None,
    });
    let inner = Index::oci().image(&image("a"), "linux/amd64");
    let index = Index::oci()
        .nested(&inner, None)
        .image(&image("b"), "linux/arm64")
        .child_of_type("application/vnd.example.blob", &blob("unknown"), None)
        .child_of_type(MediaType::OCI_LAYER_GZIP, &blob("cache"), None);
    for name in ["a", "b"] {
        ends.source().image(&image(name), &[]).await;
    }
    ends.source().index(&inner, &[]).await;
    for content in [blob("unknown"), blob("cache")] {
        ends.source().blob(content).await;
    }
    ends.source().index(&index, &["v1"]).await;
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
    ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    refused(
        ends.target().get(inner.digest()).await,
        &Kind::ManifestUnknown,
    );
    assert_eq!(
        document(&ends, "copied").await["manifests"][0]["digest"],
        json!(image("a").digest())
    );
}

#[tokio::test]
async fn referrers_and_what_refers_to_them_follow_but_are_not_converted() {
    let mut ends = converting(to(Format::Docker));
    let app = image("app");
    let bill = image("bill").subject(&app.descriptor());
    let signature = image("signature").subject(&bill.descriptor());
    let cosign = format!("sha256-{}.sig", app.digest().encoded());
    for (image, tag) in [
        (&app, "v1"),
        (&bill, "bill"),
        (&signature, "s"),
        (&image("cosign"), &*cosign),
    ] {
        ends.source().image(image, &[tag]).await;
    }
    ends.options.referrers = true;
    let plan = ends.plan("v1").await.unwrap();
    ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    let [app, bill, signature] =
        [&app, &bill, &signature].map(|image| became(&plan, &image.digest()));
    assert_eq!(
        ends.target().head(&app).await.unwrap().media_type.as_str(),
        MediaType::DOCKER_MANIFEST
    );
    for (subject, referrer) in [(&app, &bill), (&bill, &signature)] {
        assert_eq!(ends.target().referrers(subject).await[0].digest, *referrer);
        let stored = document(&ends, referrer).await;
        let media_type = ends.target().head(subject).await.unwrap().media_type;
        assert_eq!(
            (&stored["mediaType"], &stored["subject"]["mediaType"]),
            (&json!(MediaType::OCI_MANIFEST), &json!(media_type))
        );
    }
    let followed = format!("sha256-{}.sig", app.encoded());
    assert_eq!(
        ends.target().tagged(&followed).await,
        Some(image("cosign").digest())
    );
    assert!(
        plan.remarks
            .iter()
            .any(|remark| remark.contains(&followed) && remark.contains("no longer holds"))
    );
    assert!(ends.plan("v1").await.unwrap().is_nothing());
}

#[tokio::test]
async fn the_platforms_of_a_list_come_from_the_configs() {
    let ends = converting(to(Format::Docker));
    let index = Index::oci().without_platform(&image("a"));
    ends.source().image(&image("a"), &[]).await;
    ends.source().index(&index, &["v1"]).await;
    ends.copy("v1").await.unwrap();
    let list = document(&ends, "copied").await;
    assert_eq!(
        list["manifests"][0]["platform"],
        json!({"os": "linux", "architecture": "amd64"})
    );
}

#[tokio::test]
async fn what_cannot_be_converted_is_refused_before_anything_is_written() {
    let ends = converting(to(Format::Docker));
    let zstd = image("a").layer_of_type("application/vnd.oci.image.layer.v1.tar+zstd", "z");
    ends.source().image(&zstd, &["v1"]).await;
    let error = refused(ends.copy("v1").await, &Kind::Unsupported);
    assert!(
        error.message().contains("tar+zstd") && error.message().contains("/layers/1"),
        "{error}"
    );
    let index = Index::oci().image(&zstd, "linux/amd64");
    ends.source().index(&index, &["v2"]).await;
    let plan = ends.plan("v2").await.unwrap();
    assert_eq!(
        (plan.losses[0].effect, &plan.losses[0].document),
        (Effect::Left, &index.digest())
    );
    ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    ends.target().get(zstd.digest()).await.unwrap();
}

#[tokio::test]
async fn some_platforms_in_another_format() {
    let mut ends = converting(to(Format::Oci));
    let index = mixed(&ends).await;
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
        "none has a digest from in between"
    );
    assert!(plan.losses.iter().all(|loss| old.contains(&loss.document)));
    ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    assert_eq!(
        document(&ends, "copied").await["manifests"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert!(ends.plan("v1").await.unwrap().is_nothing());
}

#[tokio::test]
async fn sha512_stays_sha512_through_a_conversion() {
    let ends = converting(to(Format::Oci));
    let docker = image("a").docker();
    for content in docker.blobs() {
        ends.source().blob(content).await;
    }
    let options = crate::PutManifest {
        digest: Some(sha512(&docker.bytes())),
        tags: vec![TagUpdate::always(tag("v1"))],
        ..ends.source().options()
    };
    ends.source()
        .put_with(docker.bytes(), options)
        .await
        .unwrap();
    let plan = ends.plan("v1").await.unwrap();
    ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    let (info, bytes) = ends.target().get("copied").await.unwrap();
    assert_eq!((info.digest, plan.digest), (sha512(&bytes), sha512(&bytes)));
}

#[tokio::test]
async fn what_is_absent_stays_named_where_that_is_allowed() {
    let mut ends = converting(to(Format::Oci));
    let index = Index::oci()
        .image(&image("a").docker(), "linux/amd64")
        .image(&image("gone").docker(), "linux/arm64");
    ends.source().image(&image("a").docker(), &[]).await;
    ends.source().index(&index, &["v1"]).await;
    refused(ends.plan("v1").await.map(drop), &Kind::ContentMissing);
    ends.options.sparse = true;
    let plan = ends.plan("v1").await.unwrap();
    assert_eq!(plan.losses[0].effect, Effect::Left);
    assert!(
        plan.manifests
            .iter()
            .all(|document| document.action == Action::Copy)
    );
    ends.copier.carry_out(&plan, &nobody()).await.unwrap();
    let children = document(&ends, "copied").await["manifests"].clone();
    assert_eq!(
        children[1]["digest"],
        json!(image("gone").docker().digest())
    );
}
