//! Contract tests over HTTP, against a server with the reference implementation.

use std::sync::Arc;

use portolan_registry::contract::TestedRegistry;
use portolan_testkit::{HttpRegistry, InMemoryServer};

/// Starts a new server for each contract test.
async fn fresh() -> TestedRegistry {
    let served = InMemoryServer::start().await.unwrap();
    TestedRegistry::new(Arc::new(HttpRegistry::new(served.address())), served)
}

portolan_registry::contract_tests!(fresh);
