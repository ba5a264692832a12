//! Tests for lists of repositories, tags and referrers, with pagination.

use portolan_model::fixtures::{IndexFixture, image};
use serde_json::json;

use crate::harness::{TestResponse, TestServer};

/// Follows the links from `target` on, and returns the value of `key` on each page.
async fn pages(server: &TestServer, target: &str, key: &str) -> Vec<serde_json::Value> {
    let (mut next, mut pages) = (target.to_owned(), Vec::new());
    loop {
        let answer = server.get(&next).await;
        assert_eq!(answer.status, 200, "{next}");
        pages.push(answer.json()[key].clone());
        let Some(link) = answer.header("link").strip_prefix('<') else {
            return pages;
        };
        next = link.replace(">; rel=\"next\"", "");
    }
}

async fn start_with_tags() -> TestServer {
    let server = TestServer::start().await;
    for tag in ["b", "a", "B", "v1", "_"] {
        let answer = server
            .request(
                "PUT",
                &format!("/v2/team/app/manifests/{tag}"),
                &[],
                &IndexFixture::oci().bytes(),
            )
            .await;
        assert_eq!(answer.status, 201);
    }
    server
}

#[tokio::test]
async fn tags_are_in_byte_order() {
    let server = start_with_tags().await;
    let answer = server.get("/v2/team/app/tags/list").await;
    assert_eq!(
        answer.json(),
        json!({"name": "team/app", "tags": ["B", "_", "a", "b", "v1"]})
    );
    assert_eq!(
        (answer.header("content-type"), answer.header("link")),
        ("application/json", "")
    );
    let unknown = server.get("/v2/nobody/tags/list").await;
    assert_eq!(
        (unknown.status, unknown.error_code().as_str()),
        (404, "NAME_UNKNOWN")
    );
}

#[tokio::test]
async fn tags_are_paginated() {
    let server = start_with_tags().await;
    let expected = [json!(["B", "_"]), json!(["a", "b"]), json!(["v1"])];
    assert_eq!(
        pages(&server, "/v2/team/app/tags/list?n=2", "tags").await,
        expected
    );
    let answer = server.get("/v2/team/app/tags/list?last=a").await;
    assert_eq!(answer.json()["tags"], json!(["b", "v1"]));
    let answer = server.get("/v2/team/app/tags/list?n=1&last=aa").await;
    assert_eq!(
        (
            answer.json()["tags"].clone(),
            answer.header("link").is_empty()
        ),
        (json!(["b"]), false)
    );
}

#[tokio::test]
async fn n_zero_returns_no_items() {
    let server = start_with_tags().await;
    for (target, key) in [
        ("/v2/team/app/tags/list?n=0", "tags"),
        ("/v2/_catalog?n=0", "repositories"),
    ] {
        let answer = server.get(target).await;
        assert_eq!(
            (
                answer.status,
                answer.json()[key].clone(),
                answer.header("link")
            ),
            (200, json!([]), "")
        );
    }
    server
        .request("DELETE", "/v2/team/app/manifests/a", &[], b"")
        .await;
    for tag in ["b", "B", "v1", "_"] {
        server
            .request("DELETE", &format!("/v2/team/app/manifests/{tag}"), &[], b"")
            .await;
    }
    assert_eq!(
        server.get("/v2/team/app/tags/list").await.json()["tags"],
        json!([])
    );
}

#[tokio::test]
async fn an_invalid_number_is_400() {
    let server = start_with_tags().await;
    for target in [
        "/v2/team/app/tags/list?n=x",
        "/v2/_catalog?n=-1",
        "/v2/team/app/tags/list?n=",
    ] {
        let answer = server.get(target).await;
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (400, "UNSUPPORTED"),
            "{target}"
        );
    }
}

