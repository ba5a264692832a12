//! Work that continues after the client that requested it disconnects.

use std::sync::Arc;

use portolan_registry::Result;

use crate::app::App;
use crate::lane::{LaneShare, task_error};

/// Runs `work` in a separate task. It completes even if the client disconnects.
///
/// A broken connection drops the handler that serves it. A push whose content has arrived must
/// either complete or fail, so it must not be dropped halfway. Server shutdown waits for the work
/// too, since the work holds the app.
///
/// # Errors
/// Returns the error of `work`, or [`Kind::Internal`](portolan_registry::Kind::Internal) if it
/// panics.
pub(crate) async fn run_detached<T, F>(
    app: &Arc<App>,
    work: impl FnOnce(Arc<App>) -> F,
) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    run_detached_in(LaneShare::default(), app, work).await
}

/// Runs `work` like [`run_detached`], with a share of the lane for heavy work.
pub(crate) async fn run_detached_in<T, F>(
    share: LaneShare,
    app: &Arc<App>,
    work: impl FnOnce(Arc<App>) -> F,
) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    share.spawn(work(app.clone())).await.map_err(task_error)?
}
