//! Tests for request bodies that arrive slowly, partially, or not at all.

use std::time::Duration;

use portolan_model::Digest;
use portolan_model::fixtures::IndexFixture;
use tokio::io::AsyncWriteExt;

use crate::gate::Gate;
use crate::harness::{TestServer, head};

const SHORT: Duration = Duration::from_millis(200);

fn digest_target(content: &[u8]) -> String {
    format!("/v2/a/blobs/uploads/?digest={}", Digest::sha256(content))
}

#[tokio::test]
async fn an_idle_body_is_408() {
    let server = TestServer::with_settings(|settings| settings.timeouts.body = SHORT).await;
    for (method, target) in [
        ("PUT", "/v2/a/manifests/v1".to_owned()),
        ("POST", digest_target(b"abc")),
    ] {
        let mut connection = server.connect().await;
        connection
            .send(head(method, &target, &[("content-length", "1000")]))
            .await;
        connection.send("abc").await;
        let answer = connection.read_response(method).await;
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (408, "BLOB_UPLOAD_INVALID")
        );
        connection.wait_closed().await;
    }
}

#[tokio::test]
async fn a_slow_body_is_not_idle() {
    let server = TestServer::with_settings(|settings| settings.timeouts.body = SHORT).await;
    let content = b"slow but steady";
    let mut connection = server.connect().await;
    connection
        .send(head(
            "POST",
            &digest_target(content),
            &[("content-length", "15")],
        ))
        .await;
    for byte in content {
        tokio::time::sleep(SHORT / 6).await;
        connection.send([*byte]).await;
    }
    assert_eq!(connection.read_response("POST").await.status, 201);
}

#[tokio::test]
async fn received_bytes_stay_if_the_client_disconnects_within_a_chunk() {
    let server = TestServer::start().await;
    let started = server
        .request("POST", "/v2/a/blobs/uploads/", &[], b"")
        .await;
    let location = started.header("location");
    for framing in [("content-length", "1000"), ("transfer-encoding", "chunked")] {
        let mut connection = server.connect().await;
        connection.send(head("PATCH", location, &[framing])).await;
        connection
            .send(if framing.1 == "chunked" {
                "3\r\nabc\r\n"
            } else {
                "abc"
            })
            .await;
        drop(connection);
    }
    let mut range = String::new();
    while range != "0-5" {
        range = server.get(location).await.header("range").to_owned();
        assert!(["0-0", "0-2", "0-5"].contains(&range.as_str()), "{range}");
    }
    let target = format!("{location}?digest={}", Digest::sha256(b"abcabc"));
    assert_eq!(server.request("PUT", &target, &[], b"").await.status, 201);
}

#[tokio::test]
async fn a_partial_manifest_is_not_stored() {
    let server = TestServer::start().await;
    let bytes = IndexFixture::oci().bytes();
    for framing in [("content-length", "1000"), ("transfer-encoding", "chunked")] {
        let mut connection = server.connect().await;
        connection
            .send(head("PUT", "/v2/a/manifests/v1", &[framing]))
            .await;
        if framing.1 == "chunked" {
            connection.send(format!("{:x}\r\n", bytes.len())).await;
        }
        connection.send(&bytes).await;
        connection.send("\r\n").await;
        connection.stream.shutdown().await.unwrap();
        let response = connection.read_response("PUT").await;
        assert_eq!(
            (response.status, response.error_code().as_str()),
            (400, "MANIFEST_INVALID")
        );
    }
    assert_eq!(server.get("/v2/a/manifests/v1").await.status, 404);
}

#[tokio::test]
async fn a_push_completes_after_its_client_disconnects() {
    let gate = Gate::new();
    let server = TestServer::with_registry(gate.clone(), |_| ()).await;
    let bytes = IndexFixture::oci().bytes();
    let length = bytes.len().to_string();
    let mut connection = server.connect().await;
    connection
        .send(head(
            "PUT",
            "/v2/a/manifests/v1",
            &[("content-length", &length)],
        ))
        .await;
    connection.send(&bytes).await;
    gate.wait_for_arrival().await;
    drop(connection);
    assert_eq!(server.get("/v2/a/manifests/v1").await.status, 404);
    gate.release();
    while server.get("/v2/a/manifests/v1").await.status != 200 {}
}

