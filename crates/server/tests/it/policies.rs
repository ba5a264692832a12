//! Tests for policies as clients see them.

use std::sync::Arc;

use portolan_model::convert::ImageFormat;
use portolan_model::fixtures::{IndexFixture, image};
use portolan_model::{Digest, MediaType, Rule};
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::wrap::{Policies, PolicyRule};
use portolan_registry::{Deletions, Policy, Preset, Verdict};
use serde_json::{Value, json};

use crate::harness::{TestResponse, TestServer};

async fn start_with_policy(policy: Policy) -> TestServer {
    let rule = PolicyRule::new("**", policy).unwrap();
    TestServer::with_registry(
        Arc::new(Policies::new(Arc::new(MemoryRegistry::new()), vec![rule])),
        |_| (),
    )
    .await
}

async fn put(
    server: &TestServer,
    target: &str,
    headers: &[(&str, &str)],
    index: &IndexFixture,
) -> TestResponse {
    let media_type = index.media_type();
    let headers = [&[("content-type", media_type.as_str())], headers].concat();
    server
        .request("PUT", target, &headers, &index.bytes())
        .await
}

fn entity_tag(digest: &str) -> String {
    format!("\"{digest}\"")
}

#[tokio::test]
async fn a_normalized_push_returns_both_digests() {
    let server = start_with_policy(Policy::default().with_normalization(ImageFormat::Oci)).await;
    let docker = image("a").docker();
    let pushed = server.push_image("a", "v1", &docker).await;
    let normalized = pushed.header("portolan-normalized").to_owned();
    assert_eq!(
        (pushed.status, pushed.header("docker-content-digest")),
        (201, docker.digest().as_str())
    );
    assert_eq!(
        pushed.header("location"),
        format!("/v2/a/manifests/{}", docker.digest())
    );
    assert_ne!(normalized, docker.digest().as_str());

    let by_tag = server.get("/v2/a/manifests/v1").await;
    assert_eq!(by_tag.header("docker-content-digest"), normalized);
    assert_eq!(by_tag.header("content-type"), MediaType::OCI_MANIFEST);
    assert_eq!(Digest::sha256(&by_tag.body).as_str(), normalized);
    // A condition on the tag must use the entity tag that the push returned.
    assert_eq!(pushed.header("etag"), entity_tag(&normalized));
    let by_digest = server
        .get(&format!("/v2/a/manifests/{}", docker.digest()))
        .await;
    assert_eq!(by_digest.body, docker.bytes());

    let list = IndexFixture::docker().image(&docker, "linux/amd64");
    let stale = entity_tag(docker.digest().as_str());
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
    let current = entity_tag(&normalized);
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
async fn the_tags_of_a_push_by_digest_are_normalized() {
    let server = start_with_policy(Policy::default().with_normalization(ImageFormat::Oci)).await;
    let docker = image("a").docker();
    let by_digest = server
        .push_image("a", docker.digest().as_str(), &docker)
        .await;
    assert!(by_digest.header_values("portolan-normalized").is_empty());
    let list = IndexFixture::docker().image(&docker, "linux/amd64");
    let pushed = put(
        &server,
        &format!("/v2/a/manifests/{}?tag=v1&tag=v2", list.digest()),
        &[],
        &list,
    )
    .await;
    let normalized = pushed.header("portolan-normalized");
    assert_eq!(pushed.header_values("oci-tag"), ["v1", "v2"]);
    assert_eq!(pushed.header("etag"), entity_tag(list.digest().as_str()));
    for tag in ["v1", "v2"] {
        assert_eq!(
            server
                .head(&format!("/v2/a/manifests/{tag}"))
                .await
                .header("docker-content-digest"),
            normalized
        );
    }
}

#[tokio::test]
async fn an_oci_push_is_not_normalized() {
    let server = start_with_policy(Policy::default().with_normalization(ImageFormat::Oci)).await;
    let pushed = server.push_image("a", "v1", &image("a")).await;
    assert!(
        pushed.status == 201
            && pushed.header_values("portolan-normalized").is_empty()
            && pushed.header_values("warning").is_empty()
    );
}

#[tokio::test]
async fn a_push_that_is_not_normalized_has_a_warning() {
    let server =
        start_with_policy(Policy::from(Preset::Sparse).with_normalization(ImageFormat::Oci)).await;
    let list = IndexFixture::docker().image(&image("absent").docker(), "linux/amd64");
    let pushed = put(&server, "/v2/a/manifests/v1", &[], &list).await;
    assert!(pushed.status == 201 && pushed.header_values("portolan-normalized").is_empty());
    let warnings = pushed.header_values("warning");
    assert!(
        warnings
            .iter()
            .any(|warning| warning.starts_with("299 - \"not-normalized at '/manifests/0': ")),
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
async fn a_warning_contains_a_command() {
    let server = start_with_policy(Policy::default()).await;
    let docker = image("a").docker();
    server
        .push_image("a", docker.digest().as_str(), &docker)
        .await;
    let index = IndexFixture::oci().image(&docker, "linux/amd64");
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
        let expected = format!("; help: portolan convert registry.test/{name} DST --to oci\"");
        assert!(pushed.header("warning").ends_with(&expected), "{pushed:?}");
    }
}

#[tokio::test]
async fn a_rejection_names_the_descriptor_but_not_the_image() {
    let server =
        start_with_policy(Policy::default().with_verdict(Rule::DuplicatePlatform, Verdict::Reject))
            .await;
    let images = [image("a"), image("b")];
    for image in &images {
        server.push_image("a", image.digest().as_str(), image).await;
    }
    let index = IndexFixture::oci()
        .image(&images[0], "linux/amd64")
        .image(&images[1], "linux/amd64");
    let response = put(&server, "/v2/a/manifests/v1", &[], &index).await;
    assert_eq!(response.error_code(), "MANIFEST_INVALID");
    let fix = &response.json()["errors"][0]["detail"]["findings"][0]["fix"];
    // Nothing is stored. If v1 points to something else, the command must not change that.
    assert_eq!(
        fix,
        &json!(format!("portolan index remove REF {}", images[1].digest()))
    );
}

#[tokio::test]
async fn a_rejection_contains_every_finding() {
    let server = start_with_policy(Preset::OciOnly.into()).await;
    let response = server.push_image("a", "v1", &image("a").docker()).await;
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (400, "MANIFEST_INVALID")
    );
    let document = response.json();
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
    for key in ["rule", "severity", "message", "section", "fix"] {
        assert!(
            rejected.iter().all(|finding| finding[key].is_string()),
            "{key}: {document}"
        );
    }
}

#[tokio::test]
async fn a_policy_can_forbid_deletion() {
    let server = start_with_policy(Policy::default().with_deletions(Deletions::Never)).await;
    let image = image("a");
    server.push_image("a", "v1", &image).await;
    let layer = Digest::sha256(&image.blobs()[1]);
    for target in [
        "/v2/a/manifests/v1".to_owned(),
        format!("/v2/a/manifests/{}?force=true", image.digest()),
        format!("/v2/a/blobs/{layer}?force=true"),
        "/api/v1/repositories/a".to_owned(),
    ] {
        let response = server.request("DELETE", &target, &[], b"").await;
        assert_eq!(
            (response.status, response.error_code().as_str()),
            (405, "UNSUPPORTED"),
            "{target}"
        );
        assert!(!response.header("allow").contains("DELETE"));
        assert_ne!(response.json()["errors"][0]["message"], Value::Null);
    }
    assert_eq!(server.get("/v2/a/manifests/v1").await.body, image.bytes());
}
