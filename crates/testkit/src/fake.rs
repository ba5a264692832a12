//! HTTP server over plain sockets. Each test defines its responses, and it records the requests.

use std::fmt::{Display, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use portolan_client::{Client, Retry, Scheme, Settings};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// First byte of a connection with TLS.
const TLS_HANDSHAKE: u8 = 0x16;

/// Response to a connection with TLS, as most servers without TLS send it.
const NOT_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";

/// Server on a free loopback port. It stops on drop.
#[derive(Debug)]
pub struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _running: JoinSet<()>,
}

/// Recorded request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method and target.
    pub line: String,
    headers: Vec<(String, String)>,
    /// Complete body, without its chunks.
    pub body: Bytes,
}

impl Asked {
    /// Returns the value of a header, or an empty string.
    pub fn header(&self, name: &str) -> &str {
        let named = self.headers.iter().find(|(known, _)| known == name);
        named.map_or("", |(_, value)| value)
    }

    /// Returns the method.
    pub fn method(&self) -> &str {
        self.line
            .split_once(' ')
            .map_or(&self.line, |(method, _)| method)
    }

    /// Returns whether the request line is `line`.
    pub fn is(&self, line: &str) -> bool {
        self.line == line
    }
}

/// Response to send.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: String,
    body: Bytes,
    shape: Shape,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Whole,
    /// Close the connection after so many bytes of the body.
    Cut(usize),
    Chunked,
    /// Close the connection after so many bytes of the only chunk.
    CutChunk(usize),
    /// Close the connection without a response.
    HangUp,
    /// Send no response and keep the connection open.
    Silence,
}

impl Reply {
    /// Creates a response without a body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: String::new(),
            body: Bytes::new(),
            shape: Shape::Whole,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Display) -> Self {
        // Writing to a string cannot fail.
        let _ = write!(self.headers, "{name}: {value}\r\n");
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    /// Creates a registry's error response.
    pub fn error(status: u16, code: &str) -> Self {
        let body =
            format!(r#"{{"errors":[{{"code":"{code}","message":"rejected","detail":null}}]}}"#);
        Self::new(status)
            .header("Content-Type", "application/json")
            .body(body)
    }

    /// Closes the connection after so many bytes of the body.
    #[must_use]
    pub fn cut_after(self, bytes: usize) -> Self {
        let shape = match self.shape {
            Shape::Chunked => Shape::CutChunk(bytes),
            _ => Shape::Cut(bytes),
        };
        Self { shape, ..self }
    }

    /// Sends the body in chunks, without its length.
    #[must_use]
    pub fn chunked(self) -> Self {
        Self {
            shape: Shape::Chunked,
            ..self
        }
    }

    /// Creates the end of the connection without a response.
    pub fn hang_up() -> Self {
        Self {
            shape: Shape::HangUp,
            ..Self::new(0)
        }
    }

    /// Creates a response that never comes. The connection stays open.
    pub fn silence() -> Self {
        Self {
            shape: Shape::Silence,
            ..Self::new(0)
        }
    }

    fn to_bytes(&self, head_only: bool) -> Vec<u8> {
        let length = match self.shape {
            Shape::Chunked | Shape::CutChunk(_) => "Transfer-Encoding: chunked\r\n".into(),
            _ if self.status == 204 => String::new(),
            _ => format!("Content-Length: {}\r\n", self.body.len()),
        };
        // A test may set the length itself.
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
            Shape::CutChunk(after) => {
                bytes.extend_from_slice(format!("{:x}\r\n", self.body.len()).as_bytes());
                bytes.extend_from_slice(&self.body[..after]);
            }
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
    /// Starts a server that responds to each request with the result of `answer`.
    ///
    /// # Panics
    /// Panics if no loopback port is free.
    pub async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::waiting(move |asked| {
            let answer = Arc::clone(&answer);
            Box::pin(async move { answer(&asked) })
        })
        .await
    }

    /// Starts a server whose responses may wait for something.
    ///
    /// # Panics
    /// Panics if no loopback port is free.
    pub async fn waiting(
        answer: impl Fn(Asked) -> BoxFuture<'static, Reply> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a loopback port is free");
        let address = listener.local_addr().expect("the socket is bound");
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

    /// Returns the host of references, as `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns all requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.asked).clone()
    }

    /// Returns the request lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// Returns settings for this host with short waits.
    pub fn settings(&self) -> Settings {
        let retry = Retry {
            initial_wait: Duration::from_millis(1),
            ..Retry::default()
        };
        Settings {
            scheme: Scheme::Http,
            retry,
            ..Settings::new(self.host())
        }
    }

    /// Returns a client with these settings.
    ///
    /// # Panics
    /// Panics if the machine has no usable TLS configuration.
    pub fn client(&self) -> Client {
        Client::new(self.settings()).expect("the settings are valid")
    }
}

/// Locks a value. A test that panicked while it held the lock has already failed.
pub(crate) fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(stream: TcpStream, answer: Answer, remembered: Arc<Mutex<Vec<Asked>>>) {
    let mut stream = BufReader::new(stream);
    if stream
        .fill_buf()
        .await
        .is_ok_and(|bytes| bytes.first() == Some(&TLS_HANDSHAKE))
    {
        let _ = stream.write_all(NOT_HTTP).await;
        return;
    }
    while let Some(asked) = read(&mut stream).await {
        lock(&remembered).push(asked.clone());
        let head_only = asked.line.starts_with("HEAD ");
        let reply = answer(asked).await;
        match reply.shape {
            Shape::HangUp => return,
            Shape::Silence => std::future::pending().await,
            Shape::Whole | Shape::Chunked | Shape::Cut(_) | Shape::CutChunk(_) => {
                if stream.write_all(&reply.to_bytes(head_only)).await.is_err()
                    || matches!(reply.shape, Shape::Cut(_) | Shape::CutChunk(_))
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

/// Counter from zero.
#[derive(Debug, Default)]
pub struct Counter(AtomicUsize);

impl Counter {
    /// Returns the number of earlier calls.
    pub fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}
