//! Tests for `GET /api/v1/repositories/NAME/-/tree/REFERENCE`: everything below a manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{ImageFixture, IndexFixture, image};
use portolan_model::{Digest, MediaType};
use portolan_registry::Preset;
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::wrap::{Policies, PolicyRule};
use serde_json::{Value, json};

use crate::harness::TestServer;

const CACHE: &str = "application/vnd.buildkit.cacheconfig.v0";

async fn push_index(server: &TestServer, reference: &str, index: &IndexFixture) {
    let headers = [("content-type", index.media_type().as_str().to_owned())];
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let pushed = server
        .request(
            "PUT",
            &format!("/v2/team/app/manifests/{reference}"),
            &headers,
            &index.bytes(),
        )
        .await;
    assert_eq!(
        pushed.status,
        201,
        "{}",
        String::from_utf8_lossy(&pushed.body)
    );
}

async fn push_children(server: &TestServer, images: &[&ImageFixture]) {
    for image in images {
        server
            .push_image("team/app", image.digest().as_str(), image)
            .await;
    }
}

async fn tree(server: &TestServer, reference: &str) -> Value {
    let answer = server
        .get(&format!("/api/v1/repositories/team/app/-/tree/{reference}"))
        .await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json"),
        "{answer:?}"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    answer.json()
}

fn column<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item[key].as_str().unwrap())
        .collect()
}

/// Registry with a tree that has everything: mixed, nested, an image that is referenced twice, an
/// attestation, a blob as a child and a deleted child.
struct FullTree {
    server: TestServer,
    root: IndexFixture,
    nested: IndexFixture,
    oci: ImageFixture,
    docker: ImageFixture,
    attestation: ImageFixture,
    lost: ImageFixture,
}

impl FullTree {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let oci = image("oci")
            .layers(["shared", "x"])
            .built_at("2026-11-01T00:00:00Z");
        let docker = image("docker")
            .docker()
            .layers(["shared"])
            .built_for("linux/arm64");
        let attestation =
            image("attestation").field("artifactType", json!("application/vnd.in-toto+json"));
        let lost = image("lost").built_for("linux/s390x");
        push_children(&server, &[&oci, &docker, &attestation, &lost]).await;
        server.push_blob("team/app", b"cache").await;
        let nested = IndexFixture::docker().image(&docker, "linux/arm64");
        push_index(&server, nested.digest().as_str(), &nested).await;
        let root = IndexFixture::oci()
            .image(&oci, "linux/amd64")
            .image(&docker, "linux/arm64")
            .nested_index(&nested, None)
            .image(&attestation, "unknown/unknown")
            .child_of_type(CACHE, b"cache", None)
            .image(&lost, "linux/s390x")
            .field("annotations", json!({"com.example.key": "value"}));
        push_index(&server, "v1", &root).await;
        let target = format!("/v2/team/app/manifests/{}?force=true", lost.digest());
        assert_eq!(
            server.request("DELETE", &target, &[], b"").await.status,
            202
        );
        Self {
            server,
            root,
            nested,
            oci,
            docker,
            attestation,
            lost,
        }
    }
}

#[tokio::test]
async fn each_document_is_listed_once() {
    let all = FullTree::start().await;
    let tree = tree(&all.server, "v1").await;
    let documents = &tree["documents"];
    let expected = [
        all.root.digest().to_string(),
        all.oci.digest().to_string(),
        all.docker.digest().to_string(),
        all.nested.digest().to_string(),
        all.attestation.digest().to_string(),
    ];
    assert_eq!(column(documents, "digest"), expected);
    assert_eq!(
        (&tree["reference"], &tree["digest"]),
        (&json!("v1"), &json!(all.root.digest()))
    );
    let depths: Vec<_> = documents
        .as_array()
        .unwrap()
        .iter()
        .map(|document| &document["depth"])
        .collect();
    assert_eq!(depths, [0, 1, 1, 1, 1]);
    assert_eq!(
        column(documents, "kind"),
        ["index", "manifest", "manifest", "index", "manifest"]
    );
    assert_eq!(
        documents[0]["annotations"],
        json!({"com.example.key": "value"})
    );
    assert_eq!(documents[0]["size"], all.root.bytes().len());
    assert_eq!(documents[2]["mediaType"], MediaType::DOCKER_MANIFEST);
    assert_eq!(documents[4]["artifactType"], "application/vnd.in-toto+json");
}

