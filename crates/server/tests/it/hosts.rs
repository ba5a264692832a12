//! Tests for the rules about the host of a request, the page that sends it, and its framing.

use std::net::SocketAddr;

use portolan_model::fixtures::{IndexFixture, image};
use portolan_server::Settings;
use serde_json::json;

use crate::gate::Gate;
use crate::harness::{TestResponse, TestServer};

/// Sends a request without adding a `Host` header.
async fn send(server: &TestServer, request_line: &str, lines: &[&str]) -> TestResponse {
    let (method, _) = request_line.split_once(' ').unwrap();
    let mut connection = server.connect().await;
    let head = [&[request_line], lines, &["\r\n"]].concat().join("\r\n");
    connection.send(head).await;
    connection.read_response(method).await
}

/// Returns the status of a request to `host`.
async fn status(server: &TestServer, host: &str) -> u16 {
    let host = format!("host: {host}");
    send(server, "GET /v2/ HTTP/1.1", &[&host]).await.status
}

#[tokio::test]
async fn requests_without_exactly_one_valid_host_are_rejected() {
    let server = TestServer::start().await;
    for (target, hosts) in [
        ("/v2/", &[][..]),
        ("/v2/", &["host: localhost", "host: localhost"]),
        ("/v2/", &["host: "]),
        ("/v2/", &["host: localhost/v2"]),
        ("/v2/", &["host: localhost:port"]),
        ("/v2/", &["host: me@localhost"]),
        ("/unknown", &["host: me@localhost"]),
        ("/healthz", &[]),
        ("/api/v1/openapi.json", &[]),
        ("http://localhost/v2/", &[]),
        ("http://localhost/v2/", &["host: 127.0.0.1"]),
        ("http://localhost:5000/v2/", &["host: localhost"]),
        ("http://me@localhost/v2/", &["host: localhost"]),
    ] {
        let answer = send(&server, &format!("GET {target} HTTP/1.1"), hosts).await;
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (400, "UNSUPPORTED"),
            "{target} {hosts:?}"
        );
        assert_eq!(answer.header("connection"), "close");
        assert!(!answer.header("x-request-id").is_empty());
        let message = answer.json()["errors"][0]["message"].to_string();
        assert!(message.contains("Host") || message.contains("authority"));
    }
    for (request, hosts) in [
        (
            "GET http://localhost:80/v2/ HTTP/1.1",
            &["host: LOCALHOST"][..],
        ),
        ("GET /v2/ HTTP/1.0", &[]),
        ("GET http://localhost/v2/ HTTP/1.0", &[]),
    ] {
        assert_eq!(send(&server, request, hosts).await.status, 200, "{request}");
    }
}

#[tokio::test]
async fn only_a_single_chunked_coding_is_accepted() {
    let server = TestServer::start().await;
    let request = "POST /v2/a/blobs/uploads/ HTTP/1.1";
    for lines in [
        &["transfer-encoding: gzip, chunked"][..],
        &["transfer-encoding: identity, chunked"],
        &["transfer-encoding: chunked, chunked"],
        &["transfer-encoding: identity", "transfer-encoding: chunked"],
        &["transfer-encoding: chunked", "transfer-encoding: chunked"],
    ] {
        let lines = [&["host: localhost"], lines].concat();
        let answer = send(&server, request, &lines).await;
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (400, "UNSUPPORTED"),
            "{lines:?}"
        );
        assert_eq!(answer.header("connection"), "close");
        let message = answer.json()["errors"][0]["message"].to_string();
        assert!(message.contains("Transfer-Encoding"), "{message}");
    }
}

/// The HTTP library rejects these requests before the server sees them, without a body.
#[tokio::test]
async fn bodies_without_a_known_end_are_rejected() {
    let server = TestServer::start().await;
    for (version, line) in [
        ("1.1", "transfer-encoding: identity"),
        ("1.1", "transfer-encoding: gzip"),
        ("1.1", "transfer-encoding: chunked, gzip"),
        ("1.0", "transfer-encoding: chunked"),
        ("1.1", "content-length: 1\r\ncontent-length: 2"),
    ] {
        let request = format!("POST /v2/a/blobs/uploads/ HTTP/{version}");
        let answer = send(&server, &request, &["host: localhost", line]).await;
        assert_eq!(answer.status, 400, "{line}");
    }
}

/// A client that sends both may disagree with the server about the beginning of the next request.
#[tokio::test]
async fn a_request_with_both_framings_is_the_last_one() {
    let server = TestServer::start().await;
    for lines in [
        "content-length: 3\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 3",
    ] {
        let mut connection = server.connect().await;
        let next = "GET /v2/ HTTP/1.1\r\nhost: localhost\r\n\r\n";
        connection
            .send(format!(
                "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n\r\n0\r\n\r\n{next}"
            ))
            .await;
        assert_eq!(connection.read_response("POST").await.status, 202);
        assert!(connection.try_read_response("GET").await.is_none());
    }
}

