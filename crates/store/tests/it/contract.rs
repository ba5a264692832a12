//! The contract of every registry, held by the store.

use std::sync::Arc;
use std::time::Duration;

use portolan_registry::contract::Subject;
use portolan_store::{Settings, Store};

async fn fresh() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        folder: folder.path().to_owned(),
        upload_expiry: Duration::from_hours(1),
    };
    Subject::new(Arc::new(Store::open(&settings).await.unwrap()), folder)
}

portolan_registry::contract_tests!(fresh);
portolan_registry::contract_tests_local!(fresh);
