//! Tests for the limits on the heads of requests and responses. The harness checks the size of the
//! head of every response.

use std::time::{Duration, Instant};

use portolan_model::fixtures::{IndexFixture, image};
use portolan_model::{Algorithm, Digest, MediaType};
use portolan_wire::query::MAX_TAGS;
use serde_json::json;

use crate::gate::Gate;
use crate::harness::{TestResponse, TestServer, head};

/// Longest name that a repository can have.
fn longest_name() -> String {
    "abcd/".repeat(50) + "abcde"
}

/// Returns 4,600 short, distinct tags as a query.
fn many_tags() -> String {
    let first: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
    let pairs = first
        .iter()
        .flat_map(|a| first.iter().map(move |b| format!("tag={a}{b}")));
    let triples = first
        .iter()
        .flat_map(|a| first.iter().map(move |b| format!("tag=_{a}{b}")));
    pairs
        .chain(triples)
        .take(4_600)
        .collect::<Vec<_>>()
        .join("&")
}

/// Sends only the head of a request with 4,600 tags and 8,000 digests, just below the maximum size
/// of a head.
async fn send_many(server: &TestServer, method: &str, path: &str) -> TestResponse {
    let digests = vec!["a:b"; 8_000].join(",");
    let headers = [("if-match", digests.as_str()), ("content-length", "2")];
    let head = head(method, &format!("{path}?{}", many_tags()), &headers);
    assert!(
        (64_000..65_536).contains(&head.len()),
        "{} bytes",
        head.len()
    );
    let mut connection = server.connect().await;
    connection.send(head).await;
    connection.read_response(method).await
}

const PATHS: [(&str, &str); 2] = [
    ("PUT", "/v2/a/manifests/v1"),
    ("POST", "/api/v1/repositories/a/-/check"),
];

#[tokio::test]
async fn many_tags_and_digests_are_rejected_before_any_work() {
    let gate = Gate::new();
    let server = TestServer::with_registry(gate.clone(), |_| ()).await;
    for (method, path) in PATHS {
        let started = Instant::now();
        let answer = send_many(&server, method, path).await;
        // The product of both lists took more than seven seconds.
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (400, "UNSUPPORTED")
        );
        let error = &answer.json()["errors"][0];
        assert_eq!(
            error["message"],
            "too many tag parameters: a request may have at most 100"
        );
        assert_eq!(error["detail"]["limit"], 100);
    }
    assert_eq!(gate.arrived.available_permits(), 0);
}

#[tokio::test]
async fn too_many_conditions_are_rejected() {
    let server = TestServer::start().await;
    let digests = vec!["a:b"; 17].join(",");
    for (method, path) in PATHS {
        let path = format!("{path}?tag=v1");
        let answer = server
            .request(method, &path, &[("if-match", &digests)], b"{}")
            .await;
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (400, "UNSUPPORTED")
        );
        assert_eq!(answer.json()["errors"][0]["detail"]["limit"], 16);
    }
}

#[tokio::test]
async fn tags_and_conditions_are_read_only_in_a_slot() {
    let server = TestServer::with_settings(|settings| settings.limits.uploads = 0).await;
    for (method, path) in PATHS {
        assert_eq!(send_many(&server, method, path).await.status, 429);
    }
}

