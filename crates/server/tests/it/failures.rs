//! Failures of the registry itself: told to the operator, not to the client.

use std::io;
use std::sync::{Arc, Mutex, Once};

use portolan_model::Digest;
use portolan_registry::Error;
use portolan_registry::memory::MemoryRegistry;
use portolan_server::ReadyCheck;

use crate::gate::Gate;
use crate::harness::{Running, head};

/// What all tests of this process have logged.
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
            .init()
    });
}

/// The lines about one request.
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
    let server = Running::of(Gate::new(), |_| ()).await;
    let answer = server
        .call(
            "GET",
            "/v2/a/tags/list?n=1",
            &[("x-request-id", "id-of-a-proxy")],
            b"",
        )
        .await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "UNKNOWN"));
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
        "GET",
        "/v2/a/tags/list",
    ] {
        assert!(errors[0].contains(part), "{part} in {}", errors[0]);
    }
}

#[tokio::test]
async fn a_full_disk_is_507() {
    let server = Running::of(Gate::new(), |_| ()).await;
    let answer = server
        .call("DELETE", "/v2/a/blobs/uploads/aWQ", &[], b"")
        .await;
    assert_eq!((answer.status, answer.code().as_str()), (507, "UNKNOWN"));
    assert!(!String::from_utf8(answer.body).unwrap().contains("secret"));
}

#[tokio::test]
async fn each_request_is_one_line() {
    start_logging();
    let server = Running::start().await;
    let answer = server.get("/v2/a/manifests/v1?token=hidden").await;
    let lines = lines(answer.header("x-request-id"));
    assert_eq!(lines.len(), 1, "{lines:?}");
    let bytes = format!("bytes=\"{}\"", answer.body.len());
    for part in [
        "portolan::access",
        "method=GET",
        "path=\"/v2/a/manifests/v1\"",
        "status=404",
        &bytes,
    ] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
    assert!(!lines[0].contains("hidden"));
}

#[tokio::test]
async fn a_client_that_hangs_up_has_its_line() {
    start_logging();
    let gate = Gate::new();
    let server = Running::of(gate.clone(), |_| ()).await;
    let mut connection = server.connect().await;
    let headers = [
        ("content-length", "2"),
        ("x-request-id", "id-of-a-client-that-left"),
    ];
    connection
        .send(head("PUT", "/v2/a/manifests/v1", &headers))
        .await;
    connection.send("{}").await;
    gate.arrival().await;
    drop(connection);
    while lines("id-of-a-client-that-left").is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(lines("id-of-a-client-that-left")[0].contains("the client hung up"));
}

#[tokio::test]
async fn a_panic_is_a_failure_like_any_other() {
    start_logging();
    let server = Running::of(Gate::new(), |_| ()).await;
    let answer = server
        .call("PATCH", "/v2/panics/blobs/uploads/aWQ", &[], b"abc")
        .await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "UNKNOWN"));
    assert_eq!(server.get("/v2/").await.status, 200);
    let lines = lines(answer.header("x-request-id"));
    assert_eq!(
        lines.iter().filter(|line| line.contains("ERROR")).count(),
        1,
        "{lines:?}"
    );
}

#[tokio::test]
async fn content_that_breaks_off_is_not_taken_for_whole() {
    let server = Running::of(Gate::new(), |_| ()).await;
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
        connection
            .send(head(
                "GET",
                &format!("/v2/{repository}/blobs/{digest}"),
                &[],
            ))
            .await;
        assert!(connection.try_answer("GET").await.is_none(), "{repository}");
    }
}

#[tokio::test]
async fn readiness_is_asked_for() {
    let server = Running::start().await;
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(server.get("/readyz").await.status, 200);
    let failing = ReadyCheck::new(|| async {
        Err(Error::internal(
            "reaching the database",
            "no route to secret",
        ))
    });
    let server = Running::checked(Arc::new(MemoryRegistry::new()), failing, |_| ()).await;
    assert_eq!(server.get("/healthz").await.status, 200);
    let answer = server.get("/readyz").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "UNAVAILABLE")
    );
    assert!(!String::from_utf8(answer.body).unwrap().contains("secret"));
}
