//! Contract tests for a store whose metadata is in PostgreSQL.

use std::path::PathBuf;
use std::sync::Arc;

use portolan_registry::contract::TestedRegistry;

use super::{Database, Store, SystemRuntime, settings};
use crate::metadata::tests::Postgres;

async fn fresh() -> TestedRegistry {
    let folder = tempfile::tempdir().unwrap();
    let open = |_: PathBuf| Postgres::open().map(Database::Postgres);
    let store = Store::open_with(&settings(&folder), Arc::new(SystemRuntime), open).await;
    TestedRegistry::local(Arc::new(store.unwrap()), folder)
}

portolan_registry::contract_tests!(fresh);
portolan_registry::contract_tests_local!(fresh);