#[tokio::test]
async fn children_have_position_and_storage_form() {
    let all = FullTree::start().await;
    let tree = tree(&all.server, all.root.digest().as_str()).await;
    let children = &tree["documents"][0]["children"];
    let pointers: Vec<_> = (0..6)
        .map(|position| format!("/manifests/{position}"))
        .collect();
    assert_eq!(column(children, "pointer"), pointers);
    let stored = [
        "manifest", "manifest", "manifest", "manifest", "blob", "absent",
    ];
    assert_eq!(column(children, "stored"), stored);
    assert_eq!(
        children[1]["platform"],
        json!({"os": "linux", "architecture": "arm64"})
    );
    assert_eq!(
        (&children[4]["mediaType"], &children[4]["size"]),
        (&json!(CACHE), &json!(5))
    );
    assert_eq!(children[5]["digest"], json!(all.lost.digest()));
    let image = &tree["documents"][1];
    assert_eq!(
        column(&image["children"], "kind"),
        ["config", "layer", "layer"]
    );
    assert_eq!(
        column(&image["children"], "stored"),
        ["blob", "blob", "blob"]
    );
    let config = json!({"platform": {"os": "linux", "architecture": "amd64"}, "created": "2026-11-01T00:00:00Z"});
    assert_eq!(image["config"], config);
}

#[tokio::test]
async fn findings_are_listed_by_document_and_counted() {
    let all = FullTree::start().await;
    let tree = tree(&all.server, "v1").await;
    let mut counts = BTreeMap::from([("error", 0), ("warning", 0), ("info", 0)]);
    for document in tree["documents"].as_array().unwrap() {
        for severity in column(&document["findings"], "severity") {
            *counts.get_mut(severity).unwrap() += 1;
        }
    }
    assert_eq!(tree["findings"], json!(counts));
    let findings = tree["documents"][0]["findings"].as_array().unwrap();
    let missing: Vec<_> = findings
        .iter()
        .filter(|finding| finding["rule"] == "missing-child")
        .collect();
    assert_eq!(
        (missing.len(), &missing[0]["pointer"]),
        (1, &json!("/manifests/5"))
    );
}

#[tokio::test]
async fn totals_count_each_digest_once() {
    let all = FullTree::start().await;
    let tree = tree(&all.server, "v1").await;
    let documents = [
        all.root.bytes(),
        all.nested.bytes(),
        all.oci.bytes(),
        all.docker.bytes(),
        all.attestation.bytes(),
    ];
    let blobs = [
        all.oci.blobs(),
        all.docker.blobs(),
        all.attestation.blobs(),
        vec![Bytes::from("cache")],
    ]
    .concat();
    let sizes = |contents: &[Bytes]| -> BTreeMap<Digest, usize> {
        contents
            .iter()
            .map(|bytes| (Digest::sha256(bytes), bytes.len()))
            .collect()
    };
    let (documents, blobs) = (sizes(&documents), sizes(&blobs));
    let bytes: usize = documents.values().chain(blobs.values()).sum();
    assert_eq!(
        tree["totals"],
        json!({"documents": 5, "blobs": blobs.len(), "bytes": bytes})
    );
}

