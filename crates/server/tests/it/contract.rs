//! The contract, through a server and HTTP, over the reference implementation.

use std::future::pending;
use std::sync::Arc;

use portolan_registry::contract::Subject;
use portolan_registry::memory::MemoryRegistry;
use portolan_registry::wrap::{Policies, PolicyRule};
use portolan_registry::{Preset, Registry};
use portolan_server::{ReadyCheck, Server, Settings};
use portolan_testkit::HttpRegistry;
use tokio::task::JoinSet;

/// A server of its own for each behaviour, stopped when the guard is dropped.
async fn fresh() -> Subject {
    let sparse = PolicyRule::new("sparse/**", Preset::Sparse.into()).unwrap();
    let registry: Arc<dyn Registry> = Arc::new(Policies::new(Arc::new(MemoryRegistry::new()), vec![sparse]));
    let server = Server::bind(Settings::default(), registry, ReadyCheck::always()).await.unwrap();
    let client = HttpRegistry::new(server.local_addr());
    let mut running = JoinSet::new();
    running.spawn(server.run(pending()));
    Subject::new(Arc::new(client), running)
}

portolan_registry::contract_tests!(fresh);
