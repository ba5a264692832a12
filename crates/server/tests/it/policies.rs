//! What a policy does, as clients see it.

use std::sync::Arc;

use portolan_model::convert::Format;
use portolan_model::fixtures::{Index, image};
use portolan_model::{Digest, MediaType, Rule};
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::wrap::{Policies, PolicyRule};
use portolan_registry::{Deletions, Policy, Preset, Verdict};
use serde_json::{Value, json};

use crate::harness::{Answer, Running};

async fn under(policy: Policy) -> Running {
    let rule = PolicyRule::new("**", policy).unwrap();
    Running::of(
        Arc::new(Policies::new(Arc::new(MemoryRegistry::new()), vec![rule])),
        |_| (),
    )
    .await
}

async fn put(server: &Running, target: &str, headers: &[(&str, &str)], index: &Index) -> Answer {
    let media_type = index.media_type();
    let headers = [&[("content-type", media_type.as_str())], headers].concat();
    server.call("PUT", target, &headers, &index.bytes()).await
}

fn tag_of(digest: &str) -> String {
    format!("\"{digest}\"")
}

#[tokio::test]
async fn a_normalised_push_names_both_digests() {
    let server = under(Policy::default().normalising(Format::Oci)).await;
    let docker = image("a").docker();
    let pushed = server.push_image("a", "v1", &docker).await;
    let normalised = pushed.header("portolan-normalised").to_owned();
    assert_eq!(
        (pushed.status, pushed.header("docker-content-digest")),
        (201, docker.digest().as_str())
    );
    assert_eq!(
        pushed.header("location"),
        format!("/v2/a/manifests/{}", docker.digest())
    );
    assert_ne!(normalised, docker.digest().as_str());

    let by_tag = server.get("/v2/a/manifests/v1").await;
    assert_eq!(by_tag.header("docker-content-digest"), normalised);
    assert_eq!(by_tag.header("content-type"), MediaType::OCI_MANIFEST);
    assert_eq!(Digest::sha256(&by_tag.body).as_str(), normalised);
    // What the push answered is what a condition on the tag has to name.
    assert_eq!(pushed.header("etag"), tag_of(&normalised));
    let by_digest = server
        .get(&format!("/v2/a/manifests/{}", docker.digest()))
        .await;
    assert_eq!(by_digest.body, docker.bytes());

    let list = Index::docker().image(&docker, "linux/amd64");
    let stale = tag_of(docker.digest().as_str());
    assert_eq!(
        put(
            &server,
            "/v2/a/manifests/v1",
            &[("if-match", &stale)],
            &list
        )
        .await
        .status,
        412
    );
    let current = tag_of(&normalised);
    assert_eq!(
        put(
            &server,
            "/v2/a/manifests/v1",
            &[("if-match", &current)],
            &list
        )
        .await
        .status,
        201
    );
}

#[tokio::test]
async fn a_push_by_digest_has_its_tags_normalised() {
    let server = under(Policy::default().normalising(Format::Oci)).await;
    let docker = image("a").docker();
    let by_digest = server
        .push_image("a", docker.digest().as_str(), &docker)
        .await;
    assert!(by_digest.all("portolan-normalised").is_empty());
    let list = Index::docker().image(&docker, "linux/amd64");
    let pushed = put(
        &server,
        &format!("/v2/a/manifests/{}?tag=v1&tag=v2", list.digest()),
        &[],
        &list,
    )
    .await;
    let normalised = pushed.header("portolan-normalised");
    assert_eq!(pushed.all("oci-tag"), ["v1", "v2"]);
    assert_eq!(pushed.header("etag"), tag_of(list.digest().as_str()));
    for tag in ["v1", "v2"] {
        assert_eq!(
            server
                .head(&format!("/v2/a/manifests/{tag}"))
                .await
                .header("docker-content-digest"),
            normalised
        );
    }
}

#[tokio::test]
async fn an_oci_push_says_nothing_of_it() {
    let server = under(Policy::default().normalising(Format::Oci)).await;
    let pushed = server.push_image("a", "v1", &image("a")).await;
    assert!(
        pushed.status == 201
            && pushed.all("portolan-normalised").is_empty()
            && pushed.all("warning").is_empty()
    );
}

