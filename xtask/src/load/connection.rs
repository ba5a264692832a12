//! One HTTP/1.1 connection over loopback, kept alive, opened again after it broke.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Payload;

/// No answer within this time is a fault of the server, not patience of the client.
const ANSWER_LIMIT: Duration = Duration::from_mins(2);

/// Servers older than the specification's word on `Accept` answer 404 unless the type is named.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, */*";

/// What a server answered, its body read to the end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header's value, or the empty string.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// A client's connection to one server; requests go one after another.
pub(crate) struct Connection {
    address: SocketAddr,
    sender: Option<SendRequest<Payload>>,
}

impl Connection {
    /// Nothing is opened before the first request.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            sender: None,
        }
    }

    /// Sends a request without a body.
    pub(crate) async fn get(&mut self, target: &str) -> Result<Answer> {
        self.send(Method::GET, target, "", Payload::empty()).await
    }

    /// Sends a request and reads the whole answer; after an error the next request opens a new connection.
    ///
    /// An empty `media_type` sends no `Content-Type`. Manifests of every type are accepted.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        target: &str,
        media_type: &str,
        body: Payload,
    ) -> Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, self.address.to_string())
            .header(header::ACCEPT, ACCEPT);
        if !media_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        let exchange = self.exchange(request.body(body)?);
        let answer = timeout(ANSWER_LIMIT, exchange)
            .await
            .context("no answer in time");
        let answer = answer.and_then(|inner| inner);
        if answer.is_err() {
            self.sender = None;
        }
        answer.with_context(|| target.to_owned())
    }

    async fn exchange(&mut self, request: Request<Payload>) -> Result<Answer> {
        let mut sender = self.ready_sender().await?;
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        self.sender = Some(sender);
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    async fn ready_sender(&mut self) -> Result<SendRequest<Payload>> {
        if let Some(mut sender) = self.sender.take()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
