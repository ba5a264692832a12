//! Heavy requests: they are limited by bytes, and they do not delay short requests.

use std::sync::Arc;
use std::time::Duration;

use portolan_model::fixtures::IndexFixture;
use serde_json::json;

use crate::gate::Gate;
use crate::harness::{Connection, TestResponse, TestServer, head};

const PUSH: &str = "/v2/a/manifests/v1";
const CHECK: &str = "/api/v1/repositories/a/-/check";

/// Returns an index of at least `size` bytes.
fn index(size: usize) -> IndexFixture {
    IndexFixture::oci().field("annotations", json!({"a": "x".repeat(size)}))
}

/// Starts a server whose lane has room for one document, and for one that waits.
async fn server(gate: &Arc<Gate>) -> TestServer {
    TestServer::with_registry(gate.clone(), |settings| {
        settings.limits.lane_bytes = 100 << 10;
        settings.limits.lane_queue_bytes = 100 << 10;
    })
    .await
}

/// Sends a request, and does not wait for the response.
async fn send(server: &TestServer, method: &str, target: &str, bytes: &[u8]) -> Connection {
    let mut connection = server.connect().await;
    let length = bytes.len().to_string();
    connection
        .send(head(method, target, &[("content-length", &length)]))
        .await;
    connection.send(bytes).await;
    connection
}

fn assert_rejected(response: &TestResponse) {
    assert_eq!(
        (
            response.status,
            response.error_code().as_str(),
            response.header("retry-after")
        ),
        (429, "TOOMANYREQUESTS", "5")
    );
}

#[tokio::test]
async fn large_manifests_are_limited_by_bytes() {
    for (method, target, status) in [("PUT", PUSH, 201), ("POST", CHECK, 200)] {
        let gate = Gate::new();
        let server = server(&gate).await;
        let large = index(150 << 10).bytes();
        let mut running = send(&server, method, target, &large).await;
        gate.wait_for_arrival().await;
        let mut waiting = send(&server, method, target, &large).await;
        let rejected = loop {
            // The request that waits may still be on its way.
            let mut connection = send(&server, method, target, &large).await;
            tokio::select! {
                response = connection.read_response(method) => break response,
                () = tokio::time::sleep(Duration::from_millis(50)) => (),
            }
        };
        assert_rejected(&rejected);
        // A small document does not wait.
        let mut small = send(&server, method, target, &index(1).bytes()).await;
        gate.wait_for_arrival().await;
        gate.release();
        gate.release();
        assert_eq!(running.read_response(method).await.status, status);
        assert_eq!(small.read_response(method).await.status, status);
        gate.wait_for_arrival().await;
        gate.release();
        assert_eq!(waiting.read_response(method).await.status, status);
    }
}

#[tokio::test]
async fn a_large_push_is_detached_from_its_client() {
    let gate = Gate::new();
    let server = server(&gate).await;
    let large = index(150 << 10).bytes();
    let first = send(&server, "PUT", PUSH, &large).await;
    gate.wait_for_arrival().await;
    drop(first);
    // It waits for the first push.
    let mut second = send(&server, "PUT", PUSH, &large).await;
    gate.release();
    gate.wait_for_arrival().await;
    gate.release();
    assert_eq!(second.read_response("PUT").await.status, 201);
}

#[tokio::test]
async fn a_check_ends_when_its_client_disconnects() {
    let gate = Gate::new();
    let server = server(&gate).await;
    let large = index(150 << 10).bytes();
    let first = send(&server, "POST", CHECK, &large).await;
    gate.wait_for_arrival().await;
    drop(first);
    // The lane is free again, although nothing released the first check.
    let mut second = send(&server, "POST", CHECK, &large).await;
    gate.wait_for_arrival().await;
    gate.release();
    assert_eq!(second.read_response("POST").await.status, 200);
}

#[tokio::test]
async fn a_tree_uses_memory_until_it_is_sent() {
    let server = TestServer::with_settings(|settings| {
        settings.limits.response_memory = 16 << 20;
        settings.timeouts.share = Duration::from_millis(200);
    })
    .await;
    // Larger than the buffers of a connection.
    let mut top = index(4_000_000);
    for number in 0..2 {
        let child = index(3_900_000 + number);
        let pushed = format!("/v2/team/app/manifests/{}", child.digest());
        assert_eq!(
            server
                .request("PUT", &pushed, &[], &child.bytes())
                .await
                .status,
            201
        );
        top = top.nested_index(&child, None);
    }
    let top = top.bytes();
    let pushed = server.request("PUT", "/v2/team/app/manifests/v1", &[], &top);
    assert_eq!(pushed.await.status, 201);
    let target = "/api/v1/repositories/team/app/-/tree/v1";
    let mut reader = server.connect().await;
    reader.send(head("GET", target, &[])).await;
    reader.stream.readable().await.unwrap();
    assert_rejected(&server.get(target).await);
    assert_eq!(reader.read_response("GET").await.status, 200);
    assert_eq!(server.get(target).await.status, 200);
}
