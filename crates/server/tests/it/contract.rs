//! The contract, through a server and HTTP, over the reference implementation.

use std::sync::Arc;

use portolan_registry::contract::Subject;
use portolan_testkit::{HttpRegistry, Served};

/// A server of its own for each behaviour.
async fn fresh() -> Subject {
    let served = Served::in_memory().await.unwrap();
    Subject::new(Arc::new(HttpRegistry::new(served.address())), served)
}

portolan_registry::contract_tests!(fresh);
