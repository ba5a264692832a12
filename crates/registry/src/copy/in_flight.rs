//! Coordination of concurrent transfers of the same blob: one copy request transfers the blob, and
//! the other requests wait and mount it afterwards.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use portolan_model::{Digest, RepositoryName};

use crate::Registry;

/// Repository that has received a certain blob from this copier, if there is one. The lock is held
/// during a transfer of the blob.
pub(super) type Claim = Arc<tokio::sync::Mutex<Option<RepositoryName>>>;

/// Claims of all copy requests of a [`Copier`](super::Copier), by registry and blob.
#[derive(Default)]
pub(super) struct InFlight(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    // A registry is identified by its address in memory. The references here prevent another
    // registry from getting the address of a registry that was dropped.
    registries: Vec<Arc<dyn Registry>>,
    claims: HashMap<(usize, Digest), Claim>,
}

impl InFlight {
    /// Returns the claim of a blob in a registry. The caller must lock it before it transfers the
    /// blob.
    pub(super) fn claim(&self, registry: &Arc<dyn Registry>, digest: &Digest) -> Claim {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = entries.registry_index(registry);
        Arc::clone(entries.claims.entry((number, digest.clone())).or_default())
    }
}

impl Entries {
    fn registry_index(&mut self, registry: &Arc<dyn Registry>) -> usize {
        let known = self
            .registries
            .iter()
            .position(|known| Arc::ptr_eq(known, registry));
        known.unwrap_or_else(|| {
            self.registries.push(Arc::clone(registry));
            self.registries.len() - 1
        })
    }
}
