//! Tests for TLS, and for HTTP/2 selected by ALPN.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portolan_model::Digest;
use portolan_model::fixtures::IndexFixture;
use portolan_registry::memory::MemoryRegistry;
use portolan_server::{ReadyCheck, Server, Settings, TlsFiles};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::harness::{Connection, TestServer};

const SHORT: Duration = Duration::from_millis(200);

/// Server with its own certificate.
struct Secure {
    running: TestServer,
    certificate: CertificateDer<'static>,
    _files: TempDir,
}

impl Secure {
    async fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let key = rcgen::generate_simple_self_signed(["registry.test".into()]).unwrap();
        let files = TempDir::new().unwrap();
        let tls = TlsFiles {
            certificate: files.path().join("cert.pem"),
            key: files.path().join("key.pem"),
        };
        std::fs::write(&tls.certificate, key.cert.pem()).unwrap();
        std::fs::write(&tls.key, key.signing_key.serialize_pem()).unwrap();
        let running = TestServer::with_settings(|settings| {
            settings.tls = Some(tls);
            change(settings);
        })
        .await;
        Self {
            running,
            certificate: key.cert.der().clone(),
            _files: files,
        }
    }

    async fn connect(&self, protocols: &[&str]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|protocol| protocol.as_bytes().to_vec())
            .collect();
        let stream = TcpStream::connect(self.running.address).await.unwrap();
        let name = ServerName::try_from("registry.test").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap()
    }

    async fn http2(&self) -> http2::SendRequest<Full<Bytes>> {
        self.http2_with(&http2::Builder::new(TokioExecutor::new()))
            .await
    }

    async fn http2_with(
        &self,
        builder: &http2::Builder<TokioExecutor>,
    ) -> http2::SendRequest<Full<Bytes>> {
        let stream = self.connect(&["h2", "http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }
}

fn request(method: &str, target: &str, body: &[u8]) -> hyper::Request<Full<Bytes>> {
    let target = format!("https://registry.test{target}");
    hyper::Request::builder()
        .method(method)
        .uri(target)
        .body(Full::new(Bytes::copy_from_slice(body)))
        .unwrap()
}

#[tokio::test]
async fn serves_http_1_over_tls() {
    let server = Secure::start(|_| ()).await;
    for protocols in [&["http/1.1"][..], &[]] {
        let mut connection = Connection::new(server.connect(protocols).await);
        assert_eq!(
            connection.request("GET", "/v2/", &[], b"").await.status,
            200
        );
        assert_eq!(
            connection
                .request("GET", "/v2/_catalog", &[], b"")
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn serves_http_2_if_alpn_selects_it() {
    let server = Secure::start(|_| ()).await;
    let mut client = server.http2().await;
    let content = vec![7; 5 << 20];
    let digest = Digest::sha256(&content);
    let pushed = client
        .send_request(request(
            "POST",
            &format!("/v2/a/blobs/uploads/?digest={digest}"),
            &content,
        ))
        .await;
    assert_eq!(pushed.unwrap().status(), 201);
    let target = format!("/v2/a/blobs/{digest}");
    let pulled = client
        .send_request(request("GET", &target, b""))
        .await
        .unwrap();
    assert_eq!(pulled.version(), http::Version::HTTP_2);
    assert_eq!(pulled.headers()["content-length"], "5242880");
    assert_eq!(
        pulled.into_body().collect().await.unwrap().to_bytes(),
        content
    );
    let headed = client
        .send_request(request("HEAD", &target, b""))
        .await
        .unwrap();
    assert_eq!(headed.headers()["content-length"], "5242880");
    let fresh = request("GET", &target, b"");
    let (mut parts, body) = fresh.into_parts();
    parts
        .headers
        .insert("if-none-match", format!("\"{digest}\"").parse().unwrap());
    let unmodified = client
        .send_request(hyper::Request::from_parts(parts, body))
        .await
        .unwrap();
    assert_eq!(unmodified.status(), 304);
    let response = client
        .send_request(request("PUT", "/v2/a/manifests/v1", &content))
        .await
        .unwrap();
    assert_eq!(response.status(), 413);
    let unknown = client
        .send_request(request("GET", "/v2/UPPER/manifests/v1", b""))
        .await
        .unwrap();
    assert_eq!(unknown.status(), 400);
}

#[tokio::test]
async fn the_authority_of_http_2_is_checked() {
    let server = Secure::start(|_| ()).await;
    let mut client = server.http2().await;
    for (authority, host, expected) in [
        ("registry.test", None, 200),
        ("registry.test", Some("REGISTRY.test:443"), 200),
        ("registry.test", Some("localhost"), 400),
        ("registry.test", Some("registry.test:80"), 400),
        ("registry.test", Some("me@registry.test"), 400),
        ("me@registry.test", None, 400),
        ("evil.example", None, 421),
        ("evil.example", Some("evil.example"), 421),
    ] {
        let uri = format!("https://{authority}/v2/");
        let mut request = hyper::Request::get(uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let request = request.body(Full::new(Bytes::new())).unwrap();
        let response = client.send_request(request).await.unwrap();
        assert_eq!(response.status(), expected, "{authority} {host:?}");
    }
}

#[tokio::test]
async fn two_host_headers_of_http_2_are_rejected() {
    let server = Secure::start(|_| ()).await;
    let mut client = server.http2().await;
    let mut twice = request("GET", "/v2/", b"");
    for host in ["registry.test", "registry.test"] {
        twice.headers_mut().append("host", host.parse().unwrap());
    }
    assert_eq!(client.send_request(twice).await.unwrap().status(), 400);
}

#[tokio::test]
async fn responses_that_are_not_read_release_their_slots() {
    let index = IndexFixture::oci().field("annotations", json!({"a": "x".repeat(200_000)}));
    for window in [0, 1] {
        let server = Secure::start(|settings| {
            settings.limits.trees = 20;
            settings.timeouts.write = SHORT;
        })
        .await;
        let mut other = server.http2().await;
        let push = request("PUT", "/v2/a/manifests/v1", &index.bytes());
        assert_eq!(other.send_request(push).await.unwrap().status(), 201);
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let mut stalled = server
            .http2_with(builder.initial_stream_window_size(window))
            .await;
        let tree = || request("GET", "/api/v1/repositories/a/-/tree/v1", b"");
        let mut responses = Vec::new();
        // Later ones get the slots of the earlier ones.
        for _ in 0..100 {
            let response = stalled.send_request(tree()).await.unwrap();
            assert_eq!(response.status(), 200, "window {window}");
            responses.push(response);
        }
        let response = other.send_request(tree()).await.unwrap();
        assert_eq!(response.status(), 200, "window {window}");
    }
}

#[tokio::test]
async fn responses_that_are_not_read_hold_no_slot() {
    let server = Secure::start(|settings| {
        settings.limits.trees = 1;
        settings.limits.uploads = 1;
        settings.timeouts.share = SHORT;
    })
    .await;
    let index = IndexFixture::oci().field("annotations", json!({"a": "x".repeat(200_000)}));
    let push = || request("PUT", "/v2/a/manifests/v1", &index.bytes());
    let mut other = server.http2().await;
    assert_eq!(other.send_request(push()).await.unwrap().status(), 201);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    let mut stalled = server
        .http2_with(builder.initial_stream_window_size(0))
        .await;
    let tree = request("GET", "/api/v1/repositories/a/-/tree/v1", b"");
    let check = request("POST", "/api/v1/repositories/a/-/check?reference=v1", b"");
    let mut responses = Vec::new();
    for heavy in [tree, check] {
        let response = stalled.send_request(heavy.clone()).await.unwrap();
        assert_eq!(response.status(), 200);
        responses.push(response);
        let response = other.send_request(heavy).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    assert_eq!(other.send_request(push()).await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_slow_reader_of_a_response_is_not_cut() {
    let limit = Duration::from_secs(1);
    let server = Secure::start(|settings| settings.timeouts.write = limit).await;
    let content = vec![7; 140_000];
    let digest = Digest::sha256(&content);
    let target = format!("/v2/a/blobs/uploads/?digest={digest}");
    let push = request("POST", &target, &content);
    let mut other = server.http2().await;
    assert_eq!(other.send_request(push).await.unwrap().status(), 201);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    let mut slow = server
        .http2_with(builder.initial_stream_window_size(16 << 10))
        .await;
    let pull = request("GET", &format!("/v2/a/blobs/{digest}"), b"");
    let mut body = slow.send_request(pull).await.unwrap().into_body();
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        read.extend(frame.unwrap().into_data().unwrap());
        tokio::time::sleep(limit * 2 / 5).await;
    }
    assert!(read == content);
}

/// A connection may send as many bytes of bodies that the server does not read.
#[tokio::test]
async fn the_window_of_a_connection_is_small() {
    const SETTINGS: u8 = 4;
    const WINDOW_UPDATE: u8 = 8;
    const DEFAULT_WINDOW: u32 = 65_535;
    let server = Secure::start(|_| ()).await;
    let mut stream = server.connect(&["h2"]).await;
    let empty_settings = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    stream.write_all(&empty_settings).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut frame = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut frame).await.unwrap();
        if (head[3], &head[5..]) == (WINDOW_UPDATE, &[0; 4]) {
            let increment = u32::from_be_bytes(frame.try_into().unwrap());
            assert!(DEFAULT_WINDOW + increment <= 1 << 20);
            return;
        }
    }
}

#[tokio::test]
async fn a_missing_handshake_closes_the_connection() {
    let server = Secure::start(|settings| settings.timeouts.handshake = SHORT).await;
    let mut stream = TcpStream::connect(server.running.address).await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap_or_default(), 0);
}

#[tokio::test]
async fn an_idle_tls_connection_is_closed() {
    let server = Secure::start(|settings| settings.timeouts.header = SHORT).await;
    for protocols in [["h2"], ["http/1.1"]] {
        let mut stream = server.connect(&protocols).await;
        let mut received = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut received))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn plain_http_to_a_tls_port_is_closed() {
    let server = Secure::start(|_| ()).await;
    let mut connection = server.running.connect().await;
    connection
        .send("GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    connection.wait_closed().await;
}

#[tokio::test]
async fn shutdown_closes_http_2_connections() {
    let server = Secure::start(|_| ()).await;
    let mut client = server.http2().await;
    assert_eq!(
        client
            .send_request(request("GET", "/v2/", b""))
            .await
            .unwrap()
            .status(),
        200
    );
    server.running.stop().await.unwrap();
    assert!(
        client
            .send_request(request("GET", "/v2/", b""))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn errors_name_the_unusable_file() {
    let files = TempDir::new().unwrap();
    let tls = TlsFiles {
        certificate: files.path().join("cert.pem"),
        key: files.path().join("key.pem"),
    };
    let bind = || async {
        let settings = Settings {
            tls: Some(tls.clone()),
            ..Settings::default()
        };
        let error = Server::bind(
            settings,
            Arc::new(MemoryRegistry::new()),
            ReadyCheck::always(),
        )
        .await
        .err()
        .unwrap();
        format!("{error}: {}", std::error::Error::source(&error).unwrap())
    };
    assert!(bind().await.contains("cert.pem"));
    std::fs::write(&tls.certificate, "not PEM").unwrap();
    assert!(bind().await.contains("contains no certificate"));
}
