//! State shared by all requests.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use portolan_registry::{Context, Registry, Result};
use tokio::sync::mpsc;

use crate::body::BodyLimits;
use crate::host_rules::HostRules;
use crate::lane::Lane;
use crate::limits::Slots;
use crate::settings::{Limits, Settings};

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
    /// Slots for concurrent pushes.
    pub(crate) uploads: Slots,
    /// Slots for concurrent tree requests.
    pub(crate) trees: Slots,
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
        let app = Self {
            registry,
            ready,
            context: Context::anonymous(),
            host_rules: HostRules::new(settings),
            limits: settings.limits.clone(),
            bodies: BodyLimits::new(settings),
            uploads: Slots::new(settings.limits.uploads, "pushes"),
            trees: Slots::new(settings.limits.trees, "tree requests"),
            lane: Lane::new(&settings.limits)?,
            _alive: alive,
        };
        Ok((Arc::new(app), idle))
    }
}