#[tokio::test]
async fn a_rejected_body_is_drained_so_that_the_client_sees_the_response() {
    let server = TestServer::start().await;
    let body = vec![0; 16 << 20];
    let mut connection = server.connect().await;
    let length = body.len().to_string();
    connection
        .send(head(
            "PUT",
            "/v2/a/manifests/v1",
            &[("content-length", &length)],
        ))
        .await;
    connection.send(&body).await;
    let answer = connection.read_response("PUT").await;
    assert_eq!(
        (answer.status, answer.error_code().as_str()),
        (413, "SIZE_INVALID")
    );
    assert_eq!(
        connection.request("GET", "/v2/", &[], b"").await.status,
        200
    );
}

#[tokio::test]
async fn draining_a_rejected_body_is_bounded() {
    let server = TestServer::with_settings(|settings| {
        settings.limits.drained_bytes = 1 << 20;
        settings.timeouts.rejected_body = SHORT;
    })
    .await;
    let mut connection = server.connect().await;
    connection
        .send(head(
            "PUT",
            "/v2/a/manifests/v1",
            &[("content-length", "1000000000000")],
        ))
        .await;
    assert_eq!(connection.read_response("PUT").await.status, 413);
    connection.wait_closed().await;
}

#[tokio::test]
async fn expect_continue_is_rejected_before_the_body() {
    let server = TestServer::with_settings(|settings| {
        settings.timeouts.rejected_body = Duration::from_hours(1);
    })
    .await;
    let expecting = [("content-length", "1000000000"), ("expect", "100-continue")];
    for (method, target) in [
        ("PUT", "/v2/a/manifests/v1"),
        ("PATCH", "/v2/UPPER/blobs/uploads/x"),
    ] {
        let mut connection = server.connect().await;
        connection.send(head(method, target, &expecting)).await;
        let answer = connection.read_response(method).await;
        assert!(
            answer.status == 413 || answer.status == 400,
            "{}",
            answer.status
        );
        assert_eq!(answer.header("connection"), "close");
        connection.wait_closed().await;
    }
}

#[tokio::test]
async fn expect_continue_is_answered_with_100() {
    let server = TestServer::start().await;
    let content = b"content";
    let mut connection = server.connect().await;
    let headers = [("content-length", "7"), ("expect", "100-continue")];
    connection
        .send(head("POST", &digest_target(content), &headers))
        .await;
    assert_eq!(connection.read_response("POST").await.status, 100);
    connection.send(content).await;
    assert_eq!(connection.read_response("POST").await.status, 201);
}

#[tokio::test]
async fn too_many_pushes_are_429() {
    let gate = Gate::new();
    let server = TestServer::with_registry(gate.clone(), |settings| {
        settings.limits.uploads = 1;
        settings.timeouts.share = SHORT;
    })
    .await;
    let mut first = server.connect().await;
    first
        .send(head(
            "POST",
            &digest_target(b"abc"),
            &[("content-length", "3")],
        ))
        .await;
    first.send("abc").await;
    gate.wait_for_arrival().await;
    let response = server
        .request(
            "PUT",
            "/v2/a/manifests/v1",
            &[],
            &IndexFixture::oci().bytes(),
        )
        .await;
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (429, "TOOMANYREQUESTS")
    );
    assert!(response.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(server.get("/v2/").await.status, 200);
    gate.release();
    assert_eq!(first.read_response("POST").await.status, 201);
    gate.release();
    assert_eq!(
        server
            .request(
                "PUT",
                "/v2/a/manifests/v1",
                &[],
                &IndexFixture::oci().bytes()
            )
            .await
            .status,
        201
    );
}
