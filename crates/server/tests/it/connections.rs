//! Connections: how long they may be silent, how many there are, and how they end.

use std::sync::Arc;
use std::time::Duration;

use portolan_model::Digest;
use portolan_model::fixtures::Index;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::gate::Gate;
use crate::harness::{Running, head};

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let server = Running::with(|settings| settings.timeouts.header = SHORT).await;
    for sent in ["", "GET /v2/ HTT", "GET /v2/ HTTP/1.1\r\nhost: x\r\n"] {
        let mut connection = server.connect().await;
        connection.send(sent).await;
        connection.closed().await;
    }
}

#[tokio::test]
async fn a_connection_without_a_next_request_ends() {
    let server = Running::with(|settings| settings.timeouts.header = SHORT).await;
    let mut connection = server.connect().await;
    assert_eq!(connection.call("GET", "/v2/", &[], b"").await.status, 200);
    connection.closed().await;
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = Running::with(|settings| {
        settings.limits.header_bytes = 4000;
        settings.limits.header_lines = 20;
    })
    .await;
    let long = "x".repeat(4000);
    assert_eq!(
        server
            .call("GET", "/v2/", &[("x-long", &long)], b"")
            .await
            .status,
        431
    );
    assert_eq!(
        server
            .call("GET", "/v2/", &[("x-many", "x"); 30], b"")
            .await
            .status,
        431
    );
    assert_eq!(server.get(&format!("/v2/{long}")).await.status, 431);
    assert_eq!(
        server
            .call("GET", "/v2/", &[("x-long", &long[..3000])], b"")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn no_http_2_without_tls() {
    let server = Running::start().await;
    let mut connection = server.connect().await;
    connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    connection.closed().await;
}

#[tokio::test]
async fn further_connections_wait() {
    let server = Running::with(|settings| settings.limits.connections = 1).await;
    let mut first = server.connect().await;
    assert_eq!(first.call("GET", "/v2/", &[], b"").await.status, 200);
    let mut second = server.connect().await;
    second.send(head("GET", "/v2/", &[])).await;
    let early = tokio::time::timeout(SHORT, second.stream.peek(&mut [0])).await;
    assert!(early.is_err(), "it is not served yet");
    drop(first);
    assert_eq!(second.answer("GET").await.status, 200);
}

#[tokio::test]
async fn a_reader_that_stands_still_is_cut_off() {
    let server = Running::with(|settings| settings.timeouts.write = SHORT).await;
    let content = vec![0; 64 << 20];
    let digest = server.push_blob("a", &content).await;
    let mut connection = server.connect().await;
    connection
        .send(head("GET", &format!("/v2/a/blobs/{digest}"), &[]))
        .await;
    connection.stream.readable().await.unwrap();
    tokio::time::sleep(SHORT * 4).await;
    let mut received = Vec::new();
    let _ = connection.stream.read_to_end(&mut received).await;
    assert!(received.len() < content.len(), "{} bytes", received.len());
}

#[tokio::test]
async fn a_stopping_server_finishes_what_is_under_way() {
    let gate = Gate::new();
    let server = Running::of(gate.clone(), |_| ()).await;
    let address = server.address;
    let mut idle = server.connect().await;
    assert_eq!(idle.call("GET", "/v2/", &[], b"").await.status, 200);
    let mut busy = server.connect().await;
    let bytes = Index::oci().bytes();
    busy.send(head(
        "PUT",
        "/v2/a/manifests/v1",
        &[("content-length", &bytes.len().to_string())],
    ))
    .await;
    busy.send(&bytes).await;
    gate.arrival().await;
    let stopped = server.stop();
    idle.closed().await;
    while TcpStream::connect(address).await.is_ok() {}
    assert!(!stopped.is_finished());
    gate.release();
    let answer = busy.answer("PUT").await;
    assert_eq!((answer.status, answer.header("connection")), (201, "close"));
    busy.closed().await;
    stopped.await.unwrap();
}

#[tokio::test]
async fn a_stopping_server_finishes_what_nobody_waits_for() {
    let gate = Gate::new();
    let server = Running::of(gate.clone(), |_| ()).await;
    let mut connection = server.connect().await;
    let target = format!("/v2/a/blobs/uploads/?digest={}", Digest::sha256(b"abc"));
    connection
        .send(head("POST", &target, &[("content-length", "3")]))
        .await;
    connection.send("abc").await;
    gate.arrival().await;
    drop(connection);
    let mut stopped = server.stop();
    assert!(tokio::time::timeout(SHORT, &mut stopped).await.is_err());
    gate.release();
    stopped.await.unwrap();
}

#[tokio::test]
async fn a_stopping_server_does_not_wait_for_ever() {
    let gate = Gate::new();
    let server = Running::of(gate.clone(), |settings| settings.timeouts.drain = SHORT).await;
    let mut slow = server.connect().await;
    slow.send(head(
        "PUT",
        "/v2/a/manifests/v1",
        &[("content-length", "1000")],
    ))
    .await;
    slow.send("abc").await;
    let mut stuck = server.connect().await;
    let target = format!("/v2/a/blobs/uploads/?digest={}", Digest::sha256(b"abc"));
    stuck
        .send(head("POST", &target, &[("content-length", "3")]))
        .await;
    stuck.send("abc").await;
    gate.arrival().await;
    server.stop().await.unwrap();
    slow.closed().await;
    stuck.closed().await;
}

#[tokio::test]
async fn a_body_that_the_stopping_server_cut_off_is_not_taken_for_a_whole_one() {
    let gate = Gate::new();
    let server = Running::of(gate.clone(), |settings| settings.timeouts.drain = SHORT).await;
    let mut connection = server.connect().await;
    let target = format!("/v2/a/blobs/uploads/?digest={}", Digest::sha256(b"abc"));
    connection
        .send(head("POST", &target, &[("transfer-encoding", "chunked")]))
        .await;
    connection.send("3\r\nabc\r\n").await;
    server.stop().await.unwrap();
    connection.closed().await;
    while Arc::strong_count(&gate) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        gate.arrived.available_permits(),
        0,
        "the body ended with an error"
    );
}
