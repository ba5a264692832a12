//! Tests for upload sessions, monolithic uploads, and mounts.

use portolan_model::{Algorithm, Digest};

use crate::harness::{TestResponse, TestServer};

const START: &str = "/v2/a/blobs/uploads/";

async fn start(server: &TestServer) -> String {
    let answer = server.request("POST", START, &[], b"").await;
    assert_eq!(answer.status, 202);
    answer.header("location").to_owned()
}

async fn patch(
    server: &TestServer,
    location: &str,
    range: Option<&str>,
    body: &[u8],
) -> TestResponse {
    let headers: Vec<_> = range
        .map(|range| ("content-range", range))
        .into_iter()
        .collect();
    server.request("PATCH", location, &headers, body).await
}

fn closing_target(location: &str, content: &[u8]) -> String {
    format!("{location}?digest={}", Digest::sha256(content))
}

#[tokio::test]
async fn an_empty_session_has_range_0_0() {
    let server = TestServer::start().await;
    let started = server.request("POST", START, &[], b"").await;
    assert_eq!((started.status, started.header("range")), (202, "0-0"));
    assert!(
        started
            .header("location")
            .starts_with("/v2/a/blobs/uploads/")
    );
    let id = started.header("docker-upload-uuid");
    assert!(!id.is_empty() && started.header("location").ends_with(id));
    let status = server.get(started.header("location")).await;
    assert_eq!((status.status, status.header("range")), (204, "0-0"));
    assert_eq!(status.header("location"), started.header("location"));
}

#[tokio::test]
async fn uploads_a_blob_in_one_stream() {
    let server = TestServer::start().await;
    let location = start(&server).await;
    let written = patch(&server, &location, None, b"hello ").await;
    assert_eq!((written.status, written.header("range")), (202, "0-5"));
    let written = patch(&server, written.header("location"), None, b"world").await;
    assert_eq!((written.status, written.header("range")), (202, "0-10"));
    let closed = server
        .request(
            "PUT",
            &closing_target(written.header("location"), b"hello world"),
            &[],
            b"",
        )
        .await;
    assert_eq!(closed.status, 201);
    assert_eq!(
        closed.header("docker-content-digest"),
        Digest::sha256(b"hello world").as_str()
    );
    assert_eq!(
        server.get(closed.header("location")).await.body,
        b"hello world"
    );
    assert_eq!(
        server.get(&location).await.error_code(),
        "BLOB_UPLOAD_UNKNOWN"
    );
}

#[tokio::test]
async fn uploads_a_blob_in_chunks_with_the_last_in_the_closing_put() {
    let server = TestServer::start().await;
    let location = start(&server).await;
    for (range, chunk) in [("0-2", b"abc"), ("bytes 3-5/*", b"def")] {
        assert_eq!(
            patch(&server, &location, Some(range), chunk).await.status,
            202
        );
    }
    let closed = server
        .request(
            "PUT",
            &closing_target(&location, b"abcdefghi"),
            &[("content-range", "6-8")],
            b"ghi",
        )
        .await;
    assert_eq!(closed.status, 201);
    assert_eq!(
        server.get(closed.header("location")).await.body,
        b"abcdefghi"
    );
}

#[tokio::test]
async fn chunks_out_of_order_keep_the_session_open() {
    let server = TestServer::start().await;
    let location = start(&server).await;
    let early = patch(&server, &location, Some("3-5"), b"def").await;
    assert_eq!(
        (
            early.status,
            early.error_code().as_str(),
            early.header("range")
        ),
        (416, "BLOB_UPLOAD_INVALID", "0-0")
    );
    assert_eq!(
        patch(&server, &location, Some("0-2"), b"abc").await.status,
        202
    );
    for (range, body) in [("4-6", b"xyz"), ("0-2", b"abc")] {
        let response = patch(&server, &location, Some(range), body).await;
        assert_eq!(
            (response.status, response.header("range")),
            (416, "0-2"),
            "{range}"
        );
        assert_eq!(response.header("location"), location);
    }
    let target = closing_target(&location, b"abcdef");
    let response = server
        .request("PUT", &target, &[("content-range", "7-9")], b"def")
        .await;
    assert_eq!((response.status, response.header("range")), (416, "0-2"));
    let status = server.get(&target).await;
    assert_eq!((status.status, status.header("range")), (204, "0-2"));
    assert_eq!(status.header("location"), location);
    assert_eq!(
        server
            .request("PUT", &target, &[("content-range", "3-5")], b"def")
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn an_invalid_content_range_is_400() {
    let server = TestServer::start().await;
    let location = start(&server).await;
    for range in ["oops", "2-0", "-3", "3-"] {
        let response = patch(&server, &location, Some(range), b"abc").await;
        assert_eq!(
            (response.status, response.error_code().as_str()),
            (400, "BLOB_UPLOAD_INVALID"),
            "{range}"
        );
    }
    let response = patch(&server, &location, Some("0-9"), b"abc").await;
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (400, "SIZE_INVALID")
    );
    assert_eq!(server.get(&location).await.header("range"), "0-0");
}

#[tokio::test]
async fn wrong_and_missing_digests_are_400() {
    let server = TestServer::start().await;
    let location = start(&server).await;
    patch(&server, &location, None, b"abc").await;
    for query in ["", "?digest=", "?digest=sha256:abc"] {
        let response = server
            .request("PUT", &format!("{location}{query}"), &[], b"")
            .await;
        assert_eq!(
            (response.status, response.error_code().as_str()),
            (400, "DIGEST_INVALID"),
            "{query}"
        );
    }
    let response = server
        .request("PUT", &closing_target(&location, b"other"), &[], b"")
        .await;
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (400, "DIGEST_INVALID")
    );
    let response = server
        .request("POST", &closing_target(START, b"other"), &[], b"abc")
        .await;
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (400, "DIGEST_INVALID")
    );
}

