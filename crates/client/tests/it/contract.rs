//! Contract tests for the client, against Portolan's server with the in-memory registry.

use std::sync::Arc;

use portolan_client::{Client, Scheme, Settings};
use portolan_registry::contract::TestedRegistry;
use portolan_testkit::InMemoryServer;

/// Starts a separate server for each test.
async fn fresh() -> TestedRegistry {
    let served = InMemoryServer::start().await.unwrap();
    let settings = Settings {
        scheme: Scheme::Http,
        ..Settings::new(served.address().to_string())
    };
    TestedRegistry::new(Arc::new(Client::new(settings).unwrap()), served)
}

portolan_registry::contract_tests!(fresh);
