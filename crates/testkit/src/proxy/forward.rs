//! Passing requests on, each over a connection of its own.

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

use super::body::{Passing, Upstream};
use super::record::Record;
use super::script::Script;
use super::{BodyFault, Fault};

type Answer = Response<BoxBody<Bytes, io::Error>>;

/// Where to, with which rules.
#[derive(Clone)]
pub(super) struct Forward {
    pub(super) upstream: SocketAddr,
    pub(super) script: Arc<Script>,
    pub(super) record: Arc<Record>,
}

impl Forward {
    /// Takes connections for as long as the runtime lives.
    pub(super) async fn listen(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().serve(stream));
        }
    }

    async fn serve(self, stream: TcpStream) {
        let answer = service_fn(|request| self.answer(request));
        // A connection that breaks is what this is for.
        let _ = stream.set_nodelay(true);
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer)
            .await;
    }

    /// An error here breaks the connection.
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Answer> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let fault = self
            .script
            .fault(&method, &path, !request.body().is_end_stream());
        let sent = self.record.take(method, &path, fault);
        let (mut on_request, mut on_response) = (None, None);
        match fault {
            Some(Fault::Refuse {
                status,
                retry_after,
            }) => {
                request
                    .into_body()
                    .collect()
                    .await
                    .map_err(io::Error::other)?;
                return Ok(refuse(status, retry_after));
            }
            Some(Fault::Delay(wait)) => sleep(wait).await,
            Some(Fault::Request(fault)) => on_request = Some(fault),
            Some(Fault::Response(fault)) => on_response = Some(fault),
            Some(Fault::LoseAnswer) | None => {}
        }
        let request = request.map(|body| Passing::new(body, on_request, sent, &self.record, None));
        let answer = self.pass(request, on_response).await?;
        if fault == Some(Fault::LoseAnswer) {
            answer.into_body().collect().await?;
            return Err(io::Error::other("the proxy loses the answer"));
        }
        Ok(answer)
    }

    async fn pass(
        &self,
        mut request: Request<Passing>,
        fault: Option<BodyFault>,
    ) -> io::Result<Answer> {
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
        let upstream = Upstream(tokio::spawn(async move {
            // Why it ends is seen by whoever waits for the answer.
            let _ = connection.await;
        }));
        let response = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let passed = Arc::default();
        let mut answer =
            response.map(|body| Passing::new(body, fault, passed, &self.record, Some(upstream)));
        if let Some(length) = answer.body().truncated_length() {
            answer
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length.into());
        }
        Ok(answer.map(Passing::boxed))
    }
}

fn refuse(status: StatusCode, retry_after: Option<u32>) -> Answer {
    let text = format!("the proxy says {status}\n");
    let mut answer = Response::new(Full::from(text).map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    if let Some(seconds) = retry_after {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}
