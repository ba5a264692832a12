//! Tests that every response has a length, and none is chunked.

use portolan_model::fixtures::image;

use crate::harness::TestServer;

#[tokio::test]
async fn every_route_has_a_content_length() {
    let server = TestServer::start().await;
    let image = image("a");
    server.push_image("team/app", "v1", &image).await;
    let blob = server.push_blob("team/app", b"").await;
    let digest = image.digest();
    for target in [
        "/v2/".to_owned(),
        "/v2/_catalog".into(),
        "/v2/team/app/tags/list".into(),
        "/v2/team/app/manifests/v1".into(),
        format!("/v2/team/app/manifests/{digest}"),
        format!("/v2/team/app/blobs/{digest}"),
        format!("/v2/team/app/blobs/{blob}"),
        format!("/v2/team/app/referrers/{digest}"),
        "/api/v1/openapi.json".into(),
        "/api/v1/repositories/team/app/-/tree/v1".into(),
        "/api/v1/repositories/team/app/-/tree/v2".into(),
        "/healthz".into(),
        "/readyz".into(),
        "/nowhere".into(),
        "/v2/team/app/manifests/v2".into(),
        "/v2/UPPER/manifests/v2".into(),
    ] {
        let got = server.get(&target).await;
        let headed = server.head(&target).await;
        assert_eq!(
            got.header("content-length"),
            got.body.len().to_string(),
            "{target}"
        );
        assert_eq!(
            headed.header("content-length"),
            got.header("content-length"),
            "{target}"
        );
        assert_eq!(
            (headed.status, headed.header("content-type")),
            (got.status, got.header("content-type")),
            "{target}"
        );
        assert!(!got.header("x-request-id").is_empty(), "{target}");
    }
}

#[tokio::test]
async fn empty_responses_have_length_zero() {
    let server = TestServer::start().await;
    let blob = server.push_blob("a", b"blob").await;
    let started = server
        .request("POST", "/v2/a/blobs/uploads/", &[], b"")
        .await;
    assert_eq!(
        (started.status, started.header("content-length")),
        (202, "0")
    );
    let location = started.header("location");
    let written = server.request("PATCH", location, &[], b"abc").await;
    assert_eq!(
        (written.status, written.header("content-length")),
        (202, "0")
    );
    let status = server.get(location).await;
    assert_eq!((status.status, status.header("content-length")), (204, ""));
    let deleted = server
        .request("DELETE", &format!("/v2/a/blobs/{blob}"), &[], b"")
        .await;
    assert_eq!(
        (deleted.status, deleted.header("content-length")),
        (202, "0")
    );
}

#[tokio::test]
async fn a_connection_serves_several_requests() {
    let server = TestServer::start().await;
    let mut connection = server.connect().await;
    for _ in 0..3 {
        assert_eq!(
            connection.request("GET", "/v2/", &[], b"").await.status,
            200
        );
        assert_eq!(
            connection
                .request("HEAD", "/v2/_catalog", &[], b"")
                .await
                .status,
            200
        );
        assert_eq!(
            connection
                .request("POST", "/v2/a/blobs/uploads/", &[], b"")
                .await
                .status,
            202
        );
        assert_eq!(
            connection
                .request("PUT", "/v2/a/manifests/v1", &[], b"no manifest")
                .await
                .status,
            400
        );
        assert_eq!(
            connection
                .request("GET", "/v2/a/manifests/v1", &[], b"")
                .await
                .status,
            404
        );
    }
}
