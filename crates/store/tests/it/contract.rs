//! Contract tests for the store.

use std::sync::Arc;

use portolan_registry::contract::TestedRegistry;
use portolan_store::{Settings, Store, SystemRuntime};

async fn fresh() -> TestedRegistry {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        folder: folder.path().to_owned(),
        ..Settings::default()
    };
    let store = Store::open(&settings, Arc::new(SystemRuntime))
        .await
        .unwrap();
    TestedRegistry::local(Arc::new(store), folder)
}

portolan_registry::contract_tests!(fresh);
portolan_registry::contract_tests_local!(fresh);