#[tokio::test]
async fn uploads_in_one_request() {
    let server = TestServer::start().await;
    for content in [b"hello".as_slice(), b""] {
        let pushed = server
            .request("POST", &closing_target(START, content), &[], content)
            .await;
        assert_eq!(
            (pushed.status, pushed.header("docker-content-digest")),
            (201, Digest::sha256(content).as_str())
        );
        assert_eq!(server.get(pushed.header("location")).await.body, content);
    }
}

#[tokio::test]
async fn sessions_use_the_requested_algorithm() {
    let server = TestServer::start().await;
    let answer = server
        .request(
            "POST",
            &format!("{START}?digest-algorithm=sha512"),
            &[],
            b"",
        )
        .await;
    let digest = Digest::compute(&Algorithm::Sha512, b"abc").unwrap();
    let closed = server
        .request(
            "PUT",
            &format!("{}?digest={digest}", answer.header("location")),
            &[],
            b"abc",
        )
        .await;
    assert_eq!(
        (closed.status, closed.header("docker-content-digest")),
        (201, digest.as_str())
    );
    for algorithm in ["md5", "SHA256", ""] {
        let response = server
            .request(
                "POST",
                &format!("{START}?digest-algorithm={algorithm}"),
                &[],
                b"",
            )
            .await;
        assert_eq!(
            (response.status, response.error_code().as_str()),
            (400, "DIGEST_INVALID"),
            "{algorithm}"
        );
    }
}

#[tokio::test]
async fn mounts_or_opens_a_session() {
    let server = TestServer::start().await;
    let digest = server.push_blob("source", b"blob").await;
    for query in [
        format!("mount={digest}&from=source"),
        format!("mount={digest}"),
    ] {
        let mounted = server
            .request("POST", &format!("{START}?{query}"), &[], b"")
            .await;
        assert_eq!(
            (mounted.status, mounted.header("docker-content-digest")),
            (201, digest.as_str())
        );
        assert_eq!(server.get(mounted.header("location")).await.body, b"blob");
    }
    for query in [
        format!("mount={digest}&from=elsewhere"),
        format!("mount={}", Digest::sha256(b"absent")),
        format!("mount={digest}&from=NOT-A-NAME"),
        "mount=sha256:abc".into(),
    ] {
        let session = server
            .request("POST", &format!("{START}?{query}"), &[], b"")
            .await;
        assert_eq!(session.status, 202, "{query}");
        let closed = server
            .request(
                "PUT",
                &closing_target(session.header("location"), b"x"),
                &[],
                b"x",
            )
            .await;
        assert_eq!(closed.status, 201);
    }
}

#[tokio::test]
async fn a_repeated_closing_request_is_answered_like_the_first() {
    let server = TestServer::start().await;
    let session = server.request("POST", START, &[], b"").await;
    let location = session.header("location").to_owned();
    let target = closing_target(&location, b"hello");
    for _ in 0..2 {
        let closed = server.request("PUT", &target, &[], b"hello").await;
        assert_eq!(closed.status, 201);
        let digest = Digest::sha256(b"hello");
        assert_eq!(closed.header("docker-content-digest"), digest.as_str());
    }
    let other = closing_target(&location, b"other");
    let closed = server.request("PUT", &other, &[], b"other").await;
    assert_eq!(closed.status, 404);
}

#[tokio::test]
async fn a_cancelled_session_is_unknown() {
    let server = TestServer::start().await;
    let location = start(&server).await;
    assert_eq!(
        server.request("DELETE", &location, &[], b"").await.status,
        204
    );
    for (method, body) in [
        ("GET", b"".as_slice()),
        ("PATCH", b"abc"),
        ("PUT", b"abc"),
        ("DELETE", b""),
    ] {
        let response = server
            .request(method, &closing_target(&location, b"abc"), &[], body)
            .await;
        assert_eq!(
            (response.status, response.error_code().as_str()),
            (404, "BLOB_UPLOAD_UNKNOWN"),
            "{method}"
        );
    }
    assert_eq!(
        server.get("/v2/b/blobs/uploads/not*base64").await.status,
        404
    );
}
