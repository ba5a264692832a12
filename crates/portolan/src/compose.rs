//! Construction of the server and its components from the configuration.

use std::sync::Arc;

use anyhow::Result;
use portolan_registry::wrap::{Policies, PolicyRules};
use portolan_server::{ReadyCheck, Server};
use portolan_store::{Jobs, Store, SystemRuntime};

use crate::config::Configuration;

/// Opens the store, binds a server to it, and starts the store's background jobs. The caller can
/// replace `policies` while the server runs.
pub(crate) async fn build_server(
    configuration: &Configuration,
    policies: PolicyRules,
) -> Result<(Server, Jobs)> {
    let runtime = Arc::new(SystemRuntime);
    let store = Arc::new(Store::open(&configuration.storage, runtime).await?);
    let registry = Arc::new(Policies::new(Arc::clone(&store) as _, policies));
    let ready = ready_check(Arc::clone(&store));
    let server = Server::bind(configuration.server.clone(), registry, ready).await?;
    store.announce(server.local_addr())?;
    let jobs = store.start_jobs();
    Ok((server, jobs))
}

/// Returns a check that succeeds while the metadata database responds.
fn ready_check(store: Arc<Store>) -> ReadyCheck {
    ReadyCheck::new(move || {
        let store = Arc::clone(&store);
        async move { store.check().await }
    })
}
