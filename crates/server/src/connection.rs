//! Connections: TLS if a certificate is configured, then HTTP/1.1, or HTTP/2 if ALPN selected it.
//!
//! The protocol is never guessed from the first bytes: guessing has to wait for those bytes, and a
//! silent client would block it forever.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum_core::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::client_address::ClientAddress;
use crate::connections::{ConnectionState, Counted, RequestGuard};
use crate::observed_stream::ObservedStream;
use crate::router::Router;
use crate::settings::Settings;
use crate::tls::H2;

/// Maximum number of bytes buffered for reading and writing, per HTTP/1.1 connection. While a request
/// waits, up to three buffers of its body are in memory.
const HTTP1_BUFFER: usize = 64 << 10;
/// Maximum number of concurrent requests on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// Flow control window of one HTTP/2 request.
const STREAM_WINDOW: u32 = 1 << 20;
/// Flow control window of one HTTP/2 connection. The server holds as many bytes of request bodies that it
/// has not read yet.
const CONNECTION_WINDOW: u32 = 1 << 20;

/// Default limit of hyper on the number of header lines. With the default, hyper parses headers on
/// the stack. Setting a limit, even to this value, costs an allocation for each request.
const HYPER_HEADER_LINES: usize = 100;

/// Time for an HTTP/2 client to learn that its connection ends, so that it sends no request that
/// is lost. HTTP/1.1 has no such message.
const HTTP2_GOODBYE: Duration = Duration::from_millis(200);

type Socket = Pin<Box<TimeoutStream<ObservedStream>>>;
type Error = Box<dyn std::error::Error + Send + Sync>;

/// TLS and HTTP settings that all connections share.
pub(crate) struct Protocol {
    router: Arc<Router>,
    tls: Option<TlsAcceptor>,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    handshake: Duration,
    write: Duration,
    idle: Duration,
}

impl Protocol {
    pub(crate) fn new(settings: &Settings, router: Arc<Router>, tls: Option<TlsAcceptor>) -> Self {
        Self {
            router,
            tls,
            http1: http1(settings),
            http2: http2(settings),
            handshake: settings.timeouts.handshake,
            write: settings.timeouts.write,
            // A ping is sent after one header timeout without data, and must be answered within
            // another header timeout.
            idle: settings.timeouts.header.saturating_mul(2),
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves one connection until either side closes it, or its end is requested. Requests in
    /// progress finish before the end.
    pub(crate) async fn serve(
        &self,
        stream: TcpStream,
        client: ClientAddress,
        state: &Arc<ConnectionState>,
    ) -> Result<(), Error> {
        // Without this, a small response waits for the acknowledgement of the previous response.
        stream.set_nodelay(true)?;
        let mut socket = TimeoutStream::new(ObservedStream {
            stream,
            state: state.clone(),
        });
        socket.set_write_timeout(Some(self.write));
        let socket = Box::pin(socket);
        let Some(tls) = &self.tls else {
            return self.serve_http1(socket, client, state).await;
        };
        let mut socket = tokio::select! {
            socket = self.shake_hands(tls, socket) => socket?,
            () = state.closing() => return Ok(()),
        };
        if socket.get_ref().1.alpn_protocol() != Some(H2) {
            return self.serve_http1(socket, client, state).await;
        }
        // A live client answers keep-alive pings more often than this, so after a longer silence
        // the connection is dead.
        socket
            .get_mut()
            .0
            .as_mut()
            .set_read_timeout_pinned(Some(self.idle));
        state.set_http2();
        let service = self.service(client, state);
        let connection = pin!(self.http2.serve_connection(TokioIo::new(socket), service));
        Ok(run_until_closed(connection, state, HTTP2_GOODBYE).await?)
    }

    async fn serve_http1<S>(
        &self,
        socket: S,
        client: ClientAddress,
        state: &Arc<ConnectionState>,
    ) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = self.service(client, state);
        let connection = pin!(self.http1.serve_connection(TokioIo::new(socket), service));
        Ok(run_until_closed(connection, state, Duration::ZERO).await?)
    }

    /// Returns the service for the requests of one connection. It adds the client's address to each
    /// request, and counts it as in progress until both bodies are complete.
    fn service(
        &self,
        client: ClientAddress,
        state: &Arc<ConnectionState>,
    ) -> impl HttpService<
        Incoming,
        ResBody = Counted<Body>,
        Error = Infallible,
        Future: Send + 'static,
    > + use<> {
        let (router, state) = (Arc::clone(&self.router), state.clone());
        service_fn(move |request: Request<Incoming>| {
            let (router, guard) = (Arc::clone(&router), RequestGuard::begin(&state));
            let request = request.map(|body| Body::new(guard.count(body)));
            // In a box, because hyper keeps room for a response in each idle connection.
            Box::pin(async move {
                let response = router.respond(client, request).await;
                Ok(response.map(|body| guard.count(body)))
            })
        })
    }

    async fn shake_hands(
        &self,
        tls: &TlsAcceptor,
        socket: Socket,
    ) -> io::Result<TlsStream<Socket>> {
        let timed_out = || io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake timed out");
        timeout(self.handshake, tls.accept(socket))
            .await
            .map_err(|_| timed_out())?
    }
}

/// Runs a connection until it ends. When its end is requested, requests in progress finish, and the
/// client has the time `goodbye` to end the connection.
async fn run_until_closed<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    state: &ConnectionState,
    goodbye: Duration,
) -> Result<(), C::Error> {
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = state.closing() => connection.as_mut().graceful_shutdown(),
    }
    if let Ok(ended) = timeout(goodbye, connection.as_mut()).await {
        return ended;
    }
    // hyper waits for the rest of a request head, which may never arrive.
    poll_fn(|context| match connection.as_mut().poll(context) {
        Poll::Pending if state.is_quiet() => Poll::Ready(Ok(())),
        polled => polled,
    })
    .await
}

fn http1(settings: &Settings) -> http1::Builder {
    let mut builder = http1::Builder::new();
    if settings.limits.header_lines != HYPER_HEADER_LINES {
        builder.max_headers(settings.limits.header_lines);
    }
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(settings.timeouts.header)
        .max_header_size(settings.limits.header_bytes)
        .max_buf_size(HTTP1_BUFFER.max(settings.limits.header_bytes));
    builder
}

fn http2(settings: &Settings) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(settings.limits.header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(settings.timeouts.header)
        .keep_alive_timeout(settings.timeouts.header);
    builder
}
