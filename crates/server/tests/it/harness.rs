//! Test server on a free port, and a raw HTTP client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use portolan_model::Digest;
use portolan_model::fixtures::ImageFixture;
use portolan_registry::Registry;
use portolan_registry::memory::MemoryRegistry;
use portolan_server::{ReadyCheck, Server, Settings};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Timeout for everything, far longer than needed, so that a hanging test fails.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum size of the head of every response, in bytes. Proxies reject larger ones.
const MAX_HEAD_BYTES: usize = 3_500;

/// Maximum number of lines in the head of every response. Clients reject more.
const MAX_HEAD_LINES: usize = 100;

/// Running server. It stops on request or on drop.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    abort: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl TestServer {
    /// Starts a server with an in-memory registry and default settings.
    pub(crate) async fn start() -> Self {
        Self::with_settings(|_| ()).await
    }

    /// Starts a server with changed settings.
    pub(crate) async fn with_settings(change: impl FnOnce(&mut Settings)) -> Self {
        Self::with_registry(Arc::new(MemoryRegistry::new()), change).await
    }

    /// Starts a server for a registry.
    pub(crate) async fn with_registry(
        registry: Arc<dyn Registry>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::with_ready_check(registry, ReadyCheck::always(), change).await
    }

    /// Starts a server with a readiness check.
    pub(crate) async fn with_ready_check(
        registry: Arc<dyn Registry>,
        ready: ReadyCheck,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            hosts: vec!["registry.test".parse().unwrap()],
            ..Settings::default()
        };
        change(&mut settings);
        let server = Server::bind(settings, registry, ready).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let (abort, aborted) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run(
            async move {
                let _ = stopped.await;
            },
            async move {
                if aborted.await.is_err() {
                    std::future::pending::<()>().await;
                }
            },
        ));
        Self {
            address,
            stop: Some(stop),
            abort: Some(abort),
            task,
        }
    }

    /// Begins the shutdown. The returned handle completes with it.
    pub(crate) fn stop(mut self) -> JoinHandle<()> {
        drop(self.stop.take());
        self.task
    }

    /// Begins the shutdown, and ends it at once.
    pub(crate) fn abort(mut self) -> JoinHandle<()> {
        if let Some(abort) = self.abort.take() {
            let _ = abort.send(());
        }
        self.stop()
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends one request on a separate connection.
    pub(crate) async fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> TestResponse {
        self.connect()
            .await
            .request(method, target, headers, body)
            .await
    }

    pub(crate) async fn get(&self, target: &str) -> TestResponse {
        self.request("GET", target, &[], b"").await
    }

    pub(crate) async fn head(&self, target: &str) -> TestResponse {
        self.request("HEAD", target, &[], b"").await
    }

    /// Pushes a blob in one request.
    pub(crate) async fn push_blob(&self, repository: &str, content: &[u8]) -> Digest {
        let digest = Digest::sha256(content);
        let target = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        assert_eq!(
            self.request("POST", &target, &[], content).await.status,
            201
        );
        digest
    }

    /// Pushes an image with all of its blobs; `reference` is a tag or its digest.
    pub(crate) async fn push_image(
        &self,
        repository: &str,
        reference: &str,
        image: &ImageFixture,
    ) -> TestResponse {
        for blob in image.blobs() {
            self.push_blob(repository, &blob).await;
        }
        let media_type = image.media_type();
        let headers = [("content-type", media_type.as_str())];
        self.request(
            "PUT",
            &format!("/v2/{repository}/manifests/{reference}"),
            &headers,
            &image.bytes(),
        )
        .await
    }
}

/// Response of the server.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl TestResponse {
    /// Returns all values of a header.
    pub(crate) fn header_values(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// Returns the only value of a header, or an empty string.
    pub(crate) fn header(&self, name: &str) -> &str {
        let values = self.header_values(name);
        assert!(values.len() < 2, "{name} occurs several times: {values:?}");
        values.first().copied().unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Returns the code of the only error in the body, which must have a message and details.
    #[track_caller]
    pub(crate) fn error_code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/json");
        let body = self.json();
        let error = &body["errors"][0];
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{body}"
        );
        assert!(
            error["detail"]
                .as_object()
                .is_some_and(|detail| !detail.is_empty()),
            "{body}"
        );
        error["code"].as_str().unwrap().to_owned()
    }
}

/// Connection for raw bytes.
pub(crate) struct Connection<S = TcpStream> {
    pub(crate) stream: S,
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends a complete request with its length, and reads the response.
    pub(crate) async fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> TestResponse {
        let length = body.len().to_string();
        let mut all = headers.to_vec();
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            all.push(("content-length", &length));
        }
        self.send(head(method, target, &all)).await;
        self.send(body).await;
        self.read_response(method).await
    }

    /// Reads one response. Panics if the connection ends before it is complete.
    pub(crate) async fn read_response(&mut self, method: &str) -> TestResponse {
        self.try_read_response(method).await.expect("an answer")
    }

    /// Reads one response, or returns `None` if the connection ends.
    pub(crate) async fn try_read_response(&mut self, method: &str) -> Option<TestResponse> {
        let end = loop {
            if let Some(end) = self
                .unread
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break end;
            }
            self.fill().await?;
        };
        let text = String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
        assert!(
            text.len() <= MAX_HEAD_BYTES && text.lines().count() <= MAX_HEAD_LINES,
            "{} bytes: {text}",
            text.len()
        );
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let split = |line: &str| {
            line.split_once(": ")
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .unwrap()
        };
        let headers: Vec<_> = lines.map(split).collect();
        let answer = TestResponse {
            status,
            headers,
            body: Vec::new(),
        };
        assert_eq!(
            answer.header("transfer-encoding"),
            "",
            "responses are never chunked"
        );
        if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) {
            return Some(answer);
        }
        let length: usize = answer.header("content-length").parse().expect("a length");
        while self.unread.len() < length {
            self.fill().await?;
        }
        Some(TestResponse {
            body: self.unread.drain(..length).collect(),
            ..answer
        })
    }

    /// Waits until the server closes the connection, and discards what it still sends.
    pub(crate) async fn wait_closed(&mut self) {
        while self.fill().await.is_some() {}
    }

    async fn fill(&mut self) -> Option<()> {
        let mut buffer = vec![0; 64 << 10];
        let read = timeout(TIMEOUT, self.stream.read(&mut buffer))
            .await
            .expect("the server responds in time");
        let count = read.ok().filter(|count| *count > 0)?;
        self.unread.extend_from_slice(&buffer[..count]);
        Some(())
    }
}

/// Formats the request line and headers.
pub(crate) fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> String {
    let lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!(
        "{method} {target} HTTP/1.1\r\nhost: registry.test\r\n{}\r\n",
        lines.concat()
    )
}
