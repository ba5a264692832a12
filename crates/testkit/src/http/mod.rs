//! Any registry behind plain HTTP/1.1, as a [`Registry`](portolan_registry::Registry).
//!
//! It exists to hold a server against the contract suite: it asks for exactly what a call means,
//! never tries again, and opens a connection for each request. What HTTP does not carry is left
//! out: the caller, the policy of a manifest and findings as data.

mod answer;
mod body;
mod deleter;
mod lister;
mod reader;
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

use answer::refusal;
use body::{Broken, Outgoing};

/// The registry that answers at an address.
#[derive(Clone, Copy, Debug)]
pub struct HttpRegistry {
    address: SocketAddr,
}

impl HttpRegistry {
    /// The registry at `address`, without TLS.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// A request to an endpoint; the query comes without a question mark and may be empty.
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

    /// The answer to a request, if it is one of success.
    async fn ask(&self, request: Builder, body: Body) -> Result<Response<Incoming>> {
        let response = self.send(request, body).await?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(refusal(response).await)
        }
    }

    /// The answer to a HEAD, if it is one of success; `None` for what is not there, since the answer
    /// has no body to say what that was.
    async fn ask_head(&self, request: Builder) -> Result<Option<Response<Incoming>>> {
        let response = self.send(request, Body::empty()).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(response)),
            _ => Err(refusal(response).await),
        }
    }

    async fn send(&self, request: Builder, body: Body) -> Result<Response<Incoming>> {
        let broken = Broken::default();
        let request = request.body(Outgoing::new(body, Arc::clone(&broken)));
        let request = request.map_err(|error| Error::internal("building a request", error))?;
        let stream = TcpStream::connect(self.address).await;
        let stream = stream
            .map_err(|error| Error::internal(format!("connecting to {}", self.address), error))?;
        let connected = handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) =
            connected.map_err(|error| Error::internal("opening a connection", error))?;
        // The connection is driven until the answer's body has been read or dropped; why it ends
        // is seen by whoever waits for that.
        tokio::spawn(connection);
        sender
            .send_request(request)
            .await
            .map_err(|error| match body::take(&broken) {
                Some(broken) => broken,
                None => Error::internal("sending a request", error),
            })
    }
}
