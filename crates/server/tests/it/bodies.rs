//! Bodies that come slowly, halfway, or not at all.

use std::time::Duration;

use portolan_model::Digest;
use portolan_model::fixtures::Index;

use crate::gate::Gate;
use crate::harness::{Running, head};

const SHORT: Duration = Duration::from_millis(200);

fn digest_target(content: &[u8]) -> String {
    format!("/v2/a/blobs/uploads/?digest={}", Digest::sha256(content))
}

#[tokio::test]
async fn a_body_that_stands_still_is_408() {
    let server = Running::with(|settings| settings.timeouts.body = SHORT).await;
    for (method, target) in [
        ("PUT", "/v2/a/manifests/v1".to_owned()),
        ("POST", digest_target(b"abc")),
    ] {
        let mut connection = server.connect().await;
        connection
            .send(head(method, &target, &[("content-length", "1000")]))
            .await;
        connection.send("abc").await;
        let answer = connection.answer(method).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (408, "BLOB_UPLOAD_INVALID")
        );
        connection.closed().await;
    }
}

#[tokio::test]
async fn a_slow_body_is_no_idle_one() {
    let server = Running::with(|settings| settings.timeouts.body = SHORT).await;
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
    assert_eq!(connection.answer("POST").await.status, 201);
}

#[tokio::test]
async fn a_client_that_hangs_up_in_a_piece_leaves_what_came() {
    let server = Running::start().await;
    let started = server.call("POST", "/v2/a/blobs/uploads/", &[], b"").await;
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
    assert_eq!(server.call("PUT", &target, &[], b"").await.status, 201);
}

#[tokio::test]
async fn half_a_manifest_is_no_manifest() {
    let server = Running::start().await;
    let bytes = Index::oci().bytes();
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
        drop(connection);
    }
    assert_eq!(server.get("/v2/").await.status, 200);
    assert_eq!(server.get("/v2/a/manifests/v1").await.status, 404);
}

#[tokio::test]
async fn a_push_ends_although_its_client_hung_up() {
    let gate = Gate::new();
    let server = Running::of(gate.clone(), |_| ()).await;
    let bytes = Index::oci().bytes();
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
    gate.arrival().await;
    drop(connection);
    assert_eq!(server.get("/v2/a/manifests/v1").await.status, 404);
    gate.release();
    while server.get("/v2/a/manifests/v1").await.status != 200 {}
}

#[tokio::test]
async fn a_refused_body_is_read_so_that_the_refusal_is_seen() {
    let server = Running::start().await;
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
    let answer = connection.answer("PUT").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (413, "SIZE_INVALID")
    );
    assert_eq!(connection.call("GET", "/v2/", &[], b"").await.status, 200);
}

#[tokio::test]
async fn a_refused_body_is_not_read_for_ever() {
    let server = Running::with(|settings| {
        settings.limits.drained_bytes = 1 << 20;
        settings.timeouts.refused_body = SHORT;
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
    assert_eq!(connection.answer("PUT").await.status, 413);
    connection.closed().await;
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let server =
        Running::with(|settings| settings.timeouts.refused_body = Duration::from_hours(1)).await;
    let expecting = [("content-length", "1000000000"), ("expect", "100-continue")];
    for (method, target) in [
        ("PUT", "/v2/a/manifests/v1"),
        ("PATCH", "/v2/UPPER/blobs/uploads/x"),
    ] {
        let mut connection = server.connect().await;
        connection.send(head(method, target, &expecting)).await;
        let answer = connection.answer(method).await;
        assert!(
            answer.status == 413 || answer.status == 400,
            "{}",
            answer.status
        );
        assert_eq!(answer.header("connection"), "close");
        connection.closed().await;
    }
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let server = Running::start().await;
    let content = b"content";
    let mut connection = server.connect().await;
    let headers = [("content-length", "7"), ("expect", "100-continue")];
    connection
        .send(head("POST", &digest_target(content), &headers))
        .await;
    assert_eq!(connection.answer("POST").await.status, 100);
    connection.send(content).await;
    assert_eq!(connection.answer("POST").await.status, 201);
}

#[tokio::test]
async fn too_many_pushes_are_429() {
    let gate = Gate::new();
    let server = Running::of(gate.clone(), |settings| settings.limits.uploads = 1).await;
    let mut first = server.connect().await;
    first
        .send(head(
            "POST",
            &digest_target(b"abc"),
            &[("content-length", "3")],
        ))
        .await;
    first.send("abc").await;
    gate.arrival().await;
    let refused = server
        .call("PUT", "/v2/a/manifests/v1", &[], &Index::oci().bytes())
        .await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "TOOMANYREQUESTS")
    );
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(server.get("/v2/").await.status, 200);
    gate.release();
    assert_eq!(first.answer("POST").await.status, 201);
    gate.release();
    assert_eq!(
        server
            .call("PUT", "/v2/a/manifests/v1", &[], &Index::oci().bytes())
            .await
            .status,
        201
    );
}
