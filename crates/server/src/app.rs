//! State shared by all requests.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use portolan_registry::{Context, Registry, Result};
use tokio::sync::mpsc;

use crate::body::BodyLimits;
use crate::host_rules::HostRules;
use crate::lane::Lane;
use crate::response_memory::ResponseMemory;
use crate::settings::{Limits, Settings};
use crate::shares::{ShareLimits, Shares};

/// Readiness check: finds out whether the registry can serve requests. `/readyz` runs it.
#[derive(Clone)]
pub struct ReadyCheck(Arc<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>);

impl ReadyCheck {
    /// Creates a check from `check`, which runs once for each request to `/readyz`. The error of
    /// `check` is logged and not shown to the client.
    pub fn new<F>(check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(check())))
    }

    /// Creates a check for a registry that is ready as soon as it exists.
    pub fn always() -> Self {
        Self::new(|| std::future::ready(Ok(())))
    }

    pub(crate) async fn check(&self) -> Result<()> {
        (self.0)().await
    }
}

impl fmt::Debug for ReadyCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ReadyCheck")
    }
}

/// Registry, and the limits that all of its clients share.
///
/// Every task that works on a request holds an `Arc` of this value. When the last `Arc` is dropped,
/// no work is in progress.
pub(crate) struct App {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) ready: ReadyCheck,
    /// Context that the context of each request is derived from.
    pub(crate) context: Context,
    pub(crate) host_rules: HostRules,
    pub(crate) limits: Limits,
    pub(crate) bodies: BodyLimits,
    /// Time for a client to accept the next chunk of a response.
    pub(crate) write_timeout: Duration,
    /// Slots for concurrent pushes.
    pub(crate) uploads: Shares,
    /// Bytes of manifests that are being received or pushed.
    pub(crate) manifests: Shares,
    /// Slots for concurrent tree requests.
    pub(crate) trees: Shares,
    /// Memory for large responses.
    pub(crate) responses: ResponseMemory,
    /// Threads for heavy work.
    pub(crate) lane: Lane,
    /// Dropped with the app. This ends the receiver that [`App::new`] returns.
    _alive: mpsc::Sender<Infallible>,
}

impl App {
    /// Creates the app, and a receiver that ends when the last `Arc` of the app is dropped.
    ///
    /// # Errors
    /// Returns an error if the system starts no threads.
    pub(crate) fn new(
        settings: &Settings,
        registry: Arc<dyn Registry>,
        ready: ReadyCheck,
    ) -> io::Result<(Arc<Self>, mpsc::Receiver<Infallible>)> {
        let (alive, idle) = mpsc::channel(1);
        let limits = &settings.limits;
        let shares = |units, name| Shares::new(ShareLimits::new(settings, units, name));
        // A single manifest of the maximum size has to fit.
        let manifest_bytes = limits.manifest_memory_bytes.max(limits.manifest_bytes);
        let app = Self {
            registry,
            ready,
            context: Context::anonymous(),
            host_rules: HostRules::new(settings),
            limits: limits.clone(),
            bodies: BodyLimits::new(settings),
            write_timeout: settings.timeouts.write,
            uploads: shares(limits.uploads, "concurrent pushes"),
            manifests: shares(manifest_bytes, "bytes of manifests in progress"),
            trees: shares(limits.trees, "concurrent tree requests"),
            responses: ResponseMemory::new(settings),
            lane: Lane::new(settings)?,
            _alive: alive,
        };
        Ok((Arc::new(app), idle))
    }
}
