//! From the configuration to the components: the one place that knows all of them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use portolan_registry::wrap::{Policies, PolicyRules};
use portolan_registry::{Context, Lister, PageRequest};
use portolan_server::{ReadyCheck, Server};
use portolan_store::{Sqlite, Store};

use crate::config::Configuration;

/// How often upload sessions are looked at for having stood still.
const EXPIRY_INTERVAL: Duration = Duration::from_mins(1);

/// A server that listens, on the store that the configuration names. Its policies can be replaced later.
pub(crate) async fn server(configuration: &Configuration, policies: PolicyRules) -> Result<Server> {
    let settings = portolan_store::Settings {
        folder: configuration.storage.folder.clone(),
        upload_expiry: configuration.storage.uploads.expire,
    };
    let store = Arc::new(Store::open(&settings).await?);
    let registry = Arc::new(Policies::new(Arc::clone(&store) as _, policies));
    let ready = ready_check(Arc::clone(&store));
    let server = Server::bind(configuration.server_settings(), registry, ready).await?;
    store.announce(server.local_addr())?;
    tokio::spawn(expire_uploads(store, configuration.storage.uploads.expire));
    Ok(server)
}

/// The server is ready while the metadata answers.
fn ready_check(store: Arc<Store<Sqlite>>) -> ReadyCheck {
    ReadyCheck::new(move || {
        let store = Arc::clone(&store);
        async move {
            store
                .repositories(&Context::anonymous(), &PageRequest::first(1))
                .await
                .map(drop)
        }
    })
}

/// Ends idle upload sessions, for as long as the process runs.
async fn expire_uploads(store: Arc<Store<Sqlite>>, expiry: Duration) {
    let mut interval =
        tokio::time::interval(EXPIRY_INTERVAL.min(expiry).max(Duration::from_secs(1)));
    loop {
        interval.tick().await;
        match store.expire_uploads().await {
            Ok(0) => (),
            Ok(count) => tracing::info!(count, "idle upload sessions ended"),
            Err(error) => tracing::error!(%error, "idle upload sessions could not be ended"),
        }
    }
}