#[tokio::test]
async fn what_is_not_normalised_is_warned_of() {
    let server = under(Policy::from(Preset::Sparse).normalising(Format::Oci)).await;
    let list = Index::docker().image(&image("absent").docker(), "linux/amd64");
    let pushed = put(&server, "/v2/a/manifests/v1", &[], &list).await;
    assert!(pushed.status == 201 && pushed.all("portolan-normalised").is_empty());
    let warnings = pushed.all("warning");
    assert!(
        warnings
            .iter()
            .any(|warning| warning.starts_with("299 - \"not-normalised at \\\"/manifests/0\\\": ")),
        "{warnings:?}"
    );
    assert_eq!(
        server
            .head("/v2/a/manifests/v1")
            .await
            .header("docker-content-digest"),
        list.digest().as_str()
    );
}

#[tokio::test]
async fn what_a_warning_says_can_be_typed() {
    let server = under(Policy::default()).await;
    let docker = image("a").docker();
    server
        .push_image("a", docker.digest().as_str(), &docker)
        .await;
    let index = Index::oci().image(&docker, "linux/amd64");
    for (target, name) in [
        ("/v2/a/manifests/v1".to_owned(), "a:v1".to_owned()),
        (
            format!("/v2/a/manifests/{}?tag=v1", index.digest()),
            "a:v1".into(),
        ),
        (
            format!("/v2/a/manifests/{}", index.digest()),
            format!("a@{}", index.digest()),
        ),
    ] {
        let pushed = put(&server, &target, &[], &index).await;
        let expected =
            format!("; to mend it: portolan convert registry.test/{name} DST --to oci\"");
        assert!(pushed.header("warning").ends_with(&expected), "{pushed:?}");
    }
}

#[tokio::test]
async fn a_rejection_names_the_descriptor_and_leaves_the_image_to_the_reader() {
    let server = under(Policy::default().with(Rule::DuplicatePlatform, Verdict::Reject)).await;
    let images = [image("a"), image("b")];
    for image in &images {
        server.push_image("a", image.digest().as_str(), image).await;
    }
    let index = Index::oci()
        .image(&images[0], "linux/amd64")
        .image(&images[1], "linux/amd64");
    let refused = put(&server, "/v2/a/manifests/v1", &[], &index).await;
    assert_eq!(refused.code(), "MANIFEST_INVALID");
    let mend = &refused.json()["errors"][0]["detail"]["findings"][0]["mend"];
    // Nothing is stored, and where v1 points to something else, that must not be changed.
    assert_eq!(
        mend,
        &json!(format!("portolan index remove REF {}", images[1].digest()))
    );
}

#[tokio::test]
async fn a_rejection_carries_every_finding() {
    let server = under(Preset::OciOnly.into()).await;
    let refused = server.push_image("a", "v1", &image("a").docker()).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "MANIFEST_INVALID")
    );
    let document = refused.json();
    let findings = document["errors"][0]["detail"]["findings"]
        .as_array()
        .unwrap();
    let rejected: Vec<_> = findings
        .iter()
        .filter(|finding| finding["verdict"] == "reject")
        .collect();
    let pointers: Vec<_> = rejected
        .iter()
        .map(|finding| finding["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["", "/config", "/layers/0"]);
    for key in ["rule", "severity", "message", "section", "mend"] {
        assert!(
            rejected.iter().all(|finding| finding[key].is_string()),
            "{key}: {document}"
        );
    }
}

#[tokio::test]
async fn a_repository_may_keep_everything() {
    let server = under(Policy::default().with_deletions(Deletions::Never)).await;
    let image = image("a");
    server.push_image("a", "v1", &image).await;
    let layer = Digest::sha256(&image.blobs()[1]);
    for target in [
        "/v2/a/manifests/v1".to_owned(),
        format!("/v2/a/manifests/{}?force=true", image.digest()),
        format!("/v2/a/blobs/{layer}?force=true"),
    ] {
        let refused = server.call("DELETE", &target, &[], b"").await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (405, "UNSUPPORTED"),
            "{target}"
        );
        assert!(!refused.header("allow").contains("DELETE"));
        assert_ne!(refused.json()["errors"][0]["message"], Value::Null);
    }
    assert_eq!(server.get("/v2/a/manifests/v1").await.body, image.bytes());
}