#[tokio::test]
async fn the_head_lists_as_many_tags_and_warnings_as_fit() {
    let server = TestServer::start().await;
    let doubled = (0..100).map(|number| format!(r#""key-{number}":{{"a":1,"a":2}},"#));
    let doubled = doubled.collect::<Vec<_>>().concat();
    let index = IndexFixture::oci().field("subject", json!(image("not pushed").descriptor()));
    let index = String::from_utf8(index.bytes().to_vec()).unwrap();
    let bytes = format!("{{{doubled}{}", &index[1..]);
    let digest = Digest::compute(&Algorithm::Sha512, bytes.as_bytes()).unwrap();
    let tags: Vec<_> = (0..MAX_TAGS)
        .map(|number| format!("{number:0128}"))
        .collect();
    let query: Vec<_> = tags.iter().map(|tag| format!("tag={tag}")).collect();
    let manifests = format!("/v2/{}/manifests", longest_name());
    let pushed = server
        .request(
            "PUT",
            &format!("{manifests}/{digest}?{}", query.join("&")),
            &[
                ("content-type", MediaType::OCI_INDEX),
                ("x-request-id", &"x".repeat(64)),
            ],
            bytes.as_bytes(),
        )
        .await;
    assert_eq!(pushed.status, 201);
    let listed = pushed.header_values("oci-tag");
    assert!(!listed.is_empty() && listed.len() < tags.len());
    assert_eq!(listed, tags[..listed.len()]);
    assert!(!pushed.header("oci-subject").is_empty());
    let warnings = pushed.header_values("warning");
    let (last, shown) = warnings.split_last().unwrap();
    assert!(!shown.is_empty());
    assert_eq!(
        *last,
        format!("299 - \"and {} more warnings\"", 100 - shown.len())
    );
    for tag in tags {
        let stored = server.head(&format!("{manifests}/{tag}")).await;
        assert_eq!(stored.header("docker-content-digest"), digest.as_str());
    }
}

#[tokio::test]
async fn many_tags_of_common_length_fit() {
    let server = TestServer::start().await;
    let query: Vec<_> = (0..50).map(|number| format!("tag=1.27.{number}")).collect();
    let pushed = server
        .request(
            "PUT",
            &format!("/v2/team/app/manifests/latest?{}", query.join("&")),
            &[],
            &IndexFixture::oci().bytes(),
        )
        .await;
    assert_eq!(
        (pushed.status, pushed.header_values("oci-tag").len()),
        (201, 50)
    );
}

#[tokio::test]
async fn the_number_of_header_lines_is_bounded() {
    let server = TestServer::start().await;
    let query: Vec<_> = (0..MAX_TAGS)
        .map(|number| format!("tag=v{number}"))
        .collect();
    let target = format!("/v2/a/manifests/v0?{}", query.join("&"));
    let pushed = server
        .request("PUT", &target, &[], &IndexFixture::oci().bytes())
        .await;
    assert_eq!(pushed.status, 201);
    // The harness checks the number of lines.
    assert!(pushed.header_values("oci-tag").len() > 50);
    let listed = server.get("/v2/a/tags/list").await.json();
    assert_eq!(listed["tags"].as_array().unwrap().len(), MAX_TAGS);
}

#[tokio::test]
async fn long_media_types_do_not_reach_a_head() {
    let server = TestServer::start().await;
    let long = format!("application/{}", "x".repeat(30_000));
    let subject = image("subject").descriptor();
    for name in ["a", "b"] {
        let referrer = image(name).subject(&subject);
        assert_eq!(server.push_image("a", name, &referrer).await.status, 201);
    }
    let referrers = format!("/v2/a/referrers/{}?n=1&artifactType={long}", subject.digest);
    let answer = server.get(&referrers).await;
    assert_eq!(
        (answer.status, answer.header("oci-filters-applied")),
        (200, "")
    );
    assert!(answer.header("link").contains("rel=\"next\""));
    let typed = server
        .request(
            "PUT",
            "/v2/a/manifests/typed",
            &[("content-type", &long)],
            br#"{"schemaVersion":2,"manifests":[]}"#,
        )
        .await;
    assert_eq!(
        (typed.status, typed.error_code().as_str()),
        (400, "MANIFEST_INVALID")
    );
    let declared = format!(r#"{{"schemaVersion":2,"mediaType":"{long}","manifests":[]}}"#);
    let target = "/v2/a/manifests/typed";
    let pushed = server
        .request("PUT", target, &[], declared.as_bytes())
        .await;
    assert_eq!(pushed.status, 201, "{}", pushed.json());
    let pulled = server.get(target).await;
    assert_eq!(
        (pulled.status, pulled.header("content-type")),
        (200, MediaType::OCTET_STREAM)
    );
}

#[tokio::test]
async fn a_content_type_that_cannot_be_stored_unchanged_is_rejected() {
    let server = TestServer::start().await;
    let body = br#"{"schemaVersion":2,"manifests":[]}"#;
    for (method, path) in PATHS {
        let mut connection = server.connect().await;
        let length = body.len().to_string();
        let head = head(method, path, &[("content-length", &length)]);
        let (start, _) = head.rsplit_once("\r\n").unwrap();
        connection.send(start).await;
        connection.send(b"content-type: a/\xff\r\n\r\n").await;
        connection.send(body).await;
        let answer = connection.read_response(method).await;
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (400, "MANIFEST_INVALID")
        );
        let allowed = format!("a/{}", "b".repeat(253));
        for (value, is_accepted) in [(&allowed, true), (&format!("{allowed}b"), false)] {
            let answer = server
                .request(method, path, &[("content-type", value)], body)
                .await;
            assert_eq!(answer.status < 300, is_accepted, "{}", answer.json());
        }
    }
}