#[tokio::test]
async fn referrers_are_listed_with_their_subject() {
    let all = FullTree::start().await;
    let signature =
        image("signature").field("artifactType", json!("application/vnd.example.signature"));
    let signature = signature.subject(&all.docker.descriptor());
    push_children(&all.server, &[&signature]).await;
    let documents = &tree(&all.server, "v1").await["documents"];
    assert_eq!(
        (&documents[0]["referrers"], &documents[0]["moreReferrers"]),
        (&json!([]), &json!(false))
    );
    let referrer = &documents[2]["referrers"][0];
    assert_eq!(referrer["digest"], json!(signature.digest()));
    assert_eq!(
        referrer["artifactType"],
        "application/vnd.example.signature"
    );
    let own = tree(&all.server, signature.digest().as_str()).await;
    assert_eq!(
        own["documents"][0]["subject"]["digest"],
        json!(all.docker.digest())
    );
    assert_eq!(own["documents"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_number_of_referrers_is_limited() {
    let server = TestServer::start().await;
    let subject = IndexFixture::oci();
    push_index(&server, "v1", &subject).await;
    for number in 0..101 {
        let referrer = IndexFixture::oci()
            .field("subject", json!(subject.descriptor()))
            .field("annotations", json!({"n": number.to_string()}));
        push_index(&server, referrer.digest().as_str(), &referrer).await;
    }
    let document = &tree(&server, "v1").await["documents"][0];
    assert_eq!(
        (
            document["referrers"].as_array().unwrap().len(),
            &document["moreReferrers"]
        ),
        (100, &json!(true))
    );
}

#[tokio::test]
async fn the_size_of_referrers_is_limited() {
    const LARGE: usize = 1 << 20;
    let server = TestServer::start().await;
    let names: Vec<_> = (0..12).map(|number: u8| number.to_string()).collect();
    let images: Vec<_> = names.iter().map(|name| image(name)).collect();
    push_children(&server, &images.iter().collect::<Vec<_>>()).await;
    let index = images.iter().fold(IndexFixture::oci(), |index, image| {
        index.image(image, "linux/amd64")
    });
    push_index(&server, "v1", &index).await;
    for image in &images {
        let artifact_type = json!(format!("application/{}", "x".repeat(LARGE)));
        let referrer = IndexFixture::oci()
            .field("subject", json!(image.descriptor()))
            .field("artifactType", artifact_type);
        push_index(&server, referrer.digest().as_str(), &referrer).await;
    }
    let tree = tree(&server, "v1").await;
    let listed = tree["documents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|document| document["moreReferrers"] == false);
    assert_eq!(
        listed.count(),
        1 + 8,
        "the index, and as many images as have their referrers in 8 MiB"
    );
}

#[tokio::test]
async fn many_findings_are_counted_but_only_partly_listed() {
    let rule = PolicyRule::new("**", Preset::Sparse.into()).unwrap();
    let server = TestServer::with_registry(
        Arc::new(Policies::new(Arc::new(MemoryRegistry::new()), vec![rule])),
        |_| (),
    )
    .await;
    let absent: Vec<_> = (0..500_u32)
        .map(|number| json!({"digest": Digest::sha256(&number.to_be_bytes())}))
        .collect();
    let mut root = IndexFixture::oci();
    for number in 0..50 {
        let index = IndexFixture::oci()
            .field("manifests", json!(absent))
            .field("number", json!(number));
        push_index(&server, index.digest().as_str(), &index).await;
        root = root.nested_index(&index, None);
    }
    push_index(&server, "v1", &root).await;
    let tree = tree(&server, "v1").await;
    let documents = tree["documents"].as_array().unwrap();
    let listed: usize = documents
        .iter()
        .map(|document| document["findings"].as_array().unwrap().len())
        .sum();
    let counted: u64 = tree["findings"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert!(
        listed > 10_000 && counted > 2 * listed as u64,
        "{listed} of {counted}"
    );
    assert_eq!(
        (
            &documents[1]["moreFindings"],
            &documents[50]["moreFindings"]
        ),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn fixes_contain_the_name_of_the_manifest() {
    let all = FullTree::start().await;
    let tree = tree(&all.server, "v1").await;
    let findings = tree["documents"][0]["findings"].as_array().unwrap();
    let missing = findings
        .iter()
        .find(|finding| finding["rule"] == "missing-child")
        .unwrap();
    let index = findings
        .iter()
        .find(|finding| finding["rule"] == "index-mixed-families")
        .unwrap();
    assert_eq!(
        index["fix"],
        "portolan convert registry.test/team/app:v1 DST --to oci"
    );
    assert_eq!(missing["digest"], json!(all.lost.digest()));
}

#[tokio::test]
async fn a_large_tree_is_truncated() {
    let server = TestServer::with_settings(|settings| settings.limits.tree_documents = 3).await;
    let images: Vec<_> = ["a", "b", "c"].into_iter().map(image).collect();
    push_children(&server, &images.iter().collect::<Vec<_>>()).await;
    let index = images.iter().fold(IndexFixture::oci(), |index, image| {
        index.image(image, "linux/amd64")
    });
    push_index(&server, "v1", &index).await;
    let tree = tree(&server, "v1").await;
    assert_eq!(tree["documents"].as_array().unwrap().len(), 3);
    assert!(
        column(&tree["documents"][0]["findings"], "rule").contains(&"tree-too-large"),
        "{tree}"
    );
    assert_eq!(tree["documents"][0]["children"][2]["stored"], "unknown");
}

#[tokio::test]
async fn a_deep_tree_is_truncated() {
    let server = TestServer::start().await;
    let mut index = IndexFixture::oci();
    push_index(&server, index.digest().as_str(), &index).await;
    for _ in 0..30 {
        index = IndexFixture::oci().nested_index(&index, None);
        push_index(&server, index.digest().as_str(), &index).await;
    }
    let tree = tree(&server, index.digest().as_str()).await;
    assert_eq!(tree["documents"].as_array().unwrap().len(), 17);
    let deepest = &tree["documents"][16];
    assert!(
        column(&deepest["findings"], "rule").contains(&"tree-too-deep"),
        "{deepest}"
    );
    assert_eq!(
        (&deepest["depth"], &deepest["children"][0]["stored"]),
        (&json!(16), &json!("unknown"))
    );
}

#[tokio::test]
async fn concurrent_tree_requests_are_limited() {
    let server = TestServer::with_settings(|settings| settings.limits.trees = 1).await;
    push_index(&server, "v1", &IndexFixture::oci()).await;
    for _ in 0..3 {
        tree(&server, "v1").await;
    }
    let server = TestServer::with_settings(|settings| settings.limits.trees = 0).await;
    let response = server.get("/api/v1/repositories/team/app/-/tree/v1").await;
    assert_eq!(
        (
            response.status,
            response.error_code().as_str(),
            response.header("retry-after")
        ),
        (429, "TOOMANYREQUESTS", "5")
    );
    assert_eq!(server.get("/v2/").await.status, 200);
}

#[tokio::test]
async fn unknown_references_are_404() {
    let server = TestServer::start().await;
    for (target, expected) in [
        ("team/app/-/tree/v1".to_owned(), (404, "MANIFEST_UNKNOWN")),
        (
            format!("team/app/-/tree/{}", Digest::sha256(b"")),
            (404, "MANIFEST_UNKNOWN"),
        ),
        ("team/app/-/tree/.hidden".into(), (404, "MANIFEST_UNKNOWN")),
        ("team/app/-/tree/sha256:abc".into(), (400, "DIGEST_INVALID")),
        ("UPPER/-/tree/v1".into(), (400, "NAME_INVALID")),
        ("team/app/-/tree".into(), (404, "UNSUPPORTED")),
    ] {
        let answer = server.get(&format!("/api/v1/repositories/{target}")).await;
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            expected,
            "{target}"
        );
    }
}

#[tokio::test]
async fn names_may_contain_encoded_slashes_and_path_keywords() {
    let server = TestServer::start().await;
    let index = IndexFixture::oci();
    server
        .request("PUT", "/v2/a/tree/manifests/check", &[], &index.bytes())
        .await;
    for target in ["a/tree/-/tree/check", "a%2Ftree/-/tree/check"] {
        let answer = server.get(&format!("/api/v1/repositories/{target}")).await;
        assert_eq!(
            (answer.status, &answer.json()["digest"]),
            (200, &json!(index.digest())),
            "{target}"
        );
    }
}
