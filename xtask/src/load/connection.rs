//! Persistent HTTP/1.1 connection over loopback, which reconnects after an error.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::Payload;

/// Time limit for a response. Exceeding it is a fault of the server.
const RESPONSE_LIMIT: Duration = Duration::from_mins(2);

/// Time after which an idle connection is replaced: a server may be about to close it.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

/// Servers older than the specification's text on `Accept` respond with 404 unless the type is
/// named.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, */*";

/// Response of a server with its complete body.
pub struct ReceivedResponse {
    /// Status of the response.
    pub status: StatusCode,
    /// Headers of the response.
    pub headers: HeaderMap,
    /// Complete body.
    pub body: Bytes,
}

impl ReceivedResponse {
    /// Returns the value of a header, or the empty string.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// Connection of a client to one server. Requests are sent one after another.
pub struct Connection {
    address: SocketAddr,
    source: Option<IpAddr>,
    sender: Option<SendRequest<Payload>>,
    last_used: Instant,
}

impl Connection {
    /// Creates a connection. The first request opens it.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            source: None,
            sender: None,
            last_used: Instant::now(),
        }
    }

    /// Creates a connection like [`Connection::new`], from a chosen address of this machine.
    pub fn from_source(source: IpAddr, address: SocketAddr) -> Self {
        Self {
            source: Some(source),
            ..Self::new(address)
        }
    }

    /// Sends a request without a body.
    pub async fn get(&mut self, target: &str) -> Result<ReceivedResponse> {
        self.send(Method::GET, target, "", Payload::empty()).await
    }

    /// Sends a request and reads the complete response. After an error, the next request opens a
    /// new connection.
    ///
    /// An empty `media_type` sends no `Content-Type`. Manifests of every type are accepted.
    pub async fn send(
        &mut self,
        method: Method,
        target: &str,
        media_type: &str,
        body: Payload,
    ) -> Result<ReceivedResponse> {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, self.address.to_string())
            .header(header::ACCEPT, ACCEPT);
        if !media_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        let exchange = self.exchange(request.body(body)?);
        let response = timeout(RESPONSE_LIMIT, exchange)
            .await
            .context("no response within the time limit");
        let response = response.and_then(|inner| inner);
        if response.is_err() {
            self.sender = None;
        }
        response.with_context(|| target.to_owned())
    }

    async fn exchange(&mut self, request: Request<Payload>) -> Result<ReceivedResponse> {
        let mut sender = self.ready_sender().await?;
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        // Only a connection whose response was read completely can be reused. After an error, the
        // sender is dropped, which closes the connection.
        self.sender = Some(sender);
        self.last_used = Instant::now();
        Ok(ReceivedResponse {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    async fn ready_sender(&mut self) -> Result<SendRequest<Payload>> {
        if let Some(mut sender) = self.sender.take()
            && self.last_used.elapsed() < IDLE_LIMIT
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let socket = TcpSocket::new_v4()?;
        if let Some(source) = self.source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let stream = socket.connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
