//! Listening, accepting connections, and graceful shutdown.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portolan_registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

use crate::app::{App, ReadyCheck};
use crate::client_address::ClientAddress;
use crate::connection::Protocol;
use crate::connections::{Connections, Slot};
use crate::middleware::request_id::RequestIds;
use crate::response_builder::ErrorChain;
use crate::router::Router;
use crate::settings::Settings;
use crate::shares::Shares;
use crate::throttle::Throttle;
use crate::tls::{self, TlsError};

/// Pause before the next accept after the system ran out of resources for connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Pause between two checks of slow bodies during the shutdown, as a divisor of its maximum time.
const SLOW_BODY_CHECKS: u32 = 60;
/// Time for which a body may be slow during the shutdown, as a divisor of its maximum time.
const SLOW_BODY_TIME: u32 = 6;

/// HTTP server of a registry. It listens, but accepts no connections before [`Server::run`].
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    protocol: Arc<Protocol>,
    connections: Arc<Connections>,
    idle: mpsc::Receiver<Infallible>,
    /// Shares whose requests have bodies.
    bodies: [Shares; 2],
    drain: Duration,
}

/// Error while starting a server.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Listening on the address failed.
    #[error("failed to listen on {address}")]
    Listen {
        /// Address to listen on.
        address: SocketAddr,
        /// Error of the system.
        source: io::Error,
    },
    /// The certificate or its key is unusable.
    #[error("failed to set up TLS")]
    Tls(#[from] TlsError),
    /// The system returned no random numbers.
    #[error("failed to get a random number from the system")]
    Random(#[from] getrandom::Error),
    /// The system started no threads.
    #[error("failed to start the threads for heavy work")]
    Threads(#[source] io::Error),
}

impl Server {
    /// Listens on the address of `settings`. Clients can connect after this call, and
    /// [`Server::run`] serves them.
    ///
    /// # Errors
    /// Returns [`BindError`] if the address, the certificate, the system's random numbers or threads
    /// are unavailable.
    pub async fn bind(
        settings: Settings,
        registry: Arc<dyn Registry>,
        ready: ReadyCheck,
    ) -> Result<Self, BindError> {
        let tls = settings.tls.as_ref().map(tls::acceptor).transpose()?;
        let ids = RequestIds::new(getrandom::u64()?);
        let listen_error = |source| BindError::Listen {
            address: settings.listen,
            source,
        };
        let listener = TcpListener::bind(settings.listen)
            .await
            .map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let (app, idle) = App::new(&settings, registry, ready).map_err(BindError::Threads)?;
        let bodies = [app.uploads.clone(), app.manifests.clone()];
        let router = Router::new(app, ids, settings.trusted_proxies.clone());
        Ok(Self {
            listener,
            address,
            protocol: Arc::new(Protocol::new(&settings, Arc::new(router), tls)),
            connections: Connections::new(&settings),
            idle,
            bodies,
            drain: settings.timeouts.drain,
        })
    }

    /// Returns the address that clients connect to, with the actual port if port 0 was requested.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns whether clients have to use TLS.
    pub fn is_tls(&self) -> bool {
        self.protocol.is_tls()
    }

    /// Serves until `shutdown` ends. After that, accepts no more requests, and finishes the
    /// requests in progress.
    ///
    /// Connections without a request in progress are closed at once. The others are closed when
    /// `abort` ends, or after [`Timeouts::drain`](crate::Timeouts::drain). Request bodies that arrive
    /// slower than [`Limits::body_rate`](crate::Limits::body_rate) end earlier, with 408.
    pub async fn run(self, shutdown: impl Future<Output = ()>, abort: impl Future<Output = ()>) {
        let mut tasks = JoinSet::new();
        tokio::select! {
            () = shutdown => (),
            () = self.accept(&mut tasks) => (),
            () = self.connections.keep_within_limits() => (),
        }
        let Self {
            listener,
            protocol,
            connections,
            idle,
            bodies,
            drain,
            ..
        } = self;
        // Dropping the listener rejects new connections. Dropping the protocol releases the
        // router's reference to the app. Otherwise `idle` would never end.
        drop((listener, protocol));
        connections.close_all();
        let end = async {
            tokio::select! {
                () = abort => "a second signal",
                () = sleep(drain) => "the time limit",
            }
        };
        tokio::select! {
            () = finish(tasks, idle, end) => (),
            never = end_slow_bodies(&bodies, drain) => match never {},
        }
    }

    /// Accepts connections, and serves each in a separate task in `tasks`.
    async fn accept(&self, tasks: &mut JoinSet<()>) {
        let mut errors = Throttle::default();
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let (protocol, client) = (self.protocol.clone(), ClientAddress::from(address));
                    let slot = self.connections.enter(&client);
                    drop(tasks.spawn(serve(protocol, stream, client, slot)));
                }
                Err(error) if is_client_error(&error) => (),
                Err(error) => {
                    if let Some(skipped) = errors.permit(Instant::now()) {
                        tracing::error!(%error, skipped, "failed to accept a connection");
                    }
                    // Typically no file descriptors are left. Wait, because accepting again at once
                    // would fail in a busy loop.
                    sleep(ACCEPT_PAUSE).await;
                }
            }
            while let Some(ended) = tasks.try_join_next() {
                log_panic(ended);
            }
        }
    }
}

async fn serve(protocol: Arc<Protocol>, stream: TcpStream, client: ClientAddress, slot: Slot) {
    if !slot.opens().await {
        return;
    }
    // Pinned before it is selected: a move would reserve its memory twice in the task.
    let mut serving = pin!(protocol.serve(stream, client, slot.state()));
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = slot.state().wait_abort() => Ok(()),
    };
    // Clients often drop connections. This does not concern the operator, so do not log an error.
    if let Err(error) = served {
        tracing::debug!(client = %client.address, error = %ErrorChain(&*error), "a connection ended with an error");
    }
}

/// Waits until all connections have ended, and after that until all detached work has ended. When
/// `end` returns its reason, closes the remaining connections and abandons the remaining work.
async fn finish(
    mut tasks: JoinSet<()>,
    mut idle: mpsc::Receiver<Infallible>,
    end: impl Future<Output = &'static str>,
) {
    let drained = async {
        while let Some(ended) = tasks.join_next().await {
            log_panic(ended);
        }
        idle.recv().await;
    };
    let reason = tokio::select! {
        () = drained => return,
        reason = end => reason,
    };
    tracing::warn!(
        reason,
        connections = tasks.len(),
        "shutdown ends before all requests, open connections are closed and detached work is abandoned"
    );
    tasks.shutdown().await;
}

/// Ends request bodies that arrive too slowly during a shutdown that takes `drain` at most.
async fn end_slow_bodies(bodies: &[Shares], drain: Duration) -> Infallible {
    loop {
        for shares in bodies {
            shares.end_slow_bodies(drain / SLOW_BODY_TIME);
        }
        sleep(drain / SLOW_BODY_CHECKS).await;
    }
}

fn log_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection task panicked");
    }
}

/// Returns whether an error concerns a single connection that closed before it was accepted.
fn is_client_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
