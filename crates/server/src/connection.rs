//! One connection: TLS if there is a certificate, then HTTP/1.1, or HTTP/2 where ALPN chose it.
//!
//! Which protocol is spoken is never guessed from the first bytes: who guesses has to wait for
//! them, and a silent client would be waited for without end.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::settings::Settings;
use crate::tls::H2;

/// Most bytes that are read ahead and that wait to be written, for one HTTP/1.1 connection.
const BUFFER: usize = 256 << 10;
/// Most requests at once on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// Most bytes of a body that one HTTP/2 request may have under way, and all of a connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// The limit that hyper has by itself, and keeps on the stack; any other one costs an allocation for
/// each request, even if it is the same.
const HYPER_HEADER_LINES: usize = 100;

type Socket = Pin<Box<TimeoutStream<TcpStream>>>;
type Error = Box<dyn std::error::Error + Send + Sync>;

/// How connections are served; one for all of them.
pub(crate) struct Protocol {
    router: Router,
    tls: Option<TlsAcceptor>,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    handshake: Duration,
    write: Duration,
    silence: Duration,
}

impl Protocol {
    pub(crate) fn new(settings: &Settings, router: Router, tls: Option<TlsAcceptor>) -> Self {
        Self {
            router,
            tls,
            http1: http1(settings),
            http2: http2(settings),
            handshake: settings.timeouts.handshake,
            write: settings.timeouts.write,
            silence: settings.timeouts.header.saturating_mul(2),
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves one connection until either side ends it. When `stop` says so, the requests under way
    /// are finished and no more are taken.
    pub(crate) async fn serve(&self, stream: TcpStream, stop: Watcher) -> Result<(), Error> {
        // Without this a small answer waits for the acknowledgement of the one before it.
        stream.set_nodelay(true)?;
        let mut socket = TimeoutStream::new(stream);
        socket.set_write_timeout(Some(self.write));
        let socket = Box::pin(socket);
        let Some(tls) = &self.tls else {
            return self.serve_http1(socket, stop).await;
        };
        let mut socket = self.shake_hands(tls, socket).await?;
        if socket.get_ref().1.alpn_protocol() != Some(H2) {
            return self.serve_http1(socket, stop).await;
        }
        // Pings are answered more often than this by whoever is still there.
        socket
            .get_mut()
            .0
            .as_mut()
            .set_read_timeout_pinned(Some(self.silence));
        let service = TowerToHyperService::new(self.router.clone());
        Ok(stop
            .watch(self.http2.serve_connection(TokioIo::new(socket), service))
            .await?)
    }

    async fn serve_http1<S>(&self, socket: S, stop: Watcher) -> Result<(), Error>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let service = TowerToHyperService::new(self.router.clone());
        Ok(stop
            .watch(self.http1.serve_connection(TokioIo::new(socket), service))
            .await?)
    }

    async fn shake_hands(
        &self,
        tls: &TlsAcceptor,
        socket: Socket,
    ) -> io::Result<TlsStream<Socket>> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long");
        timeout(self.handshake, tls.accept(socket))
            .await
            .map_err(|_| late())?
    }
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
        .max_buf_size(BUFFER.max(settings.limits.header_bytes));
    builder
}

fn http2(settings: &Settings) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(settings.limits.header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(settings.timeouts.header)
        .keep_alive_timeout(settings.timeouts.header);
    builder
}
