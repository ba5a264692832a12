//! A registry that answers as a test says, over plain sockets, and remembers what it was asked.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use portolan_client::{Client, Retry, Scheme, Settings};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A server on a free loopback port, which ends when it is dropped.
pub(crate) struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _running: JoinSet<()>,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and target.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Asked {
    /// A header's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let named = self.headers.iter().find(|(known, _)| known == name);
        named.map_or("", |(_, value)| value)
    }

    pub(crate) fn method(&self) -> &str {
        self.line.split(' ').next().unwrap()
    }

    pub(crate) fn is(&self, line: &str) -> bool {
        self.line == line
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: String,
    body: Bytes,
    shape: Shape,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Whole,
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    Chunked,
    /// The connection ends, and nothing was said.
    HangUp,
    /// Nothing is said, and the connection stays.
    Silence,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: String::new(),
            body: Bytes::new(),
            shape: Shape::Whole,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        write!(self.headers, "{name}: {value}\r\n").unwrap();
        self
    }

    pub(crate) fn body(self, body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    /// An error of a registry.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        let body =
            format!(r#"{{"errors":[{{"code":"{code}","message":"said so","detail":null}}]}}"#);
        Self::new(status)
            .header("Content-Type", "application/json")
            .body(body)
    }

    pub(crate) fn cut_after(self, bytes: usize) -> Self {
        Self {
            shape: Shape::Cut(bytes),
            ..self
        }
    }

    pub(crate) fn chunked(self) -> Self {
        Self {
            shape: Shape::Chunked,
            ..self
        }
    }

    pub(crate) fn hang_up() -> Self {
        Self {
            shape: Shape::HangUp,
            ..Self::new(0)
        }
    }

    pub(crate) fn silence() -> Self {
        Self {
            shape: Shape::Silence,
            ..Self::new(0)
        }
    }

    fn to_bytes(&self, head_only: bool) -> Vec<u8> {
        let length = match self.shape {
            Shape::Chunked => "Transfer-Encoding: chunked\r\n".into(),
            _ if self.status == 204 => String::new(),
            _ => format!("Content-Length: {}\r\n", self.body.len()),
        };
        // A test that says the length itself means it.
        let length = if self.headers.contains("Content-Length") {
            String::new()
        } else {
            length
        };
        let mut bytes =
            format!("HTTP/1.1 {} x\r\n{}{length}\r\n", self.status, self.headers).into_bytes();
        match self.shape {
            _ if head_only => (),
            Shape::Whole | Shape::HangUp | Shape::Silence => bytes.extend_from_slice(&self.body),
            Shape::Cut(after) => bytes.extend_from_slice(&self.body[..after]),
            Shape::Chunked => {
                bytes.extend_from_slice(format!("{:x}\r\n", self.body.len()).as_bytes());
                bytes.extend_from_slice(&self.body);
                bytes.extend_from_slice(if self.body.is_empty() {
                    b"\r\n"
                } else {
                    b"\r\n0\r\n\r\n"
                });
            }
        }
        bytes
    }
}

type Answer = Arc<dyn Fn(Asked) -> BoxFuture<'static, Reply> + Send + Sync>;

impl Fake {
    /// Answers each request as `answer` says.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::waiting(move |asked| {
            let answer = Arc::clone(&answer);
            Box::pin(async move { answer(&asked) })
        })
        .await
    }

    /// The same, with answers that wait for something.
    pub(crate) async fn waiting(
        answer: impl Fn(Asked) -> BoxFuture<'static, Reply> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, remembered): (Answer, _) = (Arc::new(answer), Arc::clone(&asked));
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&answer), Arc::clone(&remembered)));
            }
        });
        Self {
            address,
            asked,
            _running: running,
        }
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The lines of what was asked so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// Settings for this host that do not wait long.
    pub(crate) fn settings(&self) -> Settings {
        let retry = Retry {
            first_wait: Duration::from_millis(1),
            ..Retry::default()
        };
        Settings {
            scheme: Scheme::Http,
            retry,
            ..Settings::new(self.host())
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.settings()).unwrap()
    }
}

async fn serve(stream: TcpStream, answer: Answer, remembered: Arc<Mutex<Vec<Asked>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(asked) = read(&mut stream).await {
        remembered.lock().unwrap().push(asked.clone());
        let head_only = asked.line.starts_with("HEAD ");
        let reply = answer(asked).await;
        match reply.shape {
            Shape::HangUp => return,
            Shape::Silence => std::future::pending().await,
            Shape::Whole | Shape::Chunked | Shape::Cut(_) => {
                if stream.write_all(&reply.to_bytes(head_only)).await.is_err()
                    || matches!(reply.shape, Shape::Cut(_))
                {
                    return;
                }
            }
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let line = line(stream).await?;
    let mut headers = Vec::new();
    loop {
        let header = self::line(stream).await?;
        let Some((name, value)) = header.split_once(": ") else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut asked = Asked {
        line: line.trim_end_matches(" HTTP/1.1").into(),
        headers,
        body: Bytes::new(),
    };
    asked.body = if asked.header("transfer-encoding") == "chunked" {
        chunks(stream).await?
    } else {
        exactly(stream, asked.header("content-length").parse().unwrap_or(0)).await?
    };
    Some(asked)
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

async fn exactly(stream: &mut BufReader<TcpStream>, length: usize) -> Option<Bytes> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes.into())
}

async fn chunks(stream: &mut BufReader<TcpStream>) -> Option<Bytes> {
    let mut all = Vec::new();
    loop {
        let length = usize::from_str_radix(&line(stream).await?, 16).ok()?;
        all.extend(exactly(stream, length).await?);
        line(stream).await?;
        if length == 0 {
            return Some(all.into());
        }
    }
}

/// Counts from zero, each time it is asked.
#[derive(Default)]
pub(crate) struct Counter(AtomicUsize);

impl Counter {
    pub(crate) fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}
