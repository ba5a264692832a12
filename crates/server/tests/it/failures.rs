//! Failures of the registry itself: told to the operator, not to the client.

use std::io;
use std::sync::{Arc, Mutex};

use portolan_model::Digest;
use portolan_registry::Error;
use portolan_registry::memory::MemoryRegistry;
use portolan_server::ReadyCheck;
use tracing_subscriber::fmt::MakeWriter;

use crate::gate::Gate;
use crate::harness::{Running, head};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything that is logged on this thread, which is all of a test's, until the second is dropped.
fn log() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn a_failure_is_logged_once_and_hidden_from_the_client() {
    let (log, _guard) = log();
    let server = Running::of(Gate::new(), |_| ()).await;
    let answer = server.call("GET", "/v2/a/tags/list?n=1", &[("x-request-id", "id-of-a-proxy")], b"").await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "UNKNOWN"));
    assert_eq!(answer.header("x-request-id"), "id-of-a-proxy");
    assert_eq!(answer.json()["errors"][0]["detail"]["requestId"], "id-of-a-proxy");
    assert!(!String::from_utf8(answer.body).unwrap().contains("secret"));
    let errors: Vec<_> = log.lines().into_iter().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    for part in ["id-of-a-proxy", "/var/lib/secret: the disk is gone", "GET", "/v2/a/tags/list"] {
        assert!(errors[0].contains(part), "{part} in {}", errors[0]);
    }
}

#[tokio::test]
async fn a_full_disk_is_507() {
    let server = Running::of(Gate::new(), |_| ()).await;
    let answer = server.call("DELETE", "/v2/a/blobs/uploads/aWQ", &[], b"").await;
    assert_eq!((answer.status, answer.code().as_str()), (507, "UNKNOWN"));
    assert!(!String::from_utf8(answer.body).unwrap().contains("secret"));
}

#[tokio::test]
async fn each_request_is_one_line() {
    let (log, _guard) = log();
    let server = Running::start().await;
    let answer = server.get("/v2/a/manifests/v1?token=hidden").await;
    let lines: Vec<_> = log.lines().into_iter().filter(|line| line.contains("portolan::access")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let bytes = format!("bytes=\"{}\"", answer.body.len());
    for part in ["method=GET", "path=\"/v2/a/manifests/v1\"", "status=404", &bytes, answer.header("x-request-id")] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
    assert!(!lines[0].contains("hidden"));
}

#[tokio::test]
async fn a_panic_is_a_failure_like_any_other() {
    let (log, _guard) = log();
    let server = Running::of(Gate::new(), |_| ()).await;
    let answer = server.call("PATCH", "/v2/panics/blobs/uploads/aWQ", &[], b"abc").await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "UNKNOWN"));
    assert_eq!(server.get("/v2/").await.status, 200);
    assert_eq!(log.lines().iter().filter(|line| line.contains("ERROR")).count(), 1);
}

#[tokio::test]
async fn content_that_breaks_off_is_not_taken_for_whole() {
    let server = Running::of(Gate::new(), |_| ()).await;
    let digest = Digest::sha256(b"");
    assert_eq!(server.get(&format!("/v2/whole/blobs/{digest}")).await.body.len(), 2000);
    for repository in ["short", "broken"] {
        let mut connection = server.connect().await;
        connection.send(head("GET", &format!("/v2/{repository}/blobs/{digest}"), &[])).await;
        assert!(connection.try_answer("GET").await.is_none(), "{repository}");
    }
}

#[tokio::test]
async fn readiness_is_asked_for() {
    let server = Running::start().await;
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(server.get("/readyz").await.status, 200);
    let failing = ReadyCheck::new(|| async { Err(Error::internal("reaching the database", "no route to secret")) });
    let server = Running::checked(Arc::new(MemoryRegistry::new()), failing, |_| ()).await;
    assert_eq!(server.get("/healthz").await.status, 200);
    let answer = server.get("/readyz").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "UNAVAILABLE"));
    assert!(!String::from_utf8(answer.body).unwrap().contains("secret"));
}
