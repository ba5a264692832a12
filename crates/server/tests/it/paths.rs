//! Tests for unknown paths, malicious paths, and unsupported methods.

use portolan_model::Digest;

use crate::harness::TestServer;

#[tokio::test]
async fn base_returns_version_and_features() {
    let server = TestServer::start().await;
    let answer = server.get("/v2/").await;
    assert_eq!(
        (
            answer.status,
            answer.header("docker-distribution-api-version")
        ),
        (200, "registry/2.0")
    );
    assert_eq!(answer.header("portolan-features"), "preconditions");
    assert_eq!(answer.json(), serde_json::json!({}));
}

#[tokio::test]
async fn malicious_paths_are_rejected() {
    let server = TestServer::start().await;
    for target in [
        "/v2//manifests/latest",
        "/v2/a//b/manifests/latest",
        "/v2/../manifests/latest",
        "/v2/a/../b/manifests/latest",
        "/v2/%2e%2e/manifests/latest",
        "/v2/a%2F..%2Fb/manifests/latest",
        "/v2/a%00/manifests/latest",
        "/v2/Team/App/manifests/latest",
        "/v2/a%ff/manifests/latest",
    ] {
        let answer = server.get(target).await;
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (400, "NAME_INVALID"),
            "{target}"
        );
        let answer = server.request("PUT", target, &[], b"{}").await;
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (400, "NAME_INVALID"),
            "{target}"
        );
    }
    let digest = server
        .get("/v2/a/blobs/sha256:..%2F..%2Fetc%2Fpasswd")
        .await;
    assert_eq!(
        (digest.status, digest.error_code().as_str()),
        (400, "DIGEST_INVALID")
    );
}

#[tokio::test]
async fn an_encoded_slash_is_part_of_the_name() {
    let server = TestServer::start().await;
    let digest = server.push_blob("team/app", b"blob").await;
    assert_eq!(
        server
            .get(&format!("/v2/team%2Fapp/blobs/{digest}"))
            .await
            .body,
        b"blob"
    );
    assert_eq!(
        server
            .get(&format!("/v2/team%2Fapp%2Fblobs%2F{digest}"))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn names_may_contain_path_keywords() {
    let server = TestServer::start().await;
    let digest = server.push_blob("blobs/uploads/manifests", b"blob").await;
    assert_eq!(
        server
            .get(&format!("/v2/blobs/uploads/manifests/blobs/{digest}"))
            .await
            .body,
        b"blob"
    );
}

#[tokio::test]
async fn a_raw_nul_is_400() {
    let server = TestServer::start().await;
    let mut connection = server.connect().await;
    connection
        .send(b"GET /v2/a\0/manifests/latest HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    assert_eq!(connection.read_response("GET").await.status, 400);
}

#[tokio::test]
async fn unknown_paths_are_404_with_an_error_body() {
    let server = TestServer::start().await;
    for target in [
        "/",
        "/v2",
        "/v1/",
        "/v2/a",
        "/v2/a/tags",
        "/v2/a/manifests/b/c",
        "/v2/a/tags/list/",
        "/favicon.ico",
        "/api",
        "/api/v1/",
        "/api/v1/repositories",
        "/api/v1/repositories/a/-/unknown",
    ] {
        for method in ["GET", "PUT", "OPTIONS"] {
            let answer = server.request(method, target, &[], b"").await;
            assert_eq!(
                (answer.status, answer.error_code().as_str()),
                (404, "UNSUPPORTED"),
                "{method} {target}"
            );
        }
    }
}

#[tokio::test]
async fn an_invalid_tag_is_404_for_reads_and_400_for_writes() {
    let server = TestServer::start().await;
    let read = server.get("/v2/a/manifests/.hidden").await;
    assert_eq!(
        (read.status, read.error_code().as_str()),
        (404, "MANIFEST_UNKNOWN")
    );
    let written = server
        .request("PUT", "/v2/a/manifests/.hidden", &[], b"{}")
        .await;
    assert_eq!(
        (written.status, written.error_code().as_str()),
        (400, "MANIFEST_INVALID")
    );
}

#[tokio::test]
async fn unsupported_methods_are_405_with_allow() {
    let server = TestServer::start().await;
    let digest = Digest::sha256(b"");
    for (target, allowed) in [
        ("/v2/".to_owned(), "GET, HEAD"),
        ("/v2/_catalog".into(), "GET, HEAD"),
        ("/v2/a/tags/list".into(), "GET, HEAD"),
        ("/v2/a/manifests/v1".into(), "GET, HEAD, PUT, DELETE"),
        (format!("/v2/a/blobs/{digest}"), "GET, HEAD, DELETE"),
        ("/v2/a/blobs/uploads/".into(), "POST"),
        ("/v2/a/blobs/uploads/aWQ".into(), "GET, PATCH, PUT, DELETE"),
        (format!("/v2/a/referrers/{digest}"), "GET, HEAD"),
        ("/api/v1/openapi.json".into(), "GET, HEAD"),
        ("/api/v1/repositories/a/-/tree/v1".into(), "GET, HEAD"),
        ("/api/v1/repositories/a/-/check".into(), "POST"),
        ("/healthz".into(), "GET, HEAD"),
        ("/readyz".into(), "GET, HEAD"),
    ] {
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
        ] {
            let answer = server.request(method, &target, &[], b"").await;
            let is_rejected = answer.status == 405;
            assert_eq!(
                is_rejected,
                !allowed.split(", ").any(|one| one == method),
                "{method} {target}"
            );
            if is_rejected && method != "HEAD" {
                assert_eq!(
                    (answer.header("allow"), answer.error_code().as_str()),
                    (allowed, "UNSUPPORTED")
                );
            }
        }
    }
}
