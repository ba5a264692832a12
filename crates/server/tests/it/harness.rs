//! A server on a free port, and a client that hides nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use portolan_model::Digest;
use portolan_model::fixtures::Image;
use portolan_registry::Registry;
use portolan_registry::memory::MemoryRegistry;
use portolan_server::{ReadyCheck, Server, Settings};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Far longer than anything here takes, so that what hangs fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, stopped when told to or dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    /// With a registry in memory and the default settings.
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// With some settings changed.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::of(Arc::new(MemoryRegistry::new()), change).await
    }

    /// In front of a registry.
    pub(crate) async fn of(
        registry: Arc<dyn Registry>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::checked(registry, ReadyCheck::always(), change).await
    }

    /// With a readiness check.
    pub(crate) async fn checked(
        registry: Arc<dyn Registry>,
        ready: ReadyCheck,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let server = Server::bind(settings, registry, ready).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run(async move {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop: Some(stop),
            task,
        }
    }

    /// Tells it to stop; the value ends when it has.
    pub(crate) fn stop(mut self) -> JoinHandle<()> {
        drop(self.stop.take());
        self.task
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// One request on a connection of its own.
    pub(crate) async fn call(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.connect()
            .await
            .call(method, target, headers, body)
            .await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.call("GET", target, &[], b"").await
    }

    pub(crate) async fn head(&self, target: &str) -> Answer {
        self.call("HEAD", target, &[], b"").await
    }

    /// Pushes a blob in one request.
    pub(crate) async fn push_blob(&self, repository: &str, content: &[u8]) -> Digest {
        let digest = Digest::sha256(content);
        let target = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        assert_eq!(self.call("POST", &target, &[], content).await.status, 201);
        digest
    }

    /// Pushes an image with all that it names; `reference` is a tag or its digest.
    pub(crate) async fn push_image(
        &self,
        repository: &str,
        reference: &str,
        image: &Image,
    ) -> Answer {
        for blob in image.blobs() {
            self.push_blob(repository, &blob).await;
        }
        let media_type = image.media_type();
        let headers = [("content-type", media_type.as_str())];
        self.call(
            "PUT",
            &format!("/v2/{repository}/manifests/{reference}"),
            &headers,
            &image.bytes(),
        )
        .await
    }
}

/// What a server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// All values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The only value of a header; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let values = self.all(name);
        assert!(
            values.len() < 2,
            "{name} stands there several times: {values:?}"
        );
        values.first().copied().unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of the only error in the body, which has to have a message and detail.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
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

/// A connection on which bytes are sent as a test likes.
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

    /// Sends a whole request with its length and reads the answer.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let length = body.len().to_string();
        let mut all = headers.to_vec();
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            all.push(("content-length", &length));
        }
        self.send(head(method, target, &all)).await;
        self.send(body).await;
        self.answer(method).await
    }

    /// Reads one answer; panics when the connection ends before it is complete.
    pub(crate) async fn answer(&mut self, method: &str) -> Answer {
        self.try_answer(method).await.expect("an answer")
    }

    /// Reads one answer, or nothing when the connection ends.
    pub(crate) async fn try_answer(&mut self, method: &str) -> Option<Answer> {
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
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let split = |line: &str| {
            line.split_once(": ")
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .unwrap()
        };
        let headers: Vec<_> = lines.map(split).collect();
        let answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        assert_eq!(
            answer.header("transfer-encoding"),
            "",
            "no answer is chunked"
        );
        if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) {
            return Some(answer);
        }
        let length: usize = answer.header("content-length").parse().expect("a length");
        while self.unread.len() < length {
            self.fill().await?;
        }
        Some(Answer {
            body: self.unread.drain(..length).collect(),
            ..answer
        })
    }

    /// Waits until the server ends the connection, in whichever way; what it still sends is dropped.
    pub(crate) async fn closed(&mut self) {
        while self.fill().await.is_some() {}
    }

    async fn fill(&mut self) -> Option<()> {
        let mut buffer = vec![0; 64 << 10];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer))
            .await
            .expect("the server says something");
        let count = read.ok().filter(|count| *count > 0)?;
        self.unread.extend_from_slice(&buffer[..count]);
        Some(())
    }
}

/// The line and headers of a request.
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
