//! The contract, through the client, a server and HTTP, over the reference implementation.

use std::future::pending;
use std::sync::Arc;

use portolan_client::{Client, Scheme, Settings};
use portolan_registry::contract::Subject;
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::wrap::{Policies, PolicyRule};
use portolan_registry::{Preset, Registry};
use portolan_server::{ReadyCheck, Server};
use tokio::task::JoinSet;

/// A server of its own for each behaviour, stopped when the guard is dropped.
async fn fresh() -> Subject {
    let sparse = PolicyRule::new("sparse/**", Preset::Sparse.into()).unwrap();
    let registry: Arc<dyn Registry> = Arc::new(Policies::new(Arc::new(MemoryRegistry::new()), vec![sparse]));
    let settings = portolan_server::Settings::default();
    let server = Server::bind(settings, registry, ReadyCheck::always()).await.unwrap();
    let settings = Settings { scheme: Scheme::Http, ..Settings::new(server.local_addr().to_string()) };
    let client = Client::new(settings).unwrap();
    let mut running = JoinSet::new();
    running.spawn(server.run(pending()));
    Subject::new(Arc::new(client), running)
}

portolan_registry::contract_tests!(fresh);
