//! Listening, accepting, and stopping without tearing anything.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use portolan_registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

use crate::app::{App, ReadyCheck};
use crate::connection::Protocol;
use crate::middleware::request_id::RequestIds;
use crate::reply::Causes;
use crate::router::router;
use crate::settings::Settings;
use crate::tls::{self, TlsError};

/// How long accepting pauses when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// A registry's HTTP server, which listens but has not accepted anybody yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    protocol: Arc<Protocol>,
    connections: Arc<Semaphore>,
    idle: mpsc::Receiver<Infallible>,
    drain: Duration,
}

/// Why a server could not begin.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("listening on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate or its key is of no use.
    #[error("preparing TLS")]
    Tls(#[from] TlsError),
    /// The system gives no random numbers.
    #[error("asking the system for a random number")]
    Random(#[from] getrandom::Error),
}

impl Server {
    /// Listens on the address of `settings`. Clients can connect from now on; they are served by
    /// [`Server::run`].
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn bind(
        settings: Settings,
        registry: Arc<dyn Registry>,
        ready: ReadyCheck,
    ) -> Result<Self, BindError> {
        let tls = settings.tls.as_ref().map(tls::acceptor).transpose()?;
        let ids = RequestIds::new(getrandom::u64()?);
        let refused = |source| BindError::Listen {
            address: settings.listen,
            source,
        };
        let listener = TcpListener::bind(settings.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (app, idle) = App::new(&settings, registry, ready);
        Ok(Self {
            listener,
            address,
            protocol: Arc::new(Protocol::new(&settings, router(app, ids), tls)),
            connections: Arc::new(Semaphore::new(
                settings.limits.connections.min(Semaphore::MAX_PERMITS),
            )),
            idle,
            drain: settings.timeouts.drain,
        })
    }

    /// The address that clients connect to, its port known even when any was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Whether clients have to speak TLS.
    pub fn is_tls(&self) -> bool {
        self.protocol.is_tls()
    }

    /// Serves until `shutdown` ends, then takes no more requests and finishes those under way.
    ///
    /// What is not finished within [`Timeouts::drain`](crate::Timeouts::drain) is cut off.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let stop = GracefulShutdown::new();
        let mut tasks = JoinSet::new();
        tokio::select! {
            () = shutdown => (),
            () = self.accept(&stop, &mut tasks) => (),
        }
        let Self {
            listener,
            protocol,
            idle,
            drain,
            ..
        } = self;
        drop((listener, protocol));
        finish(stop, tasks, idle, Instant::now() + drain).await;
    }

    async fn accept(&self, stop: &GracefulShutdown, tasks: &mut JoinSet<()>) {
        while let Ok(place) = self.connections.clone().acquire_owned().await {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    drop(tasks.spawn(serve(self.protocol.clone(), stream, place, stop.watcher())))
                }
                Err(error) if is_about_one_client(&error) => (),
                Err(error) => {
                    tracing::error!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                }
            }
            while let Some(ended) = tasks.try_join_next() {
                report(ended);
            }
        }
    }
}

async fn serve(
    protocol: Arc<Protocol>,
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    stop: Watcher,
) {
    // Clients break connections off all the time; none of that is the operator's business.
    if let Err(error) = protocol.serve(stream, stop).await {
        tracing::debug!(error = %Causes(&*error), "a connection ended early");
    }
}

/// Waits for connections, then for work that went on without them, and cuts off what is late.
async fn finish(
    stop: GracefulShutdown,
    mut tasks: JoinSet<()>,
    mut idle: mpsc::Receiver<Infallible>,
    deadline: Instant,
) {
    let ending = async {
        while let Some(ended) = tasks.join_next().await {
            report(ended);
        }
    };
    if timeout_at(deadline, async { tokio::join!(stop.shutdown(), ending) })
        .await
        .is_err()
    {
        tracing::warn!(
            connections = tasks.len(),
            "the time to stop is over, connections are cut off"
        );
        tasks.shutdown().await;
    }
    if timeout_at(deadline, idle.recv()).await.is_err() {
        tracing::warn!("the time to stop is over, work that nobody waits for is left behind");
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "serving a connection panicked");
    }
}

/// Errors of a connection that was gone before it was accepted.
fn is_about_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
