//! The contract, through the client, a server and HTTP, over the reference implementation.

use std::sync::Arc;

use portolan_client::{Client, Scheme, Settings};
use portolan_registry::contract::Subject;
use portolan_testkit::Served;

/// A server of its own for each behaviour.
async fn fresh() -> Subject {
    let served = Served::in_memory().await.unwrap();
    let settings = Settings {
        scheme: Scheme::Http,
        ..Settings::new(served.address().to_string())
    };
    Subject::new(Arc::new(Client::new(settings).unwrap()), served)
}

portolan_registry::contract_tests!(fresh);
