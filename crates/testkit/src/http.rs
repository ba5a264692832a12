//! Minimal HTTP/1.1 client that implements [`Registry`](portolan_registry::Registry).
//!
//! Its purpose is to run the contract suite on a server. It sends exactly the requests that a call
//! needs, never retries, and opens a connection for each request. It ignores the caller in the
//! `Context`, and returns no findings, because the protocol does not transmit them.

mod body;
mod deleter;
mod lister;
mod reader;
mod response;
mod uploads;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use portolan_registry::{Body, Error, Result};
use portolan_wire::Endpoint;
use tokio::net::TcpStream;

use http::request::Builder;
use http::{Method, Request, Response, StatusCode, header};

use body::{BodyError, OutgoingBody};
use response::read_error;

/// Registry behind a server at an address, without TLS.
#[derive(Clone, Copy, Debug)]
pub struct HttpRegistry {
    address: SocketAddr,
}

impl HttpRegistry {
    /// Creates a client for the registry at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Starts to build a request to an endpoint. `query` has no question mark and may be empty.
    fn request(&self, method: Method, endpoint: &Endpoint, query: &str) -> Builder {
        let separator = if query.is_empty() { "" } else { "?" };
        self.request_to(method, &format!("{endpoint}{separator}{query}"))
    }

    fn request_to(&self, method: Method, target: &str) -> Builder {
        Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, self.address.to_string())
    }

    /// Sends a request and returns the response if its status is a success.
    async fn call(&self, request: Builder, body: Body) -> Result<Response<Incoming>> {
        let response = self.send(request, body).await?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(read_error(response).await)
        }
    }

    /// Sends a HEAD request and returns the response if its status is a success, or `None` for a
    /// 404.
    ///
    /// A response to HEAD has no body with an error code, so the caller creates the error for a
    /// 404.
    async fn call_head(&self, request: Builder) -> Result<Option<Response<Incoming>>> {
        let response = self.send(request, Body::empty()).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(response)),
            _ => Err(read_error(response).await),
        }
    }

    async fn send(&self, request: Builder, body: Body) -> Result<Response<Incoming>> {
        let broken = BodyError::default();
        let request = request.body(OutgoingBody::new(body, Arc::clone(&broken)));
        let request =
            request.map_err(|error| Error::internal("failed to build a request", error))?;
        let stream = TcpStream::connect(self.address).await;
        let stream = stream.map_err(|error| {
            Error::internal(format!("failed to connect to {}", self.address), error)
        })?;
        let connected = handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) =
            connected.map_err(|error| Error::internal("failed to open a connection", error))?;
        // The task drives the connection until the body of the response has been read or dropped.
        // Its result is not needed: the reader of the response gets the same error.
        tokio::spawn(connection);
        sender
            .send_request(request)
            .await
            .map_err(|error| match body::take_error(&broken) {
                Some(broken) => broken,
                None => Error::internal("failed to send a request", error),
            })
    }
}
