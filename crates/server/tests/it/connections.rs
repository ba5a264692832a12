//! Tests for connections: idle times, their number, and shutdown.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use portolan_model::Digest;
use portolan_model::fixtures::IndexFixture;
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::{Caller, RequestId};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::gate::Gate;
use crate::harness::{Connection, TestServer, head};

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_missing_request_head_closes_the_connection() {
    let server = TestServer::with_settings(|settings| settings.timeouts.header = SHORT).await;
    for sent in ["", "GET /v2/ HTT", "GET /v2/ HTTP/1.1\r\nhost: x\r\n"] {
        let mut connection = server.connect().await;
        connection.send(sent).await;
        connection.wait_closed().await;
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = TestServer::with_settings(|settings| settings.timeouts.header = SHORT).await;
    let mut connection = server.connect().await;
    assert_eq!(
        connection.request("GET", "/v2/", &[], b"").await.status,
        200
    );
    connection.wait_closed().await;
}

#[tokio::test]
async fn request_heads_are_limited() {
    let server = TestServer::with_settings(|settings| {
        settings.limits.header_bytes = 4000;
        settings.limits.header_lines = 20;
    })
    .await;
    let long = "x".repeat(4000);
    assert_eq!(
        server
            .request("GET", "/v2/", &[("x-long", &long)], b"")
            .await
            .status,
        431
    );
    assert_eq!(
        server
            .request("GET", "/v2/", &[("x-many", "x"); 30], b"")
            .await
            .status,
        431
    );
    assert_eq!(server.get(&format!("/v2/{long}")).await.status, 431);
    assert_eq!(
        server
            .request("GET", "/v2/", &[("x-long", &long[..3000])], b"")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn no_http_2_without_tls() {
    let server = TestServer::start().await;
    let mut connection = server.connect().await;
    connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    connection.wait_closed().await;
}

#[tokio::test]
async fn connections_over_the_limit_wait() {
    let server = TestServer::with_settings(|settings| settings.limits.connections = 1).await;
    let mut first = server.connect().await;
    assert_eq!(first.request("GET", "/v2/", &[], b"").await.status, 200);
    let mut second = server.connect().await;
    second.send(head("GET", "/v2/", &[])).await;
    let early = tokio::time::timeout(SHORT, second.stream.peek(&mut [0])).await;
    assert!(early.is_err(), "the second connection waits");
    drop(first);
    assert_eq!(second.read_response("GET").await.status, 200);
}

#[tokio::test]
async fn a_connection_does_not_wait_forever() {
    let gate = Gate::new();
    let server = TestServer::with_registry(gate.clone(), |settings| {
        settings.limits.connections = 1;
        settings.timeouts.header = SHORT;
    })
    .await;
    let mut busy = server.connect().await;
    let bytes = IndexFixture::oci().bytes();
    let length = [("content-length", &*bytes.len().to_string())];
    busy.send(head("PUT", "/v2/a/manifests/v1", &length)).await;
    busy.send(&bytes).await;
    gate.wait_for_arrival().await;
    let mut waiting = server.connect().await;
    waiting.send(head("GET", "/v2/", &[])).await;
    assert!(waiting.try_read_response("GET").await.is_none());
    gate.release();
    assert_eq!(busy.read_response("PUT").await.status, 201);
}

#[tokio::test]
async fn idle_connections_of_one_address_do_not_lock_out_another() {
    let server = TestServer::with_settings(|settings| {
        settings.limits.connections = 10;
        settings.limits.waiting_connections = 5;
    })
    .await;
    let mut idle = Vec::new();
    for _ in 0..60 {
        idle.push(server.connect().await);
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = Connection::new(socket.connect(server.address).await.unwrap());
    assert_eq!(other.request("GET", "/v2/", &[], b"").await.status, 200);
}

#[tokio::test]
async fn busy_connections_without_progress_do_not_lock_out_other_clients() {
    let server = TestServer::with_settings(|settings| {
        settings.limits.connections = 2;
        settings.timeouts.share = SHORT;
    })
    .await;
    let mut stalled = Vec::new();
    for _ in 0..2 {
        let mut connection = server.connect().await;
        let length = [("content-length", "1000")];
        let push = head("PUT", "/v2/a/manifests/v1", &length);
        connection.send(push).await;
        connection.send("{").await;
        stalled.push(connection);
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = Connection::new(socket.connect(server.address).await.unwrap());
    assert_eq!(other.request("GET", "/v2/", &[], b"").await.status, 200);
}

#[tokio::test]
async fn incomplete_heads_have_a_budget() {
    const HEAD: usize = 40 << 10;
    let server = TestServer::with_settings(|settings| settings.limits.head_memory = 4 * HEAD).await;
    let mut connections = Vec::new();
    for _ in 0..4 {
        let mut connection = server.connect().await;
        connection.send(head("GET", "/v2/", &[]).trim_end()).await;
        connection.send("\r\nx: ").await;
        connection.send(vec![b'x'; HEAD]).await;
        connections.push(connection);
    }
    let ends: Vec<_> = connections
        .iter_mut()
        .map(|connection| Box::pin(connection.wait_closed()))
        .collect();
    // The budget holds two of these heads, and the other connections are closed.
    let ((), _, open) = select_all(ends).await;
    let ((), _, open) = select_all(open).await;
    assert!(timeout(SHORT, select_all(open)).await.is_err());
    assert_eq!(server.get("/v2/").await.status, 200);
}

#[tokio::test]
async fn a_client_that_stops_reading_is_disconnected() {
    let server = TestServer::with_settings(|settings| settings.timeouts.write = SHORT).await;
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
async fn the_context_has_the_address_and_the_id_of_a_request() {
    let gate = Gate::new();
    let server = TestServer::with_registry(gate.clone(), |_| ()).await;
    gate.release();
    let headers = [("x-request-id", "id-of-a-proxy")];
    let bytes = IndexFixture::oci().bytes();
    let pushed = server
        .request("PUT", "/v2/a/manifests/v1", &headers, &bytes)
        .await;
    assert_eq!(pushed.status, 201);
    let context = gate.context.lock().unwrap().take().unwrap();
    assert_eq!(
        context.client_address(),
        Some(IpAddr::from(Ipv4Addr::LOCALHOST))
    );
    assert_eq!(
        context.request_id().map(RequestId::as_str),
        Some("id-of-a-proxy")
    );
    assert_eq!(
        (context.caller(), context.deadline()),
        (&Caller::Anonymous, None)
    );
}

#[tokio::test]
async fn shutdown_finishes_requests_in_progress() {
    let gate = Gate::new();
    let server = TestServer::with_registry(gate.clone(), |_| ()).await;
    let address = server.address;
    let mut idle = server.connect().await;
    assert_eq!(idle.request("GET", "/v2/", &[], b"").await.status, 200);
    let mut busy = server.connect().await;
    let bytes = IndexFixture::oci().bytes();
    busy.send(head(
        "PUT",
        "/v2/a/manifests/v1",
        &[("content-length", &bytes.len().to_string())],
    ))
    .await;
    busy.send(&bytes).await;
    gate.wait_for_arrival().await;
    let stopped = server.stop();
    idle.wait_closed().await;
    while TcpStream::connect(address).await.is_ok() {}
    assert!(!stopped.is_finished());
    gate.release();
    let answer = busy.read_response("PUT").await;
    assert_eq!((answer.status, answer.header("connection")), (201, "close"));
    busy.wait_closed().await;
    stopped.await.unwrap();
}

#[tokio::test]
async fn shutdown_finishes_detached_work() {
    let gate = Gate::new();
    let server = TestServer::with_registry(gate.clone(), |_| ()).await;
    let mut connection = server.connect().await;
    let target = format!("/v2/a/blobs/uploads/?digest={}", Digest::sha256(b"abc"));
    connection
        .send(head("POST", &target, &[("content-length", "3")]))
        .await;
    connection.send("abc").await;
    gate.wait_for_arrival().await;
    drop(connection);
    let mut stopped = server.stop();
    assert!(tokio::time::timeout(SHORT, &mut stopped).await.is_err());
    gate.release();
    stopped.await.unwrap();
}

#[tokio::test]
async fn shutdown_is_bounded_in_time() {
    let gate = Gate::new();
    let server =
        TestServer::with_registry(gate.clone(), |settings| settings.timeouts.drain = SHORT).await;
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
    gate.wait_for_arrival().await;
    server.stop().await.unwrap();
    slow.wait_closed().await;
    stuck.wait_closed().await;
}

#[tokio::test]
async fn shutdown_ends_slow_bodies() {
    let registry = Arc::new(MemoryRegistry::new());
    let drain = Duration::from_secs(6);
    let server =
        TestServer::with_registry(registry.clone(), |settings| settings.timeouts.drain = drain)
            .await;
    let started = server.request("POST", "/v2/a/blobs/uploads/", &[], b"");
    let location = started.await.header("location").to_owned();
    let mut slow = server.connect().await;
    let length = [("content-length", "1000")];
    slow.send(head("PATCH", &location, &length)).await;
    slow.send("abc").await;
    tokio::time::sleep(SHORT).await;
    let stopped = server.stop();
    let response = slow.read_response("PATCH").await;
    assert_eq!(response.status, 408);
    drop(slow);
    timeout(Duration::from_secs(3), stopped)
        .await
        .expect("an end before the time limit")
        .unwrap();
    let server = TestServer::with_registry(registry, |_| ()).await;
    let status = server.get(&location).await;
    assert_eq!((status.status, status.header("range")), (204, "0-2"));
}

#[tokio::test]
async fn shutdown_does_not_wait_for_request_heads() {
    let server = TestServer::start().await;
    let mut connections = Vec::new();
    for sent in ["", "GET /v2/ HTT", "GET /v2/ HTTP/1.1\r\nhost: x\r\n"] {
        let mut connection = server.connect().await;
        connection.send(sent).await;
        connections.push(connection);
    }
    assert_eq!(server.get("/v2/").await.status, 200);
    timeout(Duration::from_secs(1), server.stop())
        .await
        .expect("an immediate end")
        .unwrap();
    for mut connection in connections {
        connection.wait_closed().await;
    }
}

#[tokio::test]
async fn a_second_request_to_stop_ends_requests_in_progress() {
    let gate = Gate::new();
    let server = TestServer::with_registry(gate.clone(), |_| ()).await;
    let mut slow = server.connect().await;
    let length = [("content-length", "1000")];
    slow.send(head("PUT", "/v2/a/manifests/v1", &length)).await;
    slow.send("abc").await;
    let mut stuck = server.connect().await;
    let target = format!("/v2/a/blobs/uploads/?digest={}", Digest::sha256(b"abc"));
    stuck
        .send(head("POST", &target, &[("content-length", "3")]))
        .await;
    stuck.send("abc").await;
    gate.wait_for_arrival().await;
    server.abort().await.unwrap();
    slow.wait_closed().await;
    stuck.wait_closed().await;
}

#[tokio::test]
async fn a_body_cut_off_by_shutdown_is_incomplete() {
    let gate = Gate::new();
    let server =
        TestServer::with_registry(gate.clone(), |settings| settings.timeouts.drain = SHORT).await;
    let mut connection = server.connect().await;
    let target = format!("/v2/a/blobs/uploads/?digest={}", Digest::sha256(b"abc"));
    connection
        .send(head("POST", &target, &[("transfer-encoding", "chunked")]))
        .await;
    connection.send("3\r\nabc\r\n").await;
    server.stop().await.unwrap();
    connection.wait_closed().await;
    while Arc::strong_count(&gate) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        gate.arrived.available_permits(),
        0,
        "the body ended with an error"
    );
}
