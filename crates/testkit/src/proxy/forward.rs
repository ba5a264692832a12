//! Forwarding of requests to the registry, each over a separate connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::body::{FaultyBody, UpstreamConnection};
use super::record::Record;
use super::script::Script;
use super::{BodyFault, Fault};

type ProxyResponse = Response<BoxBody<Bytes, io::Error>>;

/// Forwards requests to `upstream`, with the faults of `script`.
#[derive(Clone)]
pub(super) struct Forwarder {
    pub(super) upstream: SocketAddr,
    pub(super) script: Arc<Script>,
    pub(super) record: Arc<Record>,
}

impl Forwarder {
    /// Accepts connections until the runtime is shut down.
    pub(super) async fn listen(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().serve(stream));
        }
    }

    async fn serve(self, stream: TcpStream) {
        let answer = service_fn(|request| self.handle(request));
        // The proxy breaks connections on purpose, so errors are ignored.
        let _ = stream.set_nodelay(true);
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer)
            .await;
    }

    /// Handles one request. An error breaks the connection.
    async fn handle(&self, request: Request<Incoming>) -> io::Result<ProxyResponse> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let fault = self
            .script
            .fault(&method, &path, !request.body().is_end_stream());
        let sent = self.record.add(method, &path, fault);
        let (mut on_request, mut on_response) = (None, None);
        match fault {
            Some(Fault::Reject {
                status,
                retry_after,
            }) => {
                request
                    .into_body()
                    .collect()
                    .await
                    .map_err(io::Error::other)?;
                return Ok(reject(status, retry_after));
            }
            Some(Fault::Delay(wait)) => sleep(wait).await,
            Some(Fault::Request(fault)) => on_request = Some(fault),
            Some(Fault::Response(fault)) => on_response = Some(fault),
            Some(Fault::DropResponse) | None => {}
        }
        let request =
            request.map(|body| FaultyBody::new(body, on_request, sent, &self.record, None));
        let answer = self.forward(request, on_response).await?;
        if fault == Some(Fault::DropResponse) {
            answer.into_body().collect().await?;
            return Err(io::Error::other("response dropped by the proxy"));
        }
        Ok(answer)
    }

    async fn forward(
        &self,
        mut request: Request<FaultyBody>,
        fault: Option<BodyFault>,
    ) -> io::Result<ProxyResponse> {
        if let Some(length) = request.body().truncated_length()
            && request.headers().contains_key(header::CONTENT_LENGTH)
        {
            request
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length.into());
        }
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        let upstream = UpstreamConnection(tokio::spawn(async move {
            // The error is ignored, because the reader of the response gets it too.
            let _ = connection.await;
        }));
        let response = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let passed = Arc::default();
        let mut answer =
            response.map(|body| FaultyBody::new(body, fault, passed, &self.record, Some(upstream)));
        if let Some(length) = answer.body().truncated_length() {
            answer
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length.into());
        }
        Ok(answer.map(FaultyBody::boxed))
    }
}

fn reject(status: StatusCode, retry_after: Option<u32>) -> ProxyResponse {
    let text = format!("rejected by the proxy with {status}\n");
    let mut answer = Response::new(Full::from(text).map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    if let Some(seconds) = retry_after {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}
