//! Tests for pulling and deleting blobs.

use portolan_model::fixtures::image;
use portolan_model::{Algorithm, Digest};

use crate::harness::TestServer;

fn content() -> Vec<u8> {
    (0..=255_u8).cycle().take(2048).collect()
}

#[tokio::test]
async fn pulls_a_full_blob() {
    let server = TestServer::start().await;
    let digest = server.push_blob("a", &content()).await;
    for answer in [
        server.get(&format!("/v2/a/blobs/{digest}")).await,
        server.head(&format!("/v2/a/blobs/{digest}")).await,
    ] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-length"), "2048");
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("docker-content-digest"), digest.as_str());
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("etag"), format!("\"{digest}\""));
        assert_eq!(answer.header("content-encoding"), "");
    }
    assert_eq!(
        server.get(&format!("/v2/a/blobs/{digest}")).await.body,
        content()
    );
    let unknown = server.get(&format!("/v2/b/blobs/{digest}")).await;
    assert_eq!(
        (unknown.status, unknown.error_code().as_str()),
        (404, "BLOB_UNKNOWN")
    );
}

#[tokio::test]
async fn pulls_a_range_of_a_blob() {
    let server = TestServer::start().await;
    let digest = server.push_blob("a", &content()).await;
    let target = format!("/v2/a/blobs/{digest}");
    for (range, first, last) in [
        ("bytes=500-1499", 500, 1499),
        ("bytes=500-", 500, 2047),
        ("bytes=-500", 1548, 2047),
        ("bytes=2000-5000", 2000, 2047),
    ] {
        let answer = server
            .request("GET", &target, &[("range", range)], b"")
            .await;
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(
            answer.header("content-range"),
            format!("bytes {first}-{last}/2048")
        );
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("docker-content-digest"), digest.as_str());
        assert_eq!(answer.body, content()[first..=last]);
    }
    for range in ["bytes=500-0", "bytes=5000-10000", "bytes=2048-", "bytes=-0"] {
        let answer = server
            .request("GET", &target, &[("range", range)], b"")
            .await;
        assert_eq!(
            (answer.status, answer.header("content-range")),
            (416, "bytes */2048"),
            "{range}"
        );
        answer.error_code();
    }
}

#[tokio::test]
async fn inapplicable_ranges_return_the_full_blob() {
    let server = TestServer::start().await;
    let digest = server.push_blob("a", &content()).await;
    let target = format!("/v2/a/blobs/{digest}");
    for range in ["bytes=0-1,5-6", "bytes=oops", "items=0-1"] {
        let answer = server
            .request("GET", &target, &[("range", range)], b"")
            .await;
        assert_eq!(
            (
                answer.status,
                answer.body.len(),
                answer.header("content-range")
            ),
            (200, 2048, ""),
            "{range}"
        );
    }
    let headed = server
        .request("HEAD", &target, &[("range", "bytes=0-1")], b"")
        .await;
    assert_eq!(
        (headed.status, headed.header("content-length")),
        (200, "2048")
    );
    let stale = server
        .request(
            "GET",
            &target,
            &[("range", "bytes=0-1"), ("if-range", "\"other\"")],
            b"",
        )
        .await;
    assert_eq!((stale.status, stale.body.len()), (200, 2048));
    let fresh = server
        .request(
            "GET",
            &target,
            &[
                ("range", "bytes=0-1"),
                ("if-range", &format!("\"{digest}\"")),
            ],
            b"",
        )
        .await;
    assert_eq!((fresh.status, fresh.body.len()), (206, 2));
}

#[tokio::test]
async fn an_unmodified_blob_is_304() {
    let server = TestServer::start().await;
    let digest = server.push_blob("a", &content()).await;
    let tag = format!("\"{digest}\"");
    for method in ["GET", "HEAD"] {
        let answer = server
            .request(
                method,
                &format!("/v2/a/blobs/{digest}"),
                &[("if-none-match", &tag)],
                b"",
            )
            .await;
        assert_eq!((answer.status, answer.header("etag")), (304, tag.as_str()));
    }
    let unknown = server
        .request(
            "GET",
            &format!("/v2/b/blobs/{digest}"),
            &[("if-none-match", &tag)],
            b"",
        )
        .await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn pushes_and_pulls_by_sha512() {
    let server = TestServer::start().await;
    let digest = Digest::compute(&Algorithm::Sha512, &content()).unwrap();
    let target = format!("/v2/a/blobs/uploads/?digest={digest}");
    let pushed = server.request("POST", &target, &[], &content()).await;
    assert_eq!(
        (pushed.status, pushed.header("docker-content-digest")),
        (201, digest.as_str())
    );
    let pulled = server.get(pushed.header("location")).await;
    assert_eq!(
        (pulled.header("docker-content-digest"), pulled.body.clone()),
        (digest.as_str(), content())
    );
}

#[tokio::test]
async fn a_deleted_blob_is_unknown() {
    let server = TestServer::start().await;
    let digest = server.push_blob("a", b"").await;
    let target = format!("/v2/a/blobs/{digest}");
    assert_eq!(
        server.request("DELETE", &target, &[], b"").await.status,
        202
    );
    assert_eq!(server.head(&target).await.status, 404);
    assert_eq!(
        server.request("DELETE", &target, &[], b"").await.status,
        404
    );
}

#[tokio::test]
async fn a_referenced_blob_is_deleted_only_with_force() {
    let server = TestServer::start().await;
    let image = image("a");
    server.push_image("a", "v1", &image).await;
    let target = format!("/v2/a/blobs/{}", Digest::sha256(&image.blobs()[1]));
    let response = server.request("DELETE", &target, &[], b"").await;
    assert_eq!(
        (
            response.status,
            response.header("allow"),
            response.error_code().as_str()
        ),
        (405, "GET, HEAD", "DENIED")
    );
    assert_eq!(
        server
            .request("DELETE", &format!("{target}?force=true"), &[], b"")
            .await
            .status,
        202
    );
}
