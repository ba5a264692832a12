//! Tests for failures of the registry itself, which are logged but not shown to clients.

use std::io;
use std::sync::{Arc, Mutex, Once};

use portolan_model::Digest;
use portolan_registry::Error;
use portolan_registry::memory::MemoryRegistry;
use portolan_server::ReadyCheck;

use crate::gate::Gate;
use crate::harness::{TestServer, head};

/// Log of all tests in this process.
static LOG: Log = Log(Mutex::new(Vec::new()));

struct Log(Mutex<Vec<u8>>);

impl io::Write for &Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start_logging() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        tracing_subscriber::fmt()
            .with_writer(|| &LOG)
            .with_ansi(false)
            .init();
    });
}

/// Returns the log lines of one request.
fn lines(request: &str) -> Vec<String> {
    let text = String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap();
    text.lines()
        .filter(|line| line.contains(request))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_failure_is_logged_once_and_hidden_from_the_client() {
    start_logging();
    let server = TestServer::with_registry(Gate::new(), |_| ()).await;
    let answer = server
        .request(
            "GET",
            "/v2/a/tags/list?n=1",
            &[("x-request-id", "id-of-a-proxy")],
            b"",
        )
        .await;
    assert_eq!(
        (answer.status, answer.error_code().as_str()),
        (500, "UNKNOWN")
    );
    assert_eq!(answer.header("x-request-id"), "id-of-a-proxy");
    assert_eq!(
        answer.json()["errors"][0]["detail"]["requestId"],
        "id-of-a-proxy"
    );
    assert!(!String::from_utf8(answer.body).unwrap().contains("secret"));
    let errors: Vec<_> = lines("id-of-a-proxy")
        .into_iter()
        .filter(|line| line.contains("ERROR"))
        .collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    for part in [
        "/var/lib/secret: the disk is gone",
        "client=127.0.0.1",
        "GET",
        "/v2/a/tags/list",
    ] {
        assert!(errors[0].contains(part), "{part} in {}", errors[0]);
    }
}

#[tokio::test]
async fn full_storage_is_507() {
    let server = TestServer::with_registry(Gate::new(), |_| ()).await;
    let answer = server
        .request("DELETE", "/v2/a/blobs/uploads/aWQ", &[], b"")
        .await;
    assert_eq!(
        (answer.status, answer.error_code().as_str()),
        (507, "UNKNOWN")
    );
    assert!(!String::from_utf8(answer.body).unwrap().contains("secret"));
}

#[tokio::test]
async fn each_request_logs_one_line() {
    start_logging();
    let server = TestServer::start().await;
    let headers = [("user-agent", "docker/29.1 \"x\"")];
    let answer = server
        .request("GET", "/v2/a/manifests/v1?token=hidden", &headers, b"")
        .await;
    let lines = lines(answer.header("x-request-id"));
    assert_eq!(lines.len(), 1, "{lines:?}");
    let bytes = format!("bytes={}", answer.body.len());
    for part in [
        "portolan::access",
        "client=127.0.0.1",
        "method=GET",
        "path=\"/v2/a/manifests/v1\"",
        "repository=a ",
        r#"user_agent="docker/29.1 \"x\"""#,
        "microseconds=",
        "status=404",
        &bytes,
    ] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
    assert!(!lines[0].contains("hidden") && !lines[0].contains("proxy="));
    let (_, rest) = lines[0].split_once("microseconds=").unwrap();
    let duration = rest.split(' ').next().unwrap();
    assert!(duration.parse::<u64>().is_ok(), "{duration}");
}

#[tokio::test]
async fn the_client_of_a_trusted_proxy_is_logged() {
    start_logging();
    let logged = async |trusted: &[&str], id: &str| {
        let trusted = trusted.iter().map(|network| network.parse().unwrap());
        let trusted = trusted.collect();
        let server = TestServer::with_settings(|settings| settings.trusted_proxies = trusted).await;
        let headers = [
            ("x-forwarded-for", "198.51.100.1, 192.0.2.1"),
            ("x-request-id", id),
        ];
        server.request("GET", "/v2/", &headers, b"").await;
        lines(id).remove(0)
    };
    let line = logged(&["10.0.0.0/8", "127.0.0.0/8"], "id-of-a-trusted-proxy").await;
    assert!(line.contains("client=192.0.2.1 proxy=127.0.0.1 "), "{line}");
    let line = logged(&["10.0.0.0/8"], "id-of-another-proxy").await;
    assert!(
        line.contains("client=127.0.0.1 ") && !line.contains("proxy="),
        "{line}"
    );
}

#[tokio::test]
async fn a_long_user_agent_is_truncated() {
    start_logging();
    let server = TestServer::start().await;
    let agent = "x".repeat(300);
    let headers = [
        ("user-agent", agent.as_str()),
        ("x-request-id", "id-of-a-long-agent"),
    ];
    server.request("GET", "/v2/", &headers, b"").await;
    let line = lines("id-of-a-long-agent").remove(0);
    assert!(
        line.contains(&format!("user_agent=\"{}\"", "x".repeat(256))),
        "{line}"
    );
}

#[tokio::test]
async fn a_disconnected_client_is_logged() {
    start_logging();
    let gate = Gate::new();
    let server = TestServer::with_registry(gate.clone(), |_| ()).await;
    let mut connection = server.connect().await;
    let headers = [
        ("content-length", "2"),
        ("x-request-id", "id-of-a-client-that-left"),
    ];
    connection
        .send(head("PUT", "/v2/a/manifests/v1", &headers))
        .await;
    connection.send("{}").await;
    gate.wait_for_arrival().await;
    drop(connection);
    while lines("id-of-a-client-that-left").is_empty() {
        tokio::task::yield_now().await;
    }
    let line = &lines("id-of-a-client-that-left")[0];
    assert!(
        line.contains("the client disconnected") && line.contains("client=127.0.0.1"),
        "{line}"
    );
}

#[tokio::test]
async fn a_panic_is_an_internal_error() {
    start_logging();
    let server = TestServer::with_registry(Gate::new(), |_| ()).await;
    let answer = server
        .request("PATCH", "/v2/panics/blobs/uploads/aWQ", &[], b"abc")
        .await;
    assert_eq!(
        (answer.status, answer.error_code().as_str()),
        (500, "UNKNOWN")
    );
    assert_eq!(server.get("/v2/").await.status, 200);
    let lines = lines(answer.header("x-request-id"));
    assert_eq!(
        lines.iter().filter(|line| line.contains("ERROR")).count(),
        1,
        "{lines:?}"
    );
}

#[tokio::test]
async fn incomplete_content_closes_the_connection() {
    start_logging();
    let server = TestServer::with_registry(Gate::new(), |_| ()).await;
    let digest = Digest::sha256(b"");
    assert_eq!(
        server
            .get(&format!("/v2/whole/blobs/{digest}"))
            .await
            .body
            .len(),
        2000
    );
    for repository in ["short", "short-piece", "broken"] {
        let mut connection = server.connect().await;
        let (path, id) = (
            format!("/v2/{repository}/blobs/{digest}"),
            format!("id-of-{repository}-content"),
        );
        connection
            .send(head("GET", &path, &[("x-request-id", &id)]))
            .await;
        assert!(
            connection.try_read_response("GET").await.is_none(),
            "{repository}"
        );
        let lines = lines(&id);
        let early = lines
            .iter()
            .filter(|line| line.contains("a response ended before its content was complete"));
        let early: Vec<_> = early.collect();
        assert!(
            early.len() == 1 && early[0].contains("client=127.0.0.1"),
            "{lines:?}"
        );
    }
}

#[tokio::test]
async fn readyz_runs_the_check() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(server.get("/readyz").await.status, 200);
    let failing = ReadyCheck::new(|| async {
        Err(Error::internal(
            "failed to reach the database",
            "no route to secret",
        ))
    });
    let server =
        TestServer::with_ready_check(Arc::new(MemoryRegistry::new()), failing, |_| ()).await;
    assert_eq!(server.get("/healthz").await.status, 200);
    let answer = server.get("/readyz").await;
    assert_eq!(
        (answer.status, answer.error_code().as_str()),
        (503, "UNAVAILABLE")
    );
    assert!(!String::from_utf8(answer.body).unwrap().contains("secret"));
}