#[tokio::test]
async fn a_loopback_address_serves_only_known_hosts() {
    let server = TestServer::with_settings(|settings| {
        settings.url = Some("https://registry.example:8443".parse().unwrap());
        settings.hosts = vec!["registry.internal".parse().unwrap()];
    })
    .await;
    let own = server.address.to_string();
    for host in [
        own.as_str(),
        "127.0.0.1",
        "127.8.9.1:80",
        "[::1]:5000",
        "localhost:5000",
        "LOCALHOST",
        "registry.localhost:5000",
        "registry.example",
        "Registry.Example:5000",
        "registry.internal",
        "registry.internal:5000",
    ] {
        assert_eq!(status(&server, host).await, 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:5000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "a.registry.internal",
        "10.0.0.1",
        "0.0.0.0:5000",
        "[::]",
    ] {
        assert_eq!(status(&server, host).await, 421, "{host}");
    }
}

#[tokio::test]
async fn the_error_for_an_unknown_host_names_the_key() {
    let gate = Gate::new();
    let server = TestServer::with_registry(gate.clone(), |_| ()).await;
    for (method, target) in [
        ("GET", "/v2/"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/unknown"),
        ("GET", "/v2/a/manifests/v1"),
        ("DELETE", "/v2/a/manifests/v1"),
        ("PUT", "/v2/a/manifests/v1"),
        ("POST", "/api/v1/repositories/a/-/check"),
        ("POST", "http://evil.example/v2/a/blobs/uploads/"),
    ] {
        let request = format!("{method} {target} HTTP/1.1");
        let lines = ["host: evil.example", "content-length: 0"];
        let answer = send(&server, &request, &lines).await;
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (421, "DENIED"),
            "{request}"
        );
        let error = &answer.json()["errors"][0];
        assert!(error["message"].to_string().contains("server.hosts"));
        let detail = json!({"host": "evil.example", "key": "server.hosts"});
        assert_eq!(error["detail"], detail);
    }
    assert_eq!(gate.arrived.available_permits(), 0);
}

#[tokio::test]
async fn headers_of_proxies_do_not_make_a_host_known() {
    let server = TestServer::with_settings(trust_loopback).await;
    let lines = ["host: evil.example", "x-forwarded-host: localhost"];
    let answer = send(&server, "GET /v2/ HTTP/1.1", &lines).await;
    assert_eq!(answer.status, 421);
}

#[tokio::test]
async fn a_body_for_an_unknown_host_is_not_requested() {
    let server = TestServer::start().await;
    let lines = [
        "host: evil.example",
        "content-length: 1000",
        "expect: 100-continue",
    ];
    let answer = send(&server, "PUT /v2/a/manifests/v1 HTTP/1.1", &lines).await;
    assert_eq!((answer.status, answer.header("connection")), (421, "close"));
}

#[tokio::test]
async fn other_addresses_serve_every_host() {
    let server = TestServer::with_settings(|settings| {
        settings.listen = SocketAddr::from(([0, 0, 0, 0], 0));
        settings.anonymous = true;
    })
    .await;
    for host in ["registry.example:5000", "registry", "10.0.0.1:5000"] {
        assert_eq!(status(&server, host).await, 200, "{host}");
    }
}

/// Returns the status of a write with additional header lines.
async fn write(server: &TestServer, lines: &[&str]) -> u16 {
    let lines = [&["host: localhost:5000", "content-length: 0"], lines].concat();
    let answer = send(server, "POST /v2/a/blobs/uploads/ HTTP/1.1", &lines).await;
    if answer.status == 403 {
        assert_eq!(answer.error_code(), "DENIED");
        assert_eq!(answer.json()["errors"][0]["detail"]["key"], "server.url");
    }
    answer.status
}

fn trust_loopback(settings: &mut Settings) {
    settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

#[tokio::test]
async fn pages_of_other_origins_cannot_write() {
    let server = TestServer::start().await;
    for lines in [
        &["origin: https://evil.example"][..],
        &["origin: http://localhost:5001"],
        &["origin: http://localhost"],
        &["origin: null"],
        &["origin: "],
        &["origin: localhost:5000"],
        &["origin: file://localhost:5000"],
        &["origin: http://localhost:5000", "origin: null"],
        &["origin: http://evil.example", "sec-fetch-site: same-site"],
        &[
            "origin: http://localhost:5000",
            "sec-fetch-site: cross-site",
        ],
        &["sec-fetch-site: cross-site"],
        // Not from a trusted proxy.
        &[
            "origin: https://evil.example",
            "x-forwarded-host: evil.example",
        ],
    ] {
        assert_eq!(write(&server, lines).await, 403, "{lines:?}");
    }
    for lines in [
        &[][..],
        &["origin: http://localhost:5000"],
        &["origin: http://LOCALHOST:5000", "sec-fetch-site: same-site"],
        &[
            "origin: http://localhost:5000",
            "sec-fetch-site: same-origin",
        ],
        &[
            "origin: https://proxy.example",
            "sec-fetch-site: same-origin",
        ],
        &["sec-fetch-site: none"],
    ] {
        assert_eq!(write(&server, lines).await, 202, "{lines:?}");
    }
}

#[tokio::test]
async fn long_hosts_and_origins_are_not_repeated() {
    let server = TestServer::start().await;
    let long = format!("https://{}.example", "a".repeat(30_000));
    let foreign = [("origin", long.as_str())];
    let answer = server.request("POST", "/v2/a/blobs/uploads/", &foreign, b"");
    let answer = answer.await;
    assert!(answer.status == 403 && answer.body.len() < 1_000);
    let host = format!("host: {}", &long[8..]);
    let answer = send(&server, "GET /v2/ HTTP/1.1", &[&host]).await;
    assert!(answer.status == 400 && answer.body.len() < 2_000);
}

#[tokio::test]
async fn every_write_is_checked_and_no_read() {
    let server = TestServer::start().await;
    let foreign = [("origin", "https://evil.example")];
    for (method, target) in [
        ("POST", "/v2/a/blobs/uploads/"),
        ("PATCH", "/v2/a/blobs/uploads/1"),
        ("PUT", "/v2/a/manifests/v1"),
        ("DELETE", "/v2/a/manifests/v1"),
        ("DELETE", "/api/v1/repositories/a"),
        ("POST", "/api/v1/repositories/a/-/check"),
        ("POST", "/unknown"),
        ("PURGE", "/v2/"),
    ] {
        let answer = server.request(method, target, &foreign, b"{}").await;
        assert_eq!(answer.status, 403, "{method} {target}");
    }
    for method in ["GET", "HEAD"] {
        let answer = server.request(method, "/v2/", &foreign, b"").await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn pages_of_the_public_url_can_write() {
    let server = TestServer::with_settings(|settings| {
        settings.url = Some("https://registry.example".parse().unwrap());
    })
    .await;
    for (origin, expected) in [
        ("https://registry.example", 202),
        ("https://registry.example:443", 202),
        ("http://registry.example", 403),
        ("https://registry.example:8443", 403),
    ] {
        let origin = format!("origin: {origin}");
        assert_eq!(write(&server, &[&origin]).await, expected, "{origin}");
    }
}

#[tokio::test]
async fn trusted_proxies_state_the_host_and_the_scheme() {
    let server = TestServer::with_settings(trust_loopback).await;
    let host = "x-forwarded-host: forged.example, registry.example";
    for (lines, expected) in [
        (&["origin: https://registry.example", host][..], 202),
        (&["origin: https://forged.example", host], 403),
        (&["origin: http://localhost:5000", host], 403),
        (
            &[
                "origin: https://registry.example",
                host,
                "x-forwarded-proto: https",
            ],
            202,
        ),
        (
            &[
                "origin: http://registry.example",
                host,
                "x-forwarded-proto: https",
            ],
            403,
        ),
        (
            &["origin: http://localhost:5000", "x-forwarded-host: a/b"],
            202,
        ),
    ] {
        assert_eq!(write(&server, lines).await, expected, "{lines:?}");
    }
}

/// Returns the tree of an index. The fixes of its findings contain the host of the registry.
async fn tree(server: &TestServer, lines: &[(&str, &str)]) -> String {
    let child = image("child").docker();
    server.push_image("a", "child", &child).await;
    let index = IndexFixture::oci().image(&child, "linux/amd64");
    let target = "/v2/a/manifests/v1";
    let pushed = server.request("PUT", target, &[], &index.bytes()).await;
    assert_eq!(pushed.status, 201);
    let target = "/api/v1/repositories/a/-/tree/v1";
    let answer = server.request("GET", target, lines, b"").await;
    String::from_utf8(answer.body).unwrap()
}

#[tokio::test]
async fn fixes_contain_the_host_that_clients_use() {
    let forwarded = [("x-forwarded-host", "proxy.example:8443")];
    let server = TestServer::start().await;
    let found = tree(&server, &forwarded).await;
    assert!(found.contains(" registry.test/a:v1 "), "{found}");
    let server = TestServer::with_settings(trust_loopback).await;
    let found = tree(&server, &forwarded).await;
    assert!(found.contains(" proxy.example:8443/a:v1 "), "{found}");
    let server = TestServer::with_settings(|settings| {
        trust_loopback(settings);
        settings.url = Some("https://registry.example:444".parse().unwrap());
    })
    .await;
    let found = tree(&server, &forwarded).await;
    assert!(found.contains(" registry.example:444/a:v1 "), "{found}");
}
