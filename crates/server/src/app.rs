//! What all requests share.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use portolan_registry::{Context, Registry, Result};
use tokio::sync::mpsc;

use crate::body::BodyLimits;
use crate::limits::Slots;
use crate::settings::{Limits, Settings};

/// Says whether the registry can serve: what `/readyz` asks.
#[derive(Clone)]
pub struct ReadyCheck(Arc<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>);

impl ReadyCheck {
    /// A check that is made anew for each request; its error is logged and not shown to the client.
    pub fn new<F>(check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(check())))
    }

    /// For a registry that is ready as soon as it is there.
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

/// The registry, and the limits that hold for all of its clients together.
///
/// Whatever works for a request holds this: when it is dropped, no work is under way any more.
pub(crate) struct App {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) ready: ReadyCheck,
    pub(crate) context: Context,
    pub(crate) limits: Limits,
    pub(crate) bodies: BodyLimits,
    pub(crate) uploads: Slots,
    pub(crate) trees: Slots,
    _alive: mpsc::Sender<Infallible>,
}

impl App {
    /// The second value ends once nobody holds the first any more.
    pub(crate) fn new(
        settings: &Settings,
        registry: Arc<dyn Registry>,
        ready: ReadyCheck,
    ) -> (Arc<Self>, mpsc::Receiver<Infallible>) {
        let (alive, idle) = mpsc::channel(1);
        let app = Self {
            registry,
            ready,
            context: Context::anonymous(),
            limits: settings.limits.clone(),
            bodies: BodyLimits::new(settings),
            uploads: Slots::new(settings.limits.uploads, "pushes"),
            trees: Slots::new(settings.limits.trees, "looks at whole trees"),
            _alive: alive,
        };
        (Arc::new(app), idle)
    }
}
