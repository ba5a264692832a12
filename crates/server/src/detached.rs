//! Work that goes on when the client that asked for it hangs up.

use std::sync::Arc;

use portolan_registry::{Error, Result};

use crate::app::App;

/// Runs `work` to its end, whether or not anybody still waits for what it says.
///
/// A connection that breaks drops the handler that it was waiting for. A push whose content is all
/// there has to be done or not done, so it must not be dropped halfway. A server that stops waits
/// for it, too, since it holds the app.
///
/// # Errors
/// Those of `work`; [`Kind::Internal`](portolan_registry::Kind::Internal) when it panics.
pub(crate) async fn detached<T, F>(app: &Arc<App>, work: impl FnOnce(Arc<App>) -> F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    match tokio::spawn(work(app.clone())).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal(
            "the work for this request ended early",
            error,
        )),
    }
}
