//! Tests of the proxy in front of a server that records the requests.

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

/// Server that responds with the body of the request, and sends it to `received`.
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

    /// Returns the body of the next request, or `None` if it was incomplete.
    async fn next_body(&mut self) -> Option<Bytes> {
        self.received.recv().await.unwrap()
    }
}

/// Sends `body` with PUT. Returns the status, headers and body of the response, or `None` if the
/// connection broke.
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

async fn put_and_read_body(proxy: &Proxy) -> Option<Bytes> {
    put(proxy, "/v2/a/blobs/x", "0123456789")
        .await
        .map(|(_, _, body)| body)
}

async fn start_with_fault(when: Trigger, fault: Fault) -> (Proxy, Echo) {
    let echo = Echo::start().await;
    let proxy = Proxy::start(echo.address).unwrap();
    proxy.inject(
        RequestFilter::for_class(Method::PUT, RequestClass::Blob),
        when,
        fault,
    );
    (proxy, echo)
}

#[tokio::test]
async fn forwards_and_records_everything_without_rules() {
    let mut echo = Echo::start().await;
    let proxy = Proxy::start(echo.address).unwrap();
    let (status, _, body) = put(&proxy, "/v2/a/manifests/v1?x=y", "abc").await.unwrap();
    assert_eq!((status, body.as_ref()), (StatusCode::OK, b"abc".as_ref()));
    assert_eq!(echo.next_body().await.unwrap(), "abc");
    let manifests = RequestFilter::for_class(Method::PUT, RequestClass::Manifest);
    assert_eq!(
        (
            proxy.request_count(&manifests),
            proxy.sent_bytes(&manifests),
            proxy.fault_count()
        ),
        (1, 3, 0)
    );
    assert_eq!(proxy.request_count(&manifests.with_path_part("/b/")), 0);
    proxy.reset();
    assert!(proxy.requests().is_empty());
}

#[tokio::test]
async fn injects_faults_into_response_bodies() {
    let (proxy, _echo) =
        start_with_fault(Trigger::Nth(1), Fault::Response(BodyFault::Flip(1))).await;
    assert_eq!(put_and_read_body(&proxy).await.unwrap(), "0023456789");
    assert_eq!(
        put_and_read_body(&proxy).await.unwrap(),
        "0123456789",
        "the second response is not affected"
    );
    let (proxy, _echo) =
        start_with_fault(Trigger::Always, Fault::Response(BodyFault::Truncate(4))).await;
    assert_eq!(put_and_read_body(&proxy).await.unwrap(), "0123");
    let (proxy, _echo) =
        start_with_fault(Trigger::Always, Fault::Response(BodyFault::Cut(13))).await;
    assert_eq!(put_and_read_body(&proxy).await, None);
    assert_eq!(proxy.fault_count(), 1);
}

#[tokio::test]
async fn injects_faults_into_request_bodies() {
    let (proxy, mut echo) =
        start_with_fault(Trigger::Always, Fault::Request(BodyFault::Flip(9))).await;
    put_and_read_body(&proxy).await.unwrap();
    assert_eq!(echo.next_body().await.unwrap(), "0123456788");
    let (proxy, mut echo) =
        start_with_fault(Trigger::Always, Fault::Request(BodyFault::Truncate(4))).await;
    put_and_read_body(&proxy).await.unwrap();
    assert_eq!(echo.next_body().await.unwrap(), "0123");
    let (proxy, mut echo) =
        start_with_fault(Trigger::Always, Fault::Request(BodyFault::Cut(4))).await;
    assert_eq!(put_and_read_body(&proxy).await, None);
    assert_eq!(echo.next_body().await, None);
    assert_eq!(proxy.sent_bytes(&RequestFilter::all()), 4);
}

#[tokio::test]
async fn rejects_delays_and_drops_responses() {
    let rejection = Fault::Reject {
        status: StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(3),
    };
    let (proxy, mut echo) = start_with_fault(Trigger::Nth(1), rejection).await;
    let (status, headers, _) = put(&proxy, "/v2/a/blobs/x", "abc").await.unwrap();
    assert_eq!(
        (status, headers["retry-after"].as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "3")
    );
    assert!(
        echo.received.try_recv().is_err(),
        "the request was not forwarded"
    );

    let (proxy, mut echo) = start_with_fault(Trigger::Always, Fault::DropResponse).await;
    assert_eq!(put_and_read_body(&proxy).await, None);
    assert_eq!(echo.next_body().await.unwrap(), "0123456789");

    let (proxy, _echo) =
        start_with_fault(Trigger::Always, Fault::Delay(Duration::from_millis(50))).await;
    let began = Instant::now();
    assert_eq!(put_and_read_body(&proxy).await.unwrap(), "0123456789");
    assert!(began.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn stalled_request_ends_with_its_client() {
    let (proxy, mut echo) =
        start_with_fault(Trigger::Always, Fault::Request(BodyFault::Stall(4))).await;
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
    assert_eq!(proxy.sent_bytes(&RequestFilter::all()), 4);
    client.abort();
    assert_eq!(echo.next_body().await, None);
}

#[tokio::test]
async fn equal_seeds_select_the_same_requests() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let rejection = Fault::Reject {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: None,
        };
        let (proxy, _echo) = start_with_fault(Trigger::OneIn { times: 3, seed }, rejection).await;
        for _ in 0..30 {
            put(&proxy, "/v2/a/blobs/x", "").await.unwrap();
        }
        runs.push(
            proxy
                .requests()
                .iter()
                .map(|seen| seen.fault.is_some())
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert!(
        (3..20).contains(&runs[0].iter().filter(|faulty| **faulty).count()),
        "{:?}",
        runs[0]
    );
}

#[test]
fn classifies_paths() {
    for (path, class) in [
        ("/v2/", RequestClass::Base),
        ("/v2/_catalog", RequestClass::Catalog),
        ("/v2/a/b/tags/list", RequestClass::Tags),
        ("/v2/a/manifests/v1", RequestClass::Manifest),
        ("/v2/a/blobs/sha256:00", RequestClass::Blob),
        ("/v2/a/blobs/uploads/", RequestClass::Uploads),
        ("/v2/a/blobs/uploads/1-2", RequestClass::Upload),
        ("/v2/a/referrers/sha256:00", RequestClass::Referrers),
        ("/token", RequestClass::Other),
        ("/v2/unknown", RequestClass::Other),
    ] {
        assert_eq!(RequestClass::from_path(path), class, "{path}");
    }
}
