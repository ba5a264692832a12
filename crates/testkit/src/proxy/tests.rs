//! The proxy in front of a server that says what it was sent.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::*;

/// A server that answers the body it was sent, of which it keeps the record `received`.
struct Echo {
    address: SocketAddr,
    received: tokio::sync::mpsc::UnboundedReceiver<Option<Bytes>>,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                let answer = service_fn(move |request: Request<Incoming>| {
                    let sender = sender.clone();
                    async move {
                        let body = request
                            .into_body()
                            .collect()
                            .await
                            .map(http_body_util::Collected::to_bytes);
                        let _ = sender.send(body.as_ref().ok().cloned());
                        body.map(|body| Response::new(Full::new(body)))
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { address, received }
    }

    /// What the server got of the next request; nothing if that broke off.
    async fn received(&mut self) -> Option<Bytes> {
        self.received.recv().await.unwrap()
    }
}

/// Puts `body` and answers the status and what came back, or nothing if that broke off.
async fn put(
    proxy: &Proxy,
    path: &str,
    body: &'static str,
) -> Option<(StatusCode, HashMap<String, String>, Bytes)> {
    let stream = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::put(path)
        .header(header::HOST, "proxy")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let (head, body) = sender.send_request(request).await.ok()?.into_parts();
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    Some((head.status, headers, body.collect().await.ok()?.to_bytes()))
}

async fn body_of(proxy: &Proxy) -> Option<Bytes> {
    put(proxy, "/v2/a/blobs/x", "0123456789")
        .await
        .map(|(_, _, body)| body)
}

async fn spoilt(when: When, fault: Fault) -> (Proxy, Echo) {
    let echo = Echo::start().await;
    let proxy = Proxy::start(echo.address).unwrap();
    proxy.spoil(Requests::of(Method::PUT, Class::Blob), when, fault);
    (proxy, echo)
}

#[tokio::test]
async fn without_rules_everything_passes_and_is_recorded() {
    let mut echo = Echo::start().await;
    let proxy = Proxy::start(echo.address).unwrap();
    let (status, _, body) = put(&proxy, "/v2/a/manifests/v1?x=y", "abc").await.unwrap();
    assert_eq!((status, body.as_ref()), (StatusCode::OK, b"abc".as_ref()));
    assert_eq!(echo.received().await.unwrap(), "abc");
    let manifests = Requests::of(Method::PUT, Class::Manifest);
    assert_eq!(
        (
            proxy.count(&manifests),
            proxy.sent(&manifests),
            proxy.spoilt()
        ),
        (1, 3, 0)
    );
    assert_eq!(proxy.count(&manifests.with("/b/")), 0);
    proxy.mend();
    assert!(proxy.seen().is_empty());
}

#[tokio::test]
async fn the_body_of_an_answer_is_spoilt_where_it_was_said() {
    let (proxy, _echo) = spoilt(When::Nth(1), Fault::Response(BodyFault::Flip(1))).await;
    assert_eq!(body_of(&proxy).await.unwrap(), "0023456789");
    assert_eq!(
        body_of(&proxy).await.unwrap(),
        "0123456789",
        "the second is left alone"
    );
    let (proxy, _echo) = spoilt(When::Always, Fault::Response(BodyFault::Truncate(4))).await;
    assert_eq!(body_of(&proxy).await.unwrap(), "0123");
    let (proxy, _echo) = spoilt(When::Always, Fault::Response(BodyFault::Cut(13))).await;
    assert_eq!(body_of(&proxy).await, None);
    assert_eq!(proxy.spoilt(), 1);
}

#[tokio::test]
async fn the_body_of_a_request_is_spoilt_where_it_was_said() {
    let (proxy, mut echo) = spoilt(When::Always, Fault::Request(BodyFault::Flip(9))).await;
    body_of(&proxy).await.unwrap();
    assert_eq!(echo.received().await.unwrap(), "0123456788");
    let (proxy, mut echo) = spoilt(When::Always, Fault::Request(BodyFault::Truncate(4))).await;
    body_of(&proxy).await.unwrap();
    assert_eq!(echo.received().await.unwrap(), "0123");
    let (proxy, mut echo) = spoilt(When::Always, Fault::Request(BodyFault::Cut(4))).await;
    assert_eq!(body_of(&proxy).await, None);
    assert_eq!(echo.received().await, None);
    assert_eq!(proxy.sent(&Requests::all()), 4);
}

#[tokio::test]
async fn answers_are_refused_late_or_lost() {
    let refusal = Fault::Refuse {
        status: StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(3),
    };
    let (proxy, mut echo) = spoilt(When::Nth(1), refusal).await;
    let (status, headers, _) = put(&proxy, "/v2/a/blobs/x", "abc").await.unwrap();
    assert_eq!(
        (status, headers["retry-after"].as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "3")
    );
    assert!(echo.received.try_recv().is_err(), "it was not passed on");

    let (proxy, mut echo) = spoilt(When::Always, Fault::LoseAnswer).await;
    assert_eq!(body_of(&proxy).await, None);
    assert_eq!(echo.received().await.unwrap(), "0123456789");

    let (proxy, _echo) = spoilt(When::Always, Fault::Delay(Duration::from_millis(50))).await;
    let began = Instant::now();
    assert_eq!(body_of(&proxy).await.unwrap(), "0123456789");
    assert!(began.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_stalled_request_ends_with_its_client() {
    let (proxy, mut echo) = spoilt(When::Always, Fault::Request(BodyFault::Stall(4))).await;
    let address = proxy.address();
    let client = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            b"PUT /v2/a/blobs/x HTTP/1.1\r\nHost: proxy\r\nContent-Length: 10\r\n\r\n01234567";
        tokio::io::AsyncWriteExt::write_all(&mut stream, request)
            .await
            .unwrap();
        std::future::pending::<()>().await;
        drop(stream);
    });
    let proxy = tokio::task::spawn_blocking(move || proxy.wait_for_stall().map(|()| proxy))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(proxy.sent(&Requests::all()), 4);
    client.abort();
    assert_eq!(echo.received().await, None);
}

#[tokio::test]
async fn dice_fall_alike_for_the_same_seed() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let refusal = Fault::Refuse {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: None,
        };
        let (proxy, _echo) = spoilt(When::OneIn { times: 3, seed }, refusal).await;
        for _ in 0..30 {
            put(&proxy, "/v2/a/blobs/x", "").await.unwrap();
        }
        runs.push(
            proxy
                .seen()
                .iter()
                .map(|seen| seen.fault.is_some())
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert!(
        (3..20).contains(&runs[0].iter().filter(|spoilt| **spoilt).count()),
        "{:?}",
        runs[0]
    );
}

#[test]
fn paths_are_told_apart() {
    for (path, class) in [
        ("/v2/", Class::Base),
        ("/v2/_catalog", Class::Catalog),
        ("/v2/a/b/tags/list", Class::Tags),
        ("/v2/a/manifests/v1", Class::Manifest),
        ("/v2/a/blobs/sha256:00", Class::Blob),
        ("/v2/a/blobs/uploads/", Class::Uploads),
        ("/v2/a/blobs/uploads/1-2", Class::Upload),
        ("/v2/a/referrers/sha256:00", Class::Referrers),
        ("/token", Class::Other),
        ("/v2/what", Class::Other),
    ] {
        assert_eq!(Class::of(path), class, "{path}");
    }
}