#[tokio::test]
async fn the_server_limits_the_page() {
    let server = TestServer::with_settings(|settings| settings.limits.page = 2).await;
    for name in ["a", "b/c", "b"] {
        server.push_blob(name, b"x").await;
    }
    let expected = [json!(["a", "b"]), json!(["b/c"])];
    assert_eq!(
        pages(&server, "/v2/_catalog", "repositories").await,
        expected
    );
    assert_eq!(
        pages(
            &server,
            "/v2/_catalog?n=99999999999999999999",
            "repositories"
        )
        .await,
        expected
    );
}

fn check_index(answer: &TestResponse) -> usize {
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/vnd.oci.image.index.v1+json")
    );
    let index = answer.json();
    assert_eq!(
        (&index["schemaVersion"], &index["mediaType"]),
        (&json!(2), &json!(answer.header("content-type")))
    );
    index["manifests"].as_array().unwrap().len()
}

#[tokio::test]
async fn lists_and_filters_referrers() {
    let server = TestServer::start().await;
    let subject = image("subject").descriptor();
    let target = format!("/v2/a/referrers/{}", subject.digest);
    assert_eq!(check_index(&server.get(&target).await), 0);
    for (name, kind) in [
        ("x", "application/vnd.example+json"),
        ("y", "application/vnd.example+json"),
        ("z", "text/plain"),
    ] {
        let referrer = image(name)
            .subject(&subject)
            .field("artifactType", json!(kind));
        assert_eq!(server.push_image("a", name, &referrer).await.status, 201);
    }
    let all = server.get(&target).await;
    assert_eq!(
        (check_index(&all), all.header("oci-filters-applied")),
        (3, "")
    );
    for query in [
        "artifactType=application%2Fvnd.example%2Bjson",
        "artifactType=application/vnd.example+json",
    ] {
        let filtered = server.get(&format!("{target}?{query}")).await;
        assert_eq!(
            (
                check_index(&filtered),
                filtered.header("oci-filters-applied")
            ),
            (2, "artifactType")
        );
    }
    let several = server
        .get(&format!("{target}?artifactType=a/b&artifactType=c/d"))
        .await;
    assert_eq!(
        (check_index(&several), several.header("oci-filters-applied")),
        (3, "")
    );
    let malformed = server.get("/v2/a/referrers/sha256:abc").await;
    assert_eq!(
        (malformed.status, malformed.error_code().as_str()),
        (400, "DIGEST_INVALID")
    );
}

#[tokio::test]
async fn filtered_referrers_are_paginated() {
    let server = TestServer::start().await;
    let subject = image("subject").descriptor();
    for name in ["v", "w", "x", "y", "z"] {
        let kind = if name == "w" {
            "text/plain"
        } else {
            "application/vnd.example+json"
        };
        let referrer = image(name)
            .subject(&subject)
            .field("artifactType", json!(kind));
        server.push_image("a", name, &referrer).await;
    }
    let target = format!(
        "/v2/a/referrers/{}?n=3&artifactType=application/vnd.example%2Bjson",
        subject.digest
    );
    let pages = pages(&server, &target, "manifests").await;
    let sizes: Vec<_> = pages
        .iter()
        .map(|page| page.as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [3, 1]);
}

#[tokio::test]
async fn manifests_are_listed_without_their_tags_and_paginated() {
    let server = TestServer::start().await;
    for name in ["a", "b", "c"] {
        server.push_image("team/app", name, &image(name)).await;
    }
    let deleted = server.request("DELETE", "/v2/team/app/manifests/a", &[], b"");
    assert_eq!(deleted.await.status, 202);
    let pages = pages(
        &server,
        "/api/v1/repositories/team%2Fapp/-/manifests?n=2",
        "manifests",
    )
    .await;
    let mut listed: Vec<_> = pages
        .iter()
        .flat_map(|page| page.as_array().unwrap())
        .collect();
    listed.sort_by_key(|descriptor| descriptor["digest"].to_string());
    let mut expected = ["a", "b", "c"].map(|name| json!(image(name).descriptor()));
    expected.sort_by_key(|descriptor| descriptor["digest"].to_string());
    assert_eq!(pages.len(), 2);
    assert_eq!(listed, expected.iter().collect::<Vec<_>>());
}
