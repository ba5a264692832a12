//! Repositories, tags and referrers, page by page.

use portolan_model::fixtures::{Index, image};
use serde_json::json;

use crate::harness::{Answer, Running};

/// Follows the links from `target` on, and gives what each page has under `key`.
async fn pages(server: &Running, target: &str, key: &str) -> Vec<serde_json::Value> {
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

async fn with_tags() -> Running {
    let server = Running::start().await;
    for tag in ["b", "a", "B", "v1", "_"] {
        let answer = server
            .call(
                "PUT",
                &format!("/v2/team/app/manifests/{tag}"),
                &[],
                &Index::oci().bytes(),
            )
            .await;
        assert_eq!(answer.status, 201);
    }
    server
}

#[tokio::test]
async fn tags_in_byte_order() {
    let server = with_tags().await;
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
        (unknown.status, unknown.code().as_str()),
        (404, "NAME_UNKNOWN")
    );
}

#[tokio::test]
async fn tags_page_by_page() {
    let server = with_tags().await;
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
async fn no_items_when_none_are_wanted() {
    let server = with_tags().await;
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
        .call("DELETE", "/v2/team/app/manifests/a", &[], b"")
        .await;
    for tag in ["b", "B", "v1", "_"] {
        server
            .call("DELETE", &format!("/v2/team/app/manifests/{tag}"), &[], b"")
            .await;
    }
    assert_eq!(
        server.get("/v2/team/app/tags/list").await.json()["tags"],
        json!([])
    );
}

#[tokio::test]
async fn a_number_that_is_none_is_400() {
    let server = with_tags().await;
    for target in [
        "/v2/team/app/tags/list?n=x",
        "/v2/_catalog?n=-1",
        "/v2/team/app/tags/list?n=",
    ] {
        let answer = server.get(target).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "UNSUPPORTED"),
            "{target}"
        );
    }
}

#[tokio::test]
async fn the_server_bounds_the_page() {
    let server = Running::with(|settings| settings.limits.page = 2).await;
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

fn check_index(answer: &Answer) -> usize {
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
async fn referrers_of_anything() {
    let server = Running::start().await;
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
        (malformed.status, malformed.code().as_str()),
        (400, "DIGEST_INVALID")
    );
}

#[tokio::test]
async fn filtered_referrers_page_by_page() {
    let server = Running::start().await;
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
