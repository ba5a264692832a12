//! Clients that share slots and memory. A trusted proxy states their addresses.

use std::time::Duration;

use portolan_model::Digest;
use portolan_model::fixtures::IndexFixture;
use portolan_server::Settings;
use serde_json::json;

use crate::harness::{Connection, TestResponse, TestServer, head};

const SHORT: Duration = Duration::from_millis(200);
const HOG: (&str, &str) = ("x-forwarded-for", "192.0.2.1");
const OTHER: (&str, &str) = ("x-forwarded-for", "192.0.2.2");
const MANIFEST: &str = "/v2/a/manifests/v1";

async fn server(change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::with_settings(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        settings.timeouts.share = SHORT;
        change(settings);
    })
    .await
}

/// Sends the head of a request for a body of 1 MB, and the beginning of the body.
async fn begin(
    server: &TestServer,
    method: &str,
    target: &str,
    client: (&str, &str),
    body: &[u8],
) -> Connection {
    let mut connection = server.connect().await;
    let headers = [client, ("content-length", "1000000")];
    connection.send(head(method, target, &headers)).await;
    connection.send(body).await;
    connection
}

/// Begins an upload session with one byte, which the server has received.
async fn trickle(server: &TestServer) -> (Connection, String) {
    let started = server
        .request("POST", "/v2/a/blobs/uploads/", &[HOG], b"")
        .await;
    let location = started.header("location").to_owned();
    let connection = begin(server, "PATCH", &location, HOG, b"x").await;
    (connection, location)
}

async fn push(server: &TestServer, client: (&str, &str), content: &[u8]) -> TestResponse {
    let digest = Digest::sha256(content);
    let target = format!("/v2/a/blobs/uploads/?digest={digest}");
    server.request("POST", &target, &[client], content).await
}

#[tokio::test]
async fn a_push_beside_trickling_bodies_of_another_client_succeeds() {
    let server = server(|settings| settings.limits.uploads = 10).await;
    let mut trickling = Vec::new();
    for _ in 0..10 {
        trickling.push(trickle(&server).await);
    }
    let own = push(&server, HOG, b"own").await;
    assert_eq!(
        (own.status, own.error_code().as_str()),
        (429, "TOOMANYREQUESTS")
    );
    assert_eq!(push(&server, OTHER, b"other").await.status, 201);
    let mut ended = 0;
    for (connection, location) in &mut trickling {
        let response = connection.read_response("PATCH");
        let Ok(response) = tokio::time::timeout(SHORT / 4, response).await else {
            continue;
        };
        ended += 1;
        assert_eq!(
            (response.status, response.error_code().as_str()),
            (408, "BLOB_UPLOAD_INVALID")
        );
        // The session continues with the byte that arrived.
        let target = format!("{location}?digest={}", Digest::sha256(b"xyz"));
        let finished = server.request("PUT", &target, &[OTHER], b"yz").await;
        assert_eq!(finished.status, 201);
    }
    assert_eq!(ended, 1);
}

#[tokio::test]
async fn unfinished_manifests_stay_below_their_memory() {
    let server = server(|settings| {
        settings.limits.manifest_bytes = 1 << 20;
        settings.limits.manifest_memory_bytes = 1 << 20;
    })
    .await;
    let half = vec![b' '; 600_000];
    let mut first = begin(&server, "PUT", MANIFEST, HOG, &half).await;
    tokio::time::sleep(SHORT).await;
    let mut second = begin(&server, "PUT", MANIFEST, HOG, &half).await;
    let rejected = second.read_response("PUT").await;
    assert_eq!(
        (
            rejected.status,
            rejected.json()["errors"][0]["detail"]["limit"].clone()
        ),
        (429, json!(1 << 20))
    );
    // A small manifest still fits, and a large one of another client ends the body of the first.
    let small = IndexFixture::oci().bytes();
    let pushed = server.request("PUT", MANIFEST, &[HOG], &small).await;
    assert_eq!(pushed.status, 201);
    let large = IndexFixture::oci().field("annotations", json!({"a": "x".repeat(700_000)}));
    let large = large.bytes();
    let pushed = server.request("PUT", MANIFEST, &[OTHER], &large).await;
    assert_eq!(pushed.status, 201);
    assert_eq!(first.read_response("PUT").await.status, 408);
}

#[tokio::test]
async fn manifests_that_wait_for_the_memory_of_each_other_continue() {
    let server = server(|settings| {
        settings.limits.manifest_bytes = 1 << 20;
        settings.limits.manifest_memory_bytes = 1 << 20;
        settings.timeouts.share = Duration::from_hours(1);
    })
    .await;
    let large = IndexFixture::oci().field("annotations", json!({"a": "x".repeat(900_000)}));
    let bytes = large.bytes();
    let push = |client| server.request("PUT", MANIFEST, client, &bytes);
    let clients = [[HOG], [HOG], [OTHER]];
    let (first, second, third) =
        tokio::join!(push(&clients[0]), push(&clients[1]), push(&clients[2]));
    let statuses = [first.status, second.status, third.status];
    assert!(statuses.contains(&201), "{statuses:?}");
    assert!(
        statuses.iter().all(|status| [201, 429].contains(status)),
        "{statuses:?}"
    );
}
